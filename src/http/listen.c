#include "http/listen.h"

#include "headgate/errors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int fail(int fd, char *ret_error, size_t size, const char *what, const char *address, int error)
{
    snprintf(ret_error, size, "cannot %s %s: %s%s", what, address, strerror(error),
             error == EADDRINUSE ? "; another process has it, choose another --listen" : "");
    if (fd >= 0) {
        close(fd);
    }
    return HG_E_IO;
}

/* A socket file that nobody listens on is left from a killed process. A file of another kind refuses connections too. */
static bool stale(const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static int open_unix(const char *path, int *ret_fd, char *ret_address, char *ret_error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path)) {
        snprintf(ret_error, error_size, "a socket's path has 1 to %zu bytes", sizeof(address.sun_path) - 1);
        return HG_E_INVALID;
    }
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (stale(&address)) {
        unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0) {
        return fail(fd, ret_error, error_size, "listen on", path, errno);
    }
    snprintf(ret_address, LISTEN_ADDRESS_MAX, "unix:%s", path);
    *ret_fd = fd;
    return 0;
}

static bool split(const char *listen, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || strtol(colon + 1, NULL, 10) > 65535) {
        return false;
    }
    bool brackets = listen[0] == '[' && colon > listen && colon[-1] == ']';
    const char *start = listen + brackets;
    size_t size = (size_t)(colon - start) - brackets;
    if (size == 0 || size >= host_size) {
        return false;
    }
    snprintf(host, host_size, "%.*s", (int)size, start);
    *ret_port = colon + 1;
    return true;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void tell_address(int fd, char *ret_address)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN], port[8];
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool v6 = address.ss_family == AF_INET6;
        snprintf(ret_address, LISTEN_ADDRESS_MAX, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    }
}

static int open_tcp(const char *listen_on, int *ret_fd, char *ret_address, char *ret_error, size_t error_size)
{
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (!split(listen_on, host, sizeof(host), &port) || getaddrinfo(host, port, &hints, &found) != 0) {
        snprintf(ret_error, error_size,
                 "'%s' is no address; write HOST:PORT, such as 127.0.0.1:7070, or unix:/path", listen_on);
        return HG_E_INVALID;
    }
    if (!is_loopback(found->ai_addr)) {
        snprintf(ret_error, error_size,
                 "%s is not a loopback address; callers are not authenticated, so listen on 127.0.0.1 or "
                 "unix:/path and "
                 "put a proxy in front",
                 listen_on);
        freeaddrinfo(found);
        return HG_E_INVALID;
    }
    int on = 1, error = 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    bool open = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    error = errno;
    freeaddrinfo(found);
    if (!open) {
        return fail(fd, ret_error, error_size, "listen on", listen_on, error);
    }
    tell_address(fd, ret_address);
    *ret_fd = fd;
    return 0;
}

int listen_open(const char *listen_on, int *ret_fd, char *ret_address, char *ret_error, size_t error_size)
{
    if (strncmp(listen_on, "unix:", 5) == 0) {
        return open_unix(listen_on + 5, ret_fd, ret_address, ret_error, error_size);
    }
    return open_tcp(listen_on, ret_fd, ret_address, ret_error, error_size);
}

void listen_close(int fd, const char *address)
{
    close(fd);
    if (strncmp(address, "unix:", 5) == 0) {
        unlink(address + 5);
    }
}
