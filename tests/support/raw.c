#include "raw.h"

#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int raw_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool raw_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    int64_t deadline_ms = server_now_ms() + RAW_TIMEOUT_MS;
    while (size > 0) {
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        if (poll(&writable, 1, RAW_TIMEOUT_MS) != 1 || server_now_ms() >= deadline_ms) {
            return false;
        }
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Whole answers in the text, each with Content-Length; the first one's status. */
static size_t count_answers(struct raw_answer *answer)
{
    size_t count = 0;
    const char *at = answer->text;
    while (sscanf(at, "HTTP/1.%*d %d", count == 0 ? &answer->status : &(int){0}) == 1) {
        const char *end = strstr(at, "\r\n\r\n");
        const char *length = strcasestr(at, "\r\nContent-Length:");
        if (end == NULL) {
            break;
        }
        size_t size = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if ((size_t)(answer->text + answer->size - (end + 4)) < size) {
            break;
        }
        at = end + 4 + size;
        count++;
    }
    return count;
}

void raw_read(int fd, size_t answers, struct raw_answer *ret_answer)
{
    int64_t deadline_ms = server_now_ms() + RAW_TIMEOUT_MS;
    memset(ret_answer, 0, sizeof(*ret_answer));
    while (ret_answer->count < answers && !ret_answer->closed && ret_answer->size < RAW_TEXT_MAX) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - server_now_ms();
        if (left_ms <= 0 || poll(&readable, 1, (int)left_ms) != 1) {
            return;
        }
        ssize_t got =
            recv(fd, ret_answer->text + ret_answer->size, RAW_TEXT_MAX - ret_answer->size, MSG_DONTWAIT);
        if (got <= 0) {
            ret_answer->closed = true;
            return;
        }
        ret_answer->size += (size_t)got;
        ret_answer->text[ret_answer->size] = '\0';
        ret_answer->count = count_answers(ret_answer);
    }
}

void raw_ask(int port, const void *bytes, size_t size, struct raw_answer *ret_answer)
{
    int fd = raw_connect(port);
    memset(ret_answer, 0, sizeof(*ret_answer));
    if (fd < 0) {
        return;
    }
    (void)raw_send(fd, bytes, size);
    raw_read(fd, 1, ret_answer);
    close(fd);
}
