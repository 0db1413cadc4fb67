#include "redis_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INFO_SIZE 16384

/* QUIT follows the command, so the end of the stream is the end of the answer. */
int redis_ask(int port, const char *command, char *ret_text, size_t size)
{
    char line[512];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(line, sizeof(line), "%s\r\nQUIT\r\n", command);
    ret_text[0] = '\0';
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        send(fd, line, (size_t)length, MSG_NOSIGNAL) != length) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = recv(fd, ret_text + used, size - 1 - used, 0)) > 0) {
        used += (size_t)got;
    }
    ret_text[used] = '\0';
    close(fd);
    return 0;
}

int64_t redis_info(int port, const char *field)
{
    static char text[INFO_SIZE];
    char name[80];
    snprintf(name, sizeof(name), "\n%s:", field);
    if (redis_ask(port, "INFO", text, sizeof(text)) != 0) {
        return -1;
    }
    const char *at = strstr(text, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}
