#include "gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 32

const char *gate_binary(void)
{
    const char *path = getenv("HEADGATE_BINARY");
    if (path == NULL) {
        fprintf(stderr, "HEADGATE_BINARY must name the binary under test\n");
        abort();
    }
    return path;
}

static int connect_loopback(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int gate_get_status(int port, const char *path)
{
    char text[512];
    int fd = connect_loopback(port), status = 0;
    if (fd < 0) {
        return 0;
    }
    int size =
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    if (write(fd, text, (size_t)size) == size) {
        ssize_t got = read(fd, text, sizeof(text) - 1);
        text[got < 0 ? 0 : got] = '\0';
        if (sscanf(text, "HTTP/1.1 %d", &status) != 1) {
            status = 0;
        }
    }
    close(fd);
    return status;
}

static bool start_once(struct gate *gate, const char *policy_path, const char *const *extra)
{
    static const char *const memory[] = {"--store", "memory:", "--new-store", NULL};
    int port = server_free_port();
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    const char *argv[ARGS_MAX] = {gate_binary(), "serve", "--policies", policy_path, "--listen", listen};
    size_t count = 6;
    for (const char *const *more = extra == NULL ? memory : extra; *more != NULL && count < ARGS_MAX - 1;
         more++) {
        argv[count++] = *more;
    }
    snprintf(gate->url, sizeof(gate->url), "http://%s", listen);
    return server_start(&gate->server, argv, port) == 0;
}

void gate_start(struct gate *gate, const char *policy, const char *const *extra)
{
    char path[sizeof(gate->directory) + 16];
    memset(gate, 0, sizeof(*gate));
    server_make_directory(gate->directory, sizeof(gate->directory));
    snprintf(path, sizeof(path), "%s/policy.json", gate->directory);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(policy, file) < 0 || fclose(file) != 0) {
        perror(path);
        abort();
    }
    if (!start_once(gate, path, extra) && !start_once(gate, path, extra)) { /* the port may have been taken */
        abort();
    }
    int64_t deadline_ms = server_now_ms() + SERVER_START_TIMEOUT_MS;
    while (gate_get_status(gate->server.port, "/readyz") != 200) {
        if (server_now_ms() > deadline_ms) {
            fprintf(stderr, "%s did not become ready\n", gate->url);
            abort();
        }
        struct timespec delay = {.tv_nsec = 5000000};
        nanosleep(&delay, NULL);
    }
}

void gate_stop(struct gate *gate)
{
    server_stop(&gate->server);
    if (gate->directory[0] != '\0') {
        server_remove_directory(gate->directory);
    }
}

static void serve_canned(int listener, const char *answer, size_t size)
{
    while (true) {
        char text[65536];
        size_t used = 0;
        int fd = accept(listener, NULL, NULL);
        while (fd >= 0 && used < sizeof(text) - 1 && memmem(text, used, "\r\n\r\n", 4) == NULL) {
            ssize_t got = read(fd, text + used, sizeof(text) - 1 - used);
            if (got <= 0) {
                break;
            }
            used += (size_t)got;
        }
        for (size_t sent = 0; fd >= 0 && sent < size;) {
            ssize_t done = send(fd, answer + sent, size - sent, MSG_NOSIGNAL);
            if (done <= 0) {
                break;
            }
            sent += (size_t)done;
        }
        /* A body still under way would turn closing into a reset that eats the answer. */
        shutdown(fd, SHUT_WR);
        while (fd >= 0 && read(fd, text, sizeof(text)) > 0) {
        }
        close(fd);
    }
}

void canned_start(struct server *server, const char *answer, size_t size)
{
    int port;
    int listener = server_listen_silent(&port);
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        /* Check's handler would pass the signal that stops us on to the test. */
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        serve_canned(listener, answer, size);
    }
    if (pid < 0) {
        perror("fork");
        abort();
    }
    close(listener);
    *server = (struct server){.pid = pid, .port = port};
}
