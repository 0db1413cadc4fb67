/* Opens the listening socket: loopback or Unix only. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stddef.h>

#define LISTEN_ADDRESS_MAX 160

/* Binds and listens; `ret_address` (of LISTEN_ADDRESS_MAX bytes) tells the address in use. HG_E_INVALID or
 * HG_E_IO with one line in `ret_error`. */
int listen_open(const char *listen, int *ret_fd, char *ret_address, char *ret_error, size_t error_size)
    __attribute__((warn_unused_result));

/* Closes, and removes the file of a Unix socket. */
void listen_close(int fd, const char *address);

#endif
