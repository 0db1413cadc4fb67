#include "process.h"

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run_child(const struct process *process, const char *const *argv, const char *const *environment,
                      pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strchr(environment[i], '=') != NULL) {
            putenv((char *)(uintptr_t)environment[i]);
        } else {
            unsetenv(environment[i]);
        }
    }
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(fileno(process->out), STDOUT_FILENO);
    dup2(fileno(process->err), STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int process_start(struct process *process, const char *const *argv, const char *const *environment)
{
    *process = (struct process){.out = tmpfile(), .err = tmpfile()};
    if (process->out == NULL || process->err == NULL) {
        perror("tmpfile");
        return -1;
    }
    pid_t parent = getpid();
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0) {
        run_child(process, argv, environment, parent);
    }
    return process->pid < 0 ? -1 : 0;
}

void process_signal(const struct process *process, int signal_number)
{
    if (process->pid > 0) {
        kill(process->pid, signal_number);
    }
}

char *process_output(const struct process *process, bool err)
{
    int fd = fileno(err ? process->err : process->out);
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)(size < 0 ? 0 : size) + 1);
    if (text == NULL || pread(fd, text, (size_t)size, 0) != size) {
        perror("reading what a process printed");
        abort();
    }
    return text;
}

void process_wait(struct process *process, int64_t timeout_ms, struct process_result *ret_result)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    int status = 0, code = -1;
    while (waitpid(process->pid, &status, WNOHANG) == 0) {
        if (server_now_ms() >= deadline_ms) {
            kill(process->pid, SIGKILL);
            waitpid(process->pid, &status, 0);
            fprintf(stderr, "a process did not end within %lld ms\n", (long long)timeout_ms);
            status = -1;
            break;
        }
        struct timespec delay = {.tv_nsec = 5000000};
        nanosleep(&delay, NULL);
    }
    if (status != -1) {
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    *ret_result =
        (struct process_result){code, process_output(process, false), process_output(process, true)};
    fclose(process->out);
    fclose(process->err);
    process->pid = 0;
}

void process_run(const char *const *argv, const char *const *environment, struct process_result *ret_result)
{
    struct process process;
    if (process_start(&process, argv, environment) != 0) {
        abort();
    }
    process_wait(&process, PROCESS_TIMEOUT_MS, ret_result);
}

void process_result_finish(struct process_result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct process_result){0};
}
