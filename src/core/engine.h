/* The engine: events in, effects out. It never reads a clock, opens a socket or draws an unseeded number.
 *
 * The story of one request: the api makes an HG_EVENT_REQUEST of it. If the engine can answer from what it knows (a
 * ticket far from its turn, the store away, too many under way) the effects of that very step hold the
 * HG_EFFECT_REPLY. Otherwise the request joins its policy's open group; when no group of that policy is at the
 * store, the same step's effects hold HG_EFFECT_SUBMIT. The driver takes the group to the store and brings the
 * answer back as HG_EVENT_STORE_REPLY, whose effects hold the replies. A request whose number is called but whose
 * token is a moment away is held (at most HOLD_MAX a policy, HOLD_US long) and asked again by the engine itself.
 *
 * Once a tick the leader of a policy reads the snapshot and writes phases, limits and line plan, fenced.
 *
 * Events are borrowed for the call. Effects live until the next step. No call is re-entrant. */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "core/group.h"
#include "headgate/errors.h"

struct hg_engine;
struct limiter_ops;

enum hg_event_type {
    HG_EVENT_TICK,        /* time has passed: hg_engine_next_deadline() says when one is due */
    HG_EVENT_REQUEST,     /* a caller asks */
    HG_EVENT_STORE_REPLY, /* the group of `policy` came back */
    HG_EVENT_STORE_STATE, /* the store became usable (status 0) or stopped being so */
    HG_EVENT_PROBE,       /* a probe changed its mind, or gave a gauge */
    HG_EVENT_POLICIES,    /* a new set; the old one must live until the step returns */
    HG_EVENT_RESIGN,      /* shutting down: give up every leader lock */
    HG_EVENT_TYPE_COUNT
};

/* What a caller asks: one operation, on one policy. ACQUIRE, RENEW, COMPLETE, LEAVE, GET, RELEASE, NOTE_PUT,
 * NOTE_LIST and LIST may be asked; the others are the leader's. */
struct hg_request {
    uint64_t id;   /* the driver's; comes back in the reply */
    uint32_t item; /* place in a batch; comes back in the reply */
    struct op op;  /* copied, with what it points to */
    const char *ticket;  /* ACQUIRE: as the client sent it back, "" or NULL if not */
    bool may_hold;       /* ACQUIRE: the caller can wait up to HOLD_US for its answer */
};

struct hg_event {
    enum hg_event_type type;
    int64_t now_us; /* the driver's clock; the store's is another */
    union {
        struct {
            size_t policy;
            struct hg_request request;
        } request;
        struct {
            size_t policy;
            struct group_reply *reply;
        } store_reply;
        struct {
            int status;
            const char *text;
        } store_state;
        struct {
            size_t policy;
            size_t dependency;
            size_t probe;
            bool up;
            bool has_gauge;
            int64_t gauge; /* micro-units */
            int64_t latency_us;
            const char *text; /* why, in one line */
        } probe;
        struct {
            const struct hg_policy_set *set;
        } policies;
    } u;
};

enum hg_effect_type {
    HG_EFFECT_REPLY,        /* answer a caller */
    HG_EFFECT_SUBMIT,       /* take a group to the store */
    HG_EFFECT_LOG,          /* one decision line */
    HG_EFFECT_START_PROBES, /* this controller leads `policy` now */
    HG_EFFECT_STOP_PROBES,
    HG_EFFECT_TYPE_COUNT
};

/* The engine's answer: the store's facts, and what follows from them for the caller. */
struct hg_answer {
    int status;               /* 0 or a negative hg_error; HG_E_STORE_AWAY, _OVERLOAD, _NOT_READY mean 503 */
    const struct op_reply *op; /* NULL when answered without the store and for 503s */
    enum instance_state state;
    enum phase phase;         /* WAITING: of the dependency that limits, PHASE_COUNT if none */
    bool blocked;             /* WAITING: report state "blocked" */
    char ticket[32];          /* WAITING: to be sent back; "" otherwise */
    int64_t position;         /* WAITING: from 1; how many numbers until its own is called, 0 when called */
    int64_t eta_us;           /* WAITING: estimated time to the turn; -1 unknown */
    int64_t retry_after_us;   /* WAITING, BACKOFF, 503: when to ask again */
    int64_t lease_us;         /* GRANTED: left, by the store's clock */
    enum limit limit;         /* what keeps it */
    int limit_dependency;     /* index in the policy, or -1 */
    int64_t limit_value;      /* the limit's number: milli-tokens/s, or units in flight; -1 none */
    int64_t limit_used;       /* units in flight; -1 none */
};

