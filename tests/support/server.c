#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_TIMEOUT_MS 2000
#define POLL_MS         5
#define ARGS_MAX        32
#define PORT_TRIES      20

int64_t server_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t server_now_ms(void)
{
    return server_now_us() / 1000;
}

void server_pause(int pause_ms)
{
    struct timespec delay = {.tv_sec = pause_ms / 1000, .tv_nsec = (long)(pause_ms % 1000) * 1000000};
    nanosleep(&delay, NULL);
}

static void pause_briefly(void)
{
    struct timespec delay = {.tv_nsec = POLL_MS * 1000000};
    nanosleep(&delay, NULL);
}

static int bind_loopback(int type, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    return ntohs(address.sin_port);
}

int server_free_port(void)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        int tcp = bind_loopback(SOCK_STREAM, 0);
        if (tcp < 0) {
            continue;
        }
        int port = port_of(tcp);
        int udp = bind_loopback(SOCK_DGRAM, port);
        close(tcp);
        if (udp >= 0) {
            close(udp);
            return port;
        }
    }
    fprintf(stderr, "no free port on 127.0.0.1: %s\n", strerror(errno));
    abort();
}

int server_listen_silent(int *ret_port)
{
    int fd = bind_loopback(SOCK_STREAM, 0);
    if (fd < 0 || listen(fd, 64) != 0) {
        perror("listen on 127.0.0.1");
        abort();
    }
    *ret_port = port_of(fd);
    return fd;
}

bool server_accepts(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool accepts = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    /* Connecting to a port of the ephemeral range can meet itself (a simultaneous open): that is nobody's
     * server. */
    if (accepts && port_of(fd) == port) {
        accepts = false;
    }
    if (fd >= 0) {
        close(fd);
    }
    return accepts;
}

bool server_find_program(const char *program, char *ret_path, size_t path_size)
{
    const char *path = getenv("PATH");
    char *directories = NULL;
    if (asprintf(&directories, "%s:/usr/sbin:/sbin", path != NULL ? path : "/usr/bin:/bin") < 0) {
        abort();
    }
    bool found = false;
    char *rest = directories;
    for (char *directory = strsep(&rest, ":"); directory != NULL && !found; directory = strsep(&rest, ":")) {
        int size = snprintf(ret_path, path_size, "%s/%s", directory, program);
        found = size > 0 && (size_t)size < path_size && access(ret_path, X_OK) == 0;
    }
    free(directories);
    return found;
}

static void run_child(const char *const *argv, FILE *output, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* the test died before the line above could matter */
    }
    dup2(fileno(output), STDOUT_FILENO);
    dup2(fileno(output), STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void show_output(FILE *output)
{
    char line[512];
    rewind(output);
    while (fgets(line, sizeof(line), output) != NULL) {
        fputs(line, stderr);
    }
}

static int wait_until_accepting(struct server *server, const char *program, FILE *output)
{
    int64_t deadline_ms = server_now_ms() + SERVER_START_TIMEOUT_MS;
    while (server_now_ms() < deadline_ms) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            fprintf(stderr, "%s ended before it accepted on port %d:\n", program, server->port);
            server->pid = 0;
            show_output(output);
            return -1;
        }
        if (server_accepts(server->port)) {
            return 0;
        }
        pause_briefly();
    }
    fprintf(stderr, "%s did not accept on port %d in time:\n", program, server->port);
    show_output(output);
    server_stop(server);
    return -1;
}

static int start(struct server *server, const char *const *argv, int port, FILE *output)
{
    if (output == NULL) {
        perror("the program's output");
        return -1;
    }
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run_child(argv, output, parent);
    }
    if (pid < 0) {
        perror("fork");
        fclose(output);
        return -1;
    }
    *server = (struct server){.pid = pid, .port = port};
    int status = port == 0 ? 0 : wait_until_accepting(server, argv[0], output);
    fclose(output);
    return status;
}

int server_start(struct server *server, const char *const *argv, int port)
{
    return start(server, argv, port, tmpfile());
}

int server_start_logged(struct server *server, const char *const *argv, int port, const char *log_path)
{
    return start(server, argv, port, fopen(log_path, "ae+"));
}

int server_wait(struct server *server, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    int status = 0;
    while (server->pid > 0 && waitpid(server->pid, &status, WNOHANG) == 0) {
        if (server_now_ms() >= deadline_ms) {
            return -1;
        }
        pause_briefly();
    }
    server->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void server_signal(const struct server *server, int signal_number)
{
    if (server->pid > 0) {
        kill(server->pid, signal_number);
    }
}

void server_stop(struct server *server)
{
    if (server->pid <= 0) {
        return;
    }
    kill(server->pid, SIGTERM);
    int64_t deadline_ms = server_now_ms() + STOP_TIMEOUT_MS;
    while (waitpid(server->pid, NULL, WNOHANG) == 0) {
        if (server_now_ms() >= deadline_ms) {
            kill(server->pid, SIGKILL);
            waitpid(server->pid, NULL, 0);
            break;
        }
        pause_briefly();
    }
    server->pid = 0;
}

int server_start_redis(struct server *server, const char *const *extra)
{
    char program[256];
    if (!server_find_program("redis-server", program, sizeof(program))) {
        return 77;
    }
    int port = server_free_port();
    char port_text[16];
    snprintf(port_text, sizeof(port_text), "%d", port);
    const char *argv[ARGS_MAX] = {program,  "--port", port_text,      "--bind", "127.0.0.1",
                                  "--save", "",       "--appendonly", "no"};
    size_t count = 9;
    for (size_t i = 0; extra != NULL && extra[i] != NULL && count < ARGS_MAX - 1; i++) {
        argv[count++] = extra[i];
    }
    argv[count] = NULL;
    return server_start(server, argv, port);
}

void server_make_directory(char *ret_path, size_t path_size)
{
    const char *base = getenv("TMPDIR");
    snprintf(ret_path, path_size, "%s/headgate-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(ret_path) == NULL) {
        perror(ret_path);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void server_remove_directory(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
