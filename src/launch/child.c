#include "launch/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV_OWN    5
#define LISTEN_PID "LISTEN_PID="
#define PID_ROOM   24

extern char **environ;

static int compare_fds(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return left < right ? -1 : left > right;
}

void child_find_kept(struct child_kept *ret_kept)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    ret_kept->count = 0;
    while (directory != NULL && (entry = readdir(directory)) != NULL && ret_kept->count < CHILD_KEPT_MAX) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > STDERR_FILENO && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) {
            ret_kept->fds[ret_kept->count++] = (unsigned)fd;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    qsort(ret_kept->fds, ret_kept->count, sizeof(ret_kept->fds[0]), compare_fds);
}

/* Marks all but those to be closed by the exec. A kernel before 5.11 cannot: they are then inherited, and
 * harmless. */
static void mark_ours(const struct child_kept *kept)
{
    unsigned from = STDERR_FILENO + 1;
    for (size_t i = 0; kept != NULL && i < kept->count; i++) {
        if (kept->fds[i] > from) {
            (void)close_range(from, kept->fds[i] - 1, CLOSE_RANGE_CLOEXEC);
        }
        from = kept->fds[i] + 1;
    }
    (void)close_range(from, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}

static void take_descriptor(int from, int to)
{
    if (from >= 0 && from != to) {
        dup2(from, to);
    }
}

/* Sockets that systemd hands over are meant for the process whose pid LISTEN_PID is: they are the command's
 * now. */
static void claim_listen(char *const *env, pid_t parent)
{
    char digits[PID_ROOM];
    size_t name = strlen(LISTEN_PID);
    for (; *env != NULL; env++) {
        if (strncmp(*env, LISTEN_PID, name) != 0 || strtol(*env + name, NULL, 10) != parent) {
            continue;
        }
        size_t count = 0, at = name;
        for (pid_t pid = getpid(); pid > 0; pid /= 10) {
            digits[count++] = (char)('0' + pid % 10);
        }
        while (count > 0) { /* copy_entry() left room for it */
            (*env)[at++] = digits[--count];
        }
        (*env)[at] = '\0';
    }
}

/* Between fork and exec: nothing here may allocate or lock. */
static _Noreturn void become(const struct child_options *options, pid_t parent, int failure)
{
    if (options->own_session) {
        setsid();
    }
    if (options->parent_death_signal != 0) {
        prctl(PR_SET_PDEATHSIG, options->parent_death_signal);
        if (getppid() != parent) {
            _exit(127); /* it died before the line above could matter */
        }
    }
    take_descriptor(options->input, STDIN_FILENO);
    take_descriptor(options->output, STDOUT_FILENO);
    take_descriptor(options->error, STDERR_FILENO);
    if (options->files != NULL) {
        setrlimit(RLIMIT_NOFILE, options->files);
    }
    if (options->kept != NULL) {
        claim_listen(options->env, parent);
    }
    mark_ours(options->kept);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, options->mask, NULL);
    execvpe(options->argv[0], options->argv, options->env);
    int error = errno;
    (void)!write(failure, &error, sizeof(error));
    _exit(127);
}

int child_spawn(const struct child_options *options, pid_t *ret_pid)
{
    int pipes[2], error = 0;
    pid_t parent = getpid();
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(options, parent, pipes[1]);
    }
    if (pid < 0) {
        error = errno;
    }
    close(pipes[1]);
    while (pid > 0) {
        ssize_t size = read(pipes[0], &error, sizeof(error));
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size == (ssize_t)sizeof(error)) {
            waitpid(pid, NULL, 0);
        } else {
            error = 0;
        }
        break;
    }
    close(pipes[0]);
    if (error != 0) {
        return -error;
    }
    *ret_pid = pid;
    return 0;
}

static bool is_ours(const char *entry)
{
    static const char *const names[] = {
        "HEADGATE_FLEET=", "HEADGATE_INSTANCE=", "HEADGATE_FENCE=", "HEADGATE_ATTEMPT=", "HEADGATE_PID="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* With room for another pid where one may have to be written. */
static char *copy_entry(const char *entry)
{
    size_t size = strlen(entry) + 1;
    char *copy = malloc(size + (strncmp(entry, LISTEN_PID, strlen(LISTEN_PID)) == 0 ? PID_ROOM : 0));
    return copy == NULL ? NULL : memcpy(copy, entry, size);
}

char **child_env_make(const struct child_permit *permit)
{
    size_t count = 0, used = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **env = calloc(count + ENV_OWN + 1, sizeof(*env));
    if (env == NULL) {
        return NULL;
    }
    bool ok = asprintf(&env[used], "HEADGATE_FLEET=%s", permit->fleet) >= 0;
    ok = ok && asprintf(&env[++used], "HEADGATE_INSTANCE=%s", permit->instance) >= 0;
    ok = ok && asprintf(&env[++used], "HEADGATE_FENCE=%lld", (long long)permit->fence) >= 0;
    ok = ok && asprintf(&env[++used], "HEADGATE_ATTEMPT=%lld", (long long)permit->attempt) >= 0;
    if (ok && permit->pid != 0) {
        ok = asprintf(&env[++used], "HEADGATE_PID=%lld", (long long)permit->pid) >= 0;
    }
    for (size_t i = 0; i < count && ok; i++) {
        if (!is_ours(environ[i])) {
            env[++used] = copy_entry(environ[i]);
            ok = env[used] != NULL;
        }
    }
    if (!ok) {
        env[used] = NULL; /* what a failed asprintf() leaves there is undefined */
        child_env_free(env);
        return NULL;
    }
    return env;
}

void child_env_free(char **env)
{
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        free(env[i]);
    }
    free(env);
}

void child_fill_standard(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int check_program(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno == EACCES ? EACCES : ENOENT;
    }
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

int child_find(const char *program)
{
    if (strchr(program, '/') != NULL) {
        return check_program(program);
    }
    const char *path = getenv("PATH");
    int error = ENOENT;
    for (path = path == NULL ? "/bin:/usr/bin" : path; program[0] != '\0'; path += strcspn(path, ":") + 1) {
        char full[4096];
        size_t size = strcspn(path, ":");
        snprintf(full, sizeof(full), "%.*s%s%s", (int)size, path, size == 0 ? "./" : "/", program);
        int found = check_program(full);
        if (found == 0) {
            return 0;
        }
        error = found == EACCES ? EACCES : error;
        if (path[size] == '\0') {
            break;
        }
    }
    return error;
}
