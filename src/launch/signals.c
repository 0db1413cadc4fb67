#include "launch/signals.h"

#include "headgate/errors.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_MAX 16

static const int taken[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGCHLD};

static void reap(struct signals *signals)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        signals->on_exit(signals->user_data, pid, status);
    }
}

static void on_readable_cb(uv_poll_t *poll, int status, int events)
{
    struct signals *signals = poll->data;
    struct signalfd_siginfo infos[READ_MAX];
    (void)status;
    (void)events;
    for (;;) {
        ssize_t size = read(signals->fd, infos, sizeof(infos));
        if (size <= 0) {
            return;
        }
        for (size_t i = 0; i < (size_t)size / sizeof(infos[0]); i++) {
            if (infos[i].ssi_signo == SIGCHLD) {
                reap(signals);
            } else {
                signals->on_signal(signals->user_data, (int)infos[i].ssi_signo,
                                   infos[i].ssi_code == SI_KERNEL);
            }
        }
    }
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_init(struct signals *signals, uv_loop_t *loop)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (taken[i] == SIGCHLD) {
            signal(SIGCHLD, SIG_DFL); /* ignored, children would leave no status behind */
        }
        if (!is_ignored(taken[i])) {
            sigaddset(&set, taken[i]);
        }
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigaddset(&set, number);
    }
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, &signals->before) != 0) {
        return HG_E_IO;
    }
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd < 0) {
        return HG_E_IO;
    }
    if (uv_poll_init(loop, &signals->poll, signals->fd) != 0) {
        close(signals->fd);
        return HG_E_IO;
    }
    signals->poll.data = signals;
    signals->open = true;
    return uv_poll_start(&signals->poll, UV_READABLE, on_readable_cb) == 0 ? 0 : HG_E_IO;
}

static void on_closed_cb(uv_handle_t *handle)
{
    struct signals *signals = handle->data;
    close(signals->fd);
}

void signals_finish(struct signals *signals)
{
    if (signals->open) {
        signals->open = false;
        uv_close((uv_handle_t *)&signals->poll, on_closed_cb);
    }
}
