#include "cli/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_MAX 200

void cli_notify(const char *status, int64_t wait_us)
{
    char text[STATUS_MAX + 64];
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path)) {
        return;
    }
    int size = snprintf(text, sizeof(text), "STATUS=%.*s\n", STATUS_MAX, status);
    for (char *end = strchr(text, '\n'); end != NULL && end < text + size - 1; end = strchr(text, '\n')) {
        *end = ' '; /* a line would be a message of its own */
    }
    if (wait_us > 0) {
        size +=
            snprintf(text + size, sizeof(text) - (size_t)size, "EXTEND_TIMEOUT_USEC=%" PRId64 "\n", wait_us);
    }
    memcpy(address.sun_path, path, strlen(path));
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* the abstract namespace */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)sendto(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
                     length);
        close(fd);
    }
}
