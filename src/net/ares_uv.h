/* One question to the resolver, in the libuv loop: c-ares without its waiting.
 *
 * The story of one question: ares_uv_start() reads the system's resolver configuration anew (so a change
 * counts from the next question), asks for the name's A and AAAA records, and calls on_done from the loop
 * with what came of it. Nothing is cached. The one who asked then calls ares_uv_close(), which it may do at
 * any time, before the answer too.
 *
 * Without `server` the name is looked up as programs do: /etc/hosts, then the resolvers of /etc/resolv.conf
 * with its search list. With `server` only that one is asked, for exactly that name. Literal addresses are
 * answered at once. */
#ifndef NET_ARES_UV_H
#define NET_ARES_UV_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define ARES_UV_ADDRESSES_MAX 16

struct ares_uv;

struct ares_uv_answer {
    int status;   /* ARES_SUCCESS, ARES_ENOTFOUND, ARES_ENODATA, ARES_ETIMEOUT, ... of <ares.h> */
    size_t count; /* addresses the name has */
    size_t kept;  /* of them below, at most ARES_UV_ADDRESSES_MAX */
    struct sockaddr_storage addresses[ARES_UV_ADDRESSES_MAX];
};

typedef void (*ares_uv_done_fn)(void *user_data, const struct ares_uv_answer *answer);

struct ares_uv_options {
    uv_loop_t *loop;
    const char *name;
    int port;           /* put into the addresses */
    const char *server; /* "ip:port", or NULL */
    int64_t
        try_ms; /* until the question is asked again; it is asked twice, the second time with twice this */
    ares_uv_done_fn on_done;
    void *user_data;
};

/* 0; HG_E_NOMEM; HG_E_INVALID for a `server` that is no address; HG_E_IO when c-ares cannot start. on_done is
 * never called from inside. The options' strings are not kept. */
int ares_uv_start(const struct ares_uv_options *options, struct ares_uv **ret_query)
    __attribute__((warn_unused_result));

/* Ends the question; on_done is not called any more. on_closed (or NULL) is called from the loop. NULL is
 * fine, but then nothing is called. */
void ares_uv_close(struct ares_uv *query, void (*on_closed)(void *user_data), void *user_data);

#endif
