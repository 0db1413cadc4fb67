#include "demo/fetch.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 1024

/* Waits until `fd` is ready for `events` (0), or HG_E_TIMEOUT. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            return HG_E_TIMEOUT;
        }
        struct pollfd pollfd = {.fd = fd, .events = events};
        int count = poll(&pollfd, 1, (int)((left_us + 999) / 1000));
        if (count > 0) {
            return 0;
        }
        if (count < 0 && errno != EINTR) {
            return HG_E_UNREACHABLE;
        }
    }
}

static int connect_to(int fd, int port, int64_t deadline_us)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return HG_E_UNREACHABLE;
    }
    int status = wait_for(fd, POLLOUT, deadline_us);
    if (status != 0) {
        return status;
    }
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? 0 : HG_E_UNREACHABLE;
}

static int send_all(int fd, const char *text, size_t size, int64_t deadline_us)
{
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return HG_E_UNREACHABLE;
        }
        int status = wait_for(fd, POLLOUT, deadline_us);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* Reads until the server closes: every request says "Connection: close". */
static int receive_all(int fd, char *text, size_t *ret_size, int64_t deadline_us)
{
    size_t used = 0;
    for (;;) {
        int status = wait_for(fd, POLLIN, deadline_us);
        if (status != 0) {
            return status;
        }
        ssize_t got = recv(fd, text + used, DEMO_REPLY_MAX - 1 - used, 0);
        if (got == 0 || used + (size_t)(got > 0 ? got : 0) == DEMO_REPLY_MAX - 1) {
            used += (size_t)got;
            break;
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return HG_E_UNREACHABLE;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = '\0';
    *ret_size = used;
    return 0;
}

static int exchange(int fd, const struct demo_request *request, char *ret_reply)
{
    int64_t deadline_us = clock_monotonic_us() + request->timeout_us;
    char text[REQUEST_MAX];
    const char *body = request->body == NULL ? "" : request->body;
    int size = snprintf(text, sizeof(text),
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        request->method, request->path, request->port, strlen(body), body);
    if (size < 0 || (size_t)size >= sizeof(text)) {
        return HG_E_TOO_LARGE;
    }
    int status = connect_to(fd, request->port, deadline_us);
    if (status == 0) {
        status = send_all(fd, text, (size_t)size, deadline_us);
    }
    size_t used = 0;
    if (status == 0) {
        status = receive_all(fd, ret_reply, &used, deadline_us);
    }
    return status;
}

int demo_fetch(const struct demo_request *request, char *ret_body)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return HG_E_UNREACHABLE;
    }
    char reply[DEMO_REPLY_MAX];
    int status = exchange(fd, request, reply);
    close(fd);
    if (status != 0) {
        return status;
    }
    char *body = strstr(reply, "\r\n\r\n");
    if (strncmp(reply, "HTTP/1.", 7) != 0 || strlen(reply) < 12 || body == NULL) {
        return HG_E_PROTOCOL;
    }
    if (ret_body != NULL) {
        memcpy(ret_body, body + 4, strlen(body + 4) + 1);
    }
    return (int)strtol(reply + 9, NULL, 10);
}
