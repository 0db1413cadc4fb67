/* The client: how an instance, a wrapper or a coordinator talks to a controller.
 *
 * The story of one call: the client takes the controller that answered last, sends one HTTP request, and reads the
 * answer into plain data. When no connection comes about, or that controller says 503 (its own inability), the next
 * of the list is asked; only when none can answer does the call fail. Asking again is always safe: a permit is kept
 * by the instance's name.
 *
 * Every call blocks, for at most `timeout_us` a controller. A client is used by one thread at a time; make one a
 * thread. Functions return 0 when a controller answered with what was asked for or with "not yet" (the permit's
 * state says which), or
 *   HG_E_UNREACHABLE  no controller answered
 *   HG_E_STORE_AWAY, HG_E_STORE_FULL, HG_E_OVERLOAD, HG_E_NOT_READY ...  every one said 503; retry_after_us is set
 *   HG_E_EXPIRED, HG_E_SUPERSEDED, HG_E_CONFLICT, HG_E_QUARANTINED, HG_E_NOT_FOUND, HG_E_INVALID  as it said
 *   HG_E_TOO_LARGE    the batch has too many bytes
 *   HG_E_PROTOCOL     what answers there is no controller
 *   HG_E_CANCELLED    as `cancelled` asked
 *   HG_E_NOMEM
 * and hg_client_error() then has one sentence for a person. */
#ifndef HEADGATE_CLIENT_H
#define HEADGATE_CLIENT_H

#include "headgate/policy.h"

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define HG_CLIENT_SERVERS_MAX        16
#define HG_CLIENT_TIMEOUT_DEFAULT_US INT64_C(10000000) /* a permit request may be held 3 s on purpose */
#define HG_CLIENT_BATCH_MAX          10000
#define HG_CLIENT_TEXT_MAX           255

struct hg_client;

/* Asked now and then, at least once a second, while a call waits: true ends it with HG_E_CANCELLED. */
typedef bool (*hg_client_cancelled_fn)(void *user_data);

struct hg_client_options {
    const char *servers; /* "URL[,URL...]": http://HOST:PORT, https://..., unix:/path; HOST:PORT means http */
    int64_t timeout_us;  /* a controller's time for one answer; 0: the default */
    hg_client_cancelled_fn cancelled; /* NULL: calls cannot be cancelled */
    void *user_data;
};

/* HG_E_INVALID for a list of servers that cannot be read, HG_E_NOMEM. */
int hg_client_create(const struct hg_client_options *options, struct hg_client **ret_client)
    __attribute__((warn_unused_result));
void hg_client_destroy(struct hg_client *client); /* NULL is fine */

/* Why the last call failed, in one line; "" if it did not. Valid until the next call. */
const char *hg_client_error(const struct hg_client *client);

/* The URL (without a password) of the controller that answered last, or that is asked first. */
const char *hg_client_server(const struct hg_client *client);

enum hg_permit_state {
    HG_PERMIT_NONE, /* not known to the controller */
    HG_PERMIT_GRANTED,
    HG_PERMIT_WAITING,
    HG_PERMIT_BLOCKED, /* waiting, and a dependency is down */
    HG_PERMIT_BACKOFF,
    HG_PERMIT_QUARANTINED,
    HG_PERMIT_RECOVERED,
    HG_PERMIT_STATE_COUNT
};

/* As the HTTP interface names it; "none" for HG_PERMIT_NONE. */
const char *hg_permit_state_name(enum hg_permit_state state);

/* What a controller said of one instance. Members that the answer did not carry are 0 or "". */
struct hg_permit {
    int status; /* 0, or the negative hg_error of this instance: in batches each has its own */
    enum hg_permit_state state;
    int64_t fence;
    int64_t lease_us; /* from when the request was sent */
    int64_t attempt;  /* from 1 */
    bool already;     /* the same was said before */
    char ticket[64];  /* to be sent back with the next ask */
    int64_t position; /* in line, from 1; 0: called */
    int64_t eta_us;   /* estimated time to the turn; -1: unknown */
    int64_t retry_after_us; /* when to ask again */
    char limit[24];         /* limited_by.limit */
    char dependency[HG_NAME_MAX + 1];
    char detail[HG_CLIENT_TEXT_MAX + 1]; /* one sentence for a person */
    char reason[HG_CLIENT_TEXT_MAX + 1]; /* quarantined: why it failed last */
};

/* What is said of one instance. */
struct hg_client_ask {
    const char *fleet; /* ignored in batches: there the fleet is the batch's */
    const char *instance;
    const char *boot_id; /* acquire; NULL: none */
    const char *ticket;  /* acquire; NULL or "": none */
    bool priority;       /* acquire: the reserved lane */
    int64_t fence;       /* renew; complete and leave: 0: the one it has */
    bool recovered;      /* complete: the outcome */
    const char *reason;  /* complete: why it failed, of which 200 bytes are kept; NULL: none */
};

/* About one instance. What a controller refused (expired, superseded, conflict, quarantined, not found, invalid)
 * fills ret_permit too; when none answered it is untouched. */

int hg_client_acquire(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
    __attribute__((warn_unused_result));
int hg_client_renew(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
    __attribute__((warn_unused_result));
int hg_client_complete(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
    __attribute__((warn_unused_result));
int hg_client_leave(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
    __attribute__((warn_unused_result));

/* Many instances of one fleet at once, at most HG_CLIENT_BATCH_MAX; ret_permits has `count` places. Returns 0 when
 * the batch was answered; each permit then has its own status. Not atomic. */
enum hg_client_verb { HG_CLIENT_ACQUIRE, HG_CLIENT_RENEW, HG_CLIENT_COMPLETE, HG_CLIENT_VERB_COUNT };
int hg_client_batch(struct hg_client *client, enum hg_client_verb verb, const char *fleet,
                    const struct hg_client_ask *asks, size_t count, struct hg_permit *ret_permits)
    __attribute__((warn_unused_result));

/* Any other call: `path` begins with "/", `body` is JSON or NULL. Returns 0 for a 2xx answer, else as above (with
 * the answer's sentence in hg_client_error()). ret_text is the answer's body, the caller's to free(); NULL unless
 * an answer came. ret_text may be NULL. */
int hg_client_call(struct hg_client *client, const char *method, const char *path, const char *body,
                   char **ret_text) __attribute__((warn_unused_result));

/* How long the controllers asked to be left alone with their last 503 (HG_E_UNREACHABLE: a second); microseconds. */
int64_t hg_client_retry_after_us(const struct hg_client *client);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
