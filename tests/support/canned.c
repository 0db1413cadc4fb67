#include "canned.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

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
