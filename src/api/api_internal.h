/* Between the files of src/api. */
#ifndef API_API_INTERNAL_H
#define API_API_INTERNAL_H

#include "api/api.h"
#include "http/http_json.h"

#include <jansson.h>

struct call;
struct events;

/* What a call does with one reply; the call is ended by call_end(). */
typedef void (*call_reply_fn)(struct api *api, struct call *call, uint32_t item,
                              const struct hg_answer *answer);

struct batch_item {
    char instance[HG_INSTANCE_MAX + 1];
    char *text; /* its answer, once in */
    int status; /* refused before the engine saw it; 0 */
};

struct call {
    uint64_t id;
    struct http_exchange *exchange;
    call_reply_fn on_reply;
    enum op_kind kind;
    size_t policy;
    char fleet[HG_NAME_MAX + 1];
    char instance[HG_INSTANCE_MAX + 1];
    struct batch_item *items;
    uint32_t item_count;
    uint32_t missing;    /* replies that are still to come */
    struct json_out out; /* what is gathered over several replies */
    int status;          /* the worst of them */
};

struct api {
    struct api_host host;
    char controller_id[LEADER_ID_MAX + 1];
    struct call *calls[CALLS_MAX];
    uint32_t free_calls[CALLS_MAX];
    uint32_t free_count;
    uint32_t generation;
    uint32_t items_open;
    struct events *events;
};

/* What the path named. */
struct route_match {
    char fleet[HG_NAME_MAX + 1];
    char instance[HG_INSTANCE_MAX + 1];
    char name[HG_NAME_MAX + 1]; /* dependency */
};

struct api_context {
    struct api *api;
    struct http_exchange *exchange;
    const struct http_request *request;
    struct route_match match;
};

/* api.c */
struct call *call_begin(struct api *api, struct http_exchange *exchange,
                        call_reply_fn on_reply); /* NULL: answered 503 */
void call_end(struct api *api, struct call *call);
/* Asks the engine; answers 503 and ends the call itself where that fails. */
void call_ask(struct api *api, struct call *call, const struct hg_request *request);

/* The same; NULL answers nothing. */
struct call *call_open(struct api *api, struct http_exchange *exchange, call_reply_fn on_reply);

/* The policy that takes `kind` for the fleet: one removed by a reload is asked about what it holds, and gets no new
 * permits. False: answered 404. */
bool call_find_fleet(struct api_context *context, enum op_kind kind, size_t *ret_policy);

/* respond.c */
void respond(struct http_exchange *exchange, int status, struct json_out *out, int64_t retry_after_us);
void respond_problem(struct http_exchange *exchange, const char *slug, const char *title, int status,
                     const char *detail, const char *pointer);
void respond_error(struct http_exchange *exchange, int error, int64_t retry_after_us);
/* A problem for an error of the engine or store: the members, without the closing brace. Returns the HTTP
 * status. */
int problem_of_error(struct json_out *out, int error, int64_t retry_after_us);

/* answer.c: one answer about an instance, as members of an object that is open. Returns the HTTP status. */
struct answer_about {
    enum op_kind kind;
    size_t policy;
    const char *fleet;
    const char *instance; /* NULL: neither name is written */
};
int answer_write(struct api *api, const struct answer_about *about, const struct hg_answer *answer,
                 struct json_out *out);
/* Why an instance waits, in a sentence for a person. */
void answer_say(struct api *api, size_t policy, const struct hg_answer *answer, char *ret_text, size_t size);
/* Seconds for Retry-After, rounded up, at least 1. */
int64_t retry_after_s(int64_t retry_after_us);

/* body.c */
enum member_kind { MEMBER_STRING, MEMBER_INTEGER, MEMBER_NUMBER, MEMBER_BOOL, MEMBER_DURATION, MEMBER_LIST };
struct member {
    const char *name;
    enum member_kind kind;
    bool required;
    int64_t min; /* bytes of a string; value of an integer */
    int64_t max;
    const json_t *value; /* what was found, or NULL */
};
/* Parses the body and finds its members; unknown ones are errors. NULL: answered 400. The caller frees what
 * comes. An empty body counts as {}. */
json_t *body_read(struct api_context *context, struct member *members, size_t member_count);
/* Only parses: any JSON value, within the bounds of depth and without NUL bytes; the caller frees it. NULL with
 * what is wrong. */
struct body_error {
    const char *title;
    char detail[200];
    int line; /* 0: not at a place of the text */
    int column;
};
json_t *body_parse(const struct http_request *request, struct body_error *ret_error);
/* The same for one object that is there already; false with a sentence and a pointer for the error. */
bool members_read(const json_t *object, struct member *members, size_t member_count, char *ret_detail,
                  size_t detail_size, char *ret_pointer, size_t pointer_size);
const char *member_text(const struct member *member); /* "" if not given */
int64_t member_integer(const struct member *member, int64_t fallback);
bool duration_of(const char *text, int64_t *ret_us);
/* A query parameter, decoded digits and names only; false if it is not there. */
bool query_find(const char *query, const char *name, char *ret_value, size_t size);
bool instance_name_ok(const char *name);

/* events.c */
int events_create(struct events **ret_events) __attribute__((warn_unused_result)); /* HG_E_NOMEM */
void events_destroy(struct events *events); /* NULL is fine; the readers must be gone */

/* the resources */
void permit_put(struct api_context *context);
void permit_delete(struct api_context *context);
void permit_renew(struct api_context *context);
void permit_complete(struct api_context *context);
void instance_get(struct api_context *context);
void batch_acquire(struct api_context *context);
void batch_renew(struct api_context *context);
void batch_complete(struct api_context *context);
void status_get(struct api_context *context);
void fleets_get(struct api_context *context);
void fleet_get(struct api_context *context);
void dependencies_get(struct api_context *context);
void dependency_get(struct api_context *context);
void permits_get(struct api_context *context);
void quarantine_get(struct api_context *context);
void quarantine_delete(struct api_context *context);
void recoveries_get(struct api_context *context);
void dependency_limit(struct api_context *context);
void dependency_block(struct api_context *context);
void dependency_release(struct api_context *context);
void dependency_pause(struct api_context *context);
void dependency_resume(struct api_context *context);
void fleet_pause(struct api_context *context);
void fleet_resume(struct api_context *context);
void healthz_get(struct api_context *context);
void readyz_get(struct api_context *context);
void metrics_get(struct api_context *context);
void events_get(struct api_context *context);
void fleetlock_lock(struct api_context *context);
void fleetlock_unlock(struct api_context *context);
void root_get(struct api_context *context);

#endif
