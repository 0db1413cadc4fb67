/* Signals and ended children, in the libuv loop.
 *
 * The story of one signal: signals_init() blocks what is to be handled, before any thread is made; the kernel
 * queues it; the loop reads it from a signalfd, and with it who sent it - uv_signal would not tell. That
 * matters for ^C: the terminal sends it to the whole foreground group, so a command in the same group has it
 * already. Ended children are reaped here too, adopted ones included, since a container may run us as its
 * first process. */
#ifndef LAUNCH_SIGNALS_H
#define LAUNCH_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct signals {
    uv_poll_t poll;
    int fd;
    sigset_t before; /* the mask as it was: what children get */
    bool open;
    void (*on_signal)(void *user_data, int signal_number, bool from_terminal);
    void (*on_exit)(void *user_data, pid_t pid, int wait_status);
    void *user_data;
};

/* Takes over HUP, INT, QUIT, TERM, USR1, USR2, WINCH, CONT, CHLD and the real-time signals; those that are
 * ignored on entry (as by nohup) stay ignored. PIPE is ignored. HG_E_IO. */
int signals_init(struct signals *signals, uv_loop_t *loop) __attribute__((warn_unused_result));
void signals_finish(struct signals *signals);

#endif
