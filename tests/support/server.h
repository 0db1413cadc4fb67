/* Servers for tests: real ones, on loopback, on a free port, gone when the test is.
 *
 * The story of one server: server_free_port() asks the kernel for a port, server_start() starts the program
 * with its output in a scratch file and with SIGKILL set for the moment the test dies (dnsmasq loses that with
 * its rights, but stays in the test's process group, which Check ends after a failed test), waits until the
 * port accepts a connection (or a deadline passes, or the program ends), and server_stop() ends it by its pid
 * and waits for it. The port is free for a moment between being found and being taken: should something else
 * take it in between, server_start() fails, and the caller may try again with another. */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_START_TIMEOUT_MS 10000

struct server {
    pid_t pid; /* 0: not running */
    int port;
};

/* A TCP and UDP port on 127.0.0.1 that nobody uses at this moment. */
int server_free_port(void);

/* Whether `program` is found on PATH (or in /usr/sbin, where some servers live); ret_path gets its full path.
 */
bool server_find_program(const char *program, char *ret_path, size_t path_size);

/* Starts argv (argv[0] a full path) and waits until `port` accepts TCP. 0, or -1 with the program's output
 * and the reason on stderr. With port 0 it does not wait. */
int server_start(struct server *server, const char *const *argv, int port);

/* The same, with the output appended to the file `log_path`. */
int server_start_logged(struct server *server, const char *const *argv, int port, const char *log_path);

/* Waits until the server has ended by itself: its exit code, 128 + signal, or -1 after timeout_ms (it still runs). */
int server_wait(struct server *server, int timeout_ms);

/* Sends `signal_number` to the server. */
void server_signal(const struct server *server, int signal_number);

/* SIGTERM, SIGKILL when it has not ended within two seconds; waits for it. Harmless when it is not running.
 */
void server_stop(struct server *server);

/* Whether 127.0.0.1:port accepts a TCP connection. */
bool server_accepts(int port);

/* A socket listening on a free loopback port: nobody calls accept(), so it is a server that accepts
 * (the kernel does) and says nothing. Returns the descriptor; close it to stop. */
int server_listen_silent(int *ret_port);

/* redis-server without persistence on a free port; extra arguments up to a NULL, or NULL. 0; 77 when it is
 * not installed; -1 when it does not start. */
int server_start_redis(struct server *server, const char *const *extra);

/* A scratch directory below $TMPDIR, made by mkdtemp(); remove it with server_remove_directory(). */
void server_make_directory(char *ret_path, size_t path_size);
void server_remove_directory(const char *path);

/* Milliseconds of the monotonic clock, for deadlines in tests. */
int64_t server_now_ms(void);
int64_t server_now_us(void);

/* Between two looks at something that is waited for with a deadline. */
void server_pause(int pause_ms);

#endif