struct hg_effect {
    enum hg_effect_type type;
    size_t policy;
    union {
        struct {
            uint64_t id;
            uint32_t item;
            struct hg_answer answer;
        } reply;
        struct {
            const struct group *group; /* valid until this policy's HG_EVENT_STORE_REPLY */
        } submit;
        struct {
            int level; /* 0 debug, 1 info, 2 warning, 3 error */
            const char *event; /* stable name, such as "phase" */
            const char *text;  /* logfmt pairs, stable order */
        } log;
    } u;
};

struct hg_effects {
    const struct hg_effect *effects;
    size_t count;
};

struct hg_engine_options {
    const char *controller_id; /* unique among the controllers of a store, at most LEADER_ID_MAX bytes */
    uint64_t seed;
    bool new_store;
    const struct limiter_ops *law; /* in the place of the policy's, for laws under study; NULL: the policy's */
    void *law_context;             /* handed to it as limiter_input.context */
};

/* HG_E_NOMEM or HG_E_INVALID. */
int hg_engine_create(const struct hg_engine_options *options, struct hg_engine **ret_engine)
    __attribute__((warn_unused_result));
void hg_engine_destroy(struct hg_engine *engine); /* NULL is fine */

/* One event in, one batch of effects out. HG_E_NOMEM leaves the engine as it was before a REQUEST (the driver
 * answers 503); other events do what can be done without the memory. */
int hg_engine_step(struct hg_engine *engine, const struct hg_event *event, struct hg_effects *ret_effects)
    __attribute__((warn_unused_result));

/* When the next HG_EVENT_TICK is due by the driver's clock. */
int64_t hg_engine_next_deadline(const struct hg_engine *engine);

/* What the status pages show: the last snapshot of a policy; NULL before the first. Valid until the next step. */
struct hg_view {
    const struct hg_policy *policy;
    const struct snapshot *snapshot;
    bool leading;
    bool ready;            /* can answer */
    bool store_up;
    int64_t snapshot_age_us;
    int64_t held;          /* requests held now */
    int64_t queued;        /* operations in the open group and behind it */
    int64_t probe_up[HG_DEPENDENCIES_MAX]; /* 1 up, 0 down, -1 not known here */
    bool unrecoverable[HG_DEPENDENCIES_MAX]; /* by admission: its other traffic keeps it down; false if not known here */
    const char *why[HG_DEPENDENCIES_MAX];  /* why the phase or the limits last moved; "" if not known here */
    int64_t fleet_eta_us[HG_FLEETS_MAX];   /* estimated time until the present line is served; -1 unknown */
};

size_t hg_engine_policy_count(const struct hg_engine *engine);
bool hg_engine_view(const struct hg_engine *engine, size_t policy, int64_t now_us, struct hg_view *ret_view);

/* Finds the policy and index of a fleet or dependency by name. */
bool hg_engine_find_fleet(const struct hg_engine *engine, const char *fleet, size_t *ret_policy, size_t *ret_index);
/* The same for a fleet that a reload took out of its policy: renewals and outcomes of its permits are still taken. */
bool hg_engine_find_gone_fleet(const struct hg_engine *engine, const char *fleet, size_t *ret_policy);
bool hg_engine_find_dependency(const struct hg_engine *engine, const char *dependency, size_t *ret_policy,
                               size_t *ret_index);

/* Counters for /metrics, totals since the engine was created. */
struct hg_engine_counters {
    int64_t requests;
    int64_t answered_locally; /* without the store */
    int64_t groups;
    int64_t group_ops;
    int64_t held;
    int64_t overloads;
    int64_t store_losses;
};
const struct hg_engine_counters *hg_engine_counters(const struct hg_engine *engine);

#endif
