/* What the engine asks of a store, and what the store answers: plain data, shared by every store.
 *
 * The story of one group: the engine fills a `struct group` with operations of one policy while the previous
 * group is at the store; the driver hands it over; the store applies the operations in order, atomically, at
 * one instant of its own clock, and fills a `struct group_reply` with one `struct op_reply` an operation and a
 * snapshot of the policy's counters. A reply that never comes is never sent again: asking again is always safe.
 *
 * Names are NUL-terminated and bounded (policy.h). Times are microseconds by the store's clock. */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include "headgate/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUP_OPS_MAX      256
#define BOOT_ID_MAX        64
#define REASON_MAX         200  /* bytes kept of a failure's reason */
#define REASONS_KEPT       3    /* of an instance */
#define COHORTS_KEPT       16   /* limiter generations whose counts the store keeps */
#define AGAIN_CLASSES      3    /* failures of those that had failed once, twice, more often before */
#define HISTOGRAM_SIZE     48   /* duration buckets, see histogram.h */
#define LEADER_ID_MAX      64
#define NOTE_KEY_MAX       96
#define NOTE_VALUE_MAX     16384
#define LIST_PAGE_MAX      1000
#define LIST_CURSOR_MAX    (HG_INSTANCE_MAX + 24) /* digits, a colon, a name; [A-Za-z0-9._:@-] */
#define CLOCK_STEP_CAP_US  1000000 /* a step back freezes the store's clock for at most this long */
#define STORE_GAP_US       INT64_C(3000000)  /* nobody spoke for longer: leases get RETURN_GRACE_US */
#define RETURN_GRACE_US    INT64_C(30000000) /* at most the lease itself */
#define SEEN_RETURN        (-1) /* seen_fence of a store that says it was away, however shortly */
#define SPILLED_MODULUS    (INT64_C(1) << 50) /* where `spilled` begins anew: doubles hold it */
#define REMEMBER_MIN_US    (INT64_C(600) * 1000000) /* outcomes are remembered for max(lease, this) */
#define SWEEP_STEP         200  /* records looked at by one sweep operation */

enum phase {
    PHASE_IDLE,
    PHASE_BLOCKED,
    PHASE_PROBING,
    PHASE_RAMPING,
    PHASE_STEADY,
    PHASE_FROZEN,
    PHASE_PAUSED,
    PHASE_COUNT
};

enum instance_state {
    INSTANCE_NONE, /* not known */
    INSTANCE_WAITING,
    INSTANCE_GRANTED,
    INSTANCE_BACKOFF,
    INSTANCE_QUARANTINED,
    INSTANCE_DONE, /* recovered, remembered */
    INSTANCE_STATE_COUNT
};

enum line { LINE_MAIN, LINE_RETRY, LINE_COUNT };

enum op_kind {
    OP_ACQUIRE,   /* a permit, or a place in line */
    OP_RENEW,     /* extend a lease */
    OP_COMPLETE,  /* report an outcome */
    OP_LEAVE,     /* leave the line, or give the permit back unused */
    OP_GET,       /* where an instance is */
    OP_RELEASE,   /* let one instance out of quarantine */
    OP_LEAD,      /* take or keep the leader lock */
    OP_CONFIGURE, /* leader: write the policy's shape */
    OP_PLAN,      /* leader: write limits, phases and line plan */
    OP_NOTE_PUT,  /* write or delete one small named text */
    OP_NOTE_LIST, /* read notes by prefix */
    OP_LIST,      /* page through a fleet's instances in one state */
    OP_SWEEP,     /* leader: drop a few abandoned places */
    OP_KIND_COUNT
};

enum outcome { OUTCOME_RECOVERED, OUTCOME_FAILED, OUTCOME_EXPIRED, OUTCOME_NONE, OUTCOME_COUNT };

/* Which limit kept a request from being granted. */
enum limit {
    LIMIT_NONE,
    LIMIT_LINE,      /* its number is not called yet */
    LIMIT_RATE,      /* ceiling bucket */
    LIMIT_PACE,      /* limiter's bucket */
    LIMIT_IN_FLIGHT, /* ceiling */
    LIMIT_WINDOW,    /* limiter's in-flight window */
    LIMIT_PAUSED,    /* the fleet, or a dependency, is paused */
    LIMIT_BLOCKED,   /* a dependency is down */
    LIMIT_BACKOFF,
    LIMIT_QUARANTINE,
    LIMIT_AFTER,     /* waits for another fleet */
    LIMIT_STORE,     /* not configured yet */
    LIMIT_COUNT
};

/* What a leader writes for one dependency. */
struct plan_dependency {
    char name[HG_NAME_MAX + 1];
    enum phase phase;
    int64_t cohort;       /* limiter generation, grows with every change of the limits */
    int64_t rate_milli;   /* ceiling in force (policy or override) */
    int64_t burst;        /* whole tokens */
    int64_t in_flight_max;
    bool paced;           /* whether the limiter's bucket applies */
    int64_t pace_milli;
    int64_t pace_burst;   /* micro-tokens */
    int64_t window;       /* limiter's in-flight limit, <= in_flight_max; priority may go up to in_flight_max */
    int64_t excused_from_us; /* failures in [from, to] burn no attempt; to INT64_MAX/0: still going on / never */
    int64_t excused_to_us;
};

/* Largest `excused_to_us` and "for ever": exact in a double. */
#define TIME_NEVER_US ((INT64_C(1) << 53) - 1)

/* What a leader writes for one fleet: how far each line's `serving` goes. The store evaluates
 * serving(now) = min(base + rate_milli * (min(now, until) - from) / 1e9, numbers given out). */
struct plan_fleet {
    char name[HG_NAME_MAX + 1];
    bool paused;
    bool held; /* waits for another fleet (`after`) */
    struct plan_line {
        int64_t base;
        int64_t rate_milli; /* numbers per 1000 s */
        int64_t from_us;
        int64_t until_us;
    } lines[LINE_COUNT];
};

struct plan {
    int64_t leader; /* the writer's number; refused with HG_E_STALE if not the present leader's */
    struct plan_dependency dependencies[HG_DEPENDENCIES_MAX];
    size_t dependency_count;
    struct plan_fleet fleets[HG_FLEETS_MAX];
    size_t fleet_count;
};

/* One operation. Pointers are borrowed until the reply. */
struct op {
    enum op_kind kind;
    const char *fleet;    /* all about instances, LIST, SWEEP */
    const char *instance; /* ACQUIRE RENEW COMPLETE LEAVE GET RELEASE; LIST: "" or cursor */
    const char *boot_id;  /* ACQUIRE: "" if none given */
    bool priority;        /* ACQUIRE: reserved lane */
    bool observe;         /* ACQUIRE: grant whatever the limits say, and say what they said */
    int64_t fence;        /* RENEW; COMPLETE: 0 if not given; LEAVE: 0 if not given */
    enum outcome outcome; /* COMPLETE */
    const char *reason;   /* COMPLETE: "" if none */
    const char *leader_id;   /* LEAD */
    int64_t leader;          /* CONFIGURE, NOTE_PUT (0: not fenced), SWEEP: the writer's number */
    int64_t lease_us;        /* LEAD: how long the lock holds */
    int64_t generation;      /* LEAD, CONFIGURE: of the policy */
    bool fresh;              /* CONFIGURE: the operator vouches that nothing is in flight (--new-store) */
    const struct hg_policy *policy; /* CONFIGURE */
    const struct plan *plan;        /* PLAN */
    const char *key;         /* NOTE_PUT; NOTE_LIST: prefix */
    const char *value;       /* NOTE_PUT: NULL deletes */
    int64_t until_us;        /* NOTE_PUT: when it goes by itself, TIME_NEVER_US if never */
    enum instance_state state; /* LIST */
    int64_t number;          /* SWEEP: waiting main numbers at or below this are abandoned */
    int64_t number_retry;    /* SWEEP: the same for the retry line */
    int64_t count;           /* LIST, NOTE_LIST: most wanted, <= LIST_PAGE_MAX */
};

struct list_item {
    char instance[HG_INSTANCE_MAX + 1];
    int64_t fence;
    int64_t attempt;
    int64_t since_us;
    int64_t until_us;
    char reasons[REASONS_KEPT][REASON_MAX + 1];
};

struct note {
    char *key;
    char *value;
    int64_t until_us;
};

struct op_reply {
    int status; /* 0, or HG_E_EXPIRED, _SUPERSEDED, _CONFLICT, _NOT_FOUND, _STALE, _NOT_READY, _STORE_FULL */
    enum instance_state state;
    enum line line;
    int64_t number;      /* place in line, when WAITING */
    int64_t fence;
    int64_t attempt;     /* 1 for the first; counts lives, failures remembered + 1 */
    int64_t since_us;    /* since when in this state, where the store knows, else 0 */
    int64_t until_us;    /* GRANTED: deadline; BACKOFF: end; DONE: remembered until */
    bool already;        /* the request had been made before */
    bool called;         /* WAITING: its number is called, it lacks tokens or window */
    enum limit limit;    /* WAITING, or observed: what keeps it */
    int limit_dependency;/* index in the snapshot, or -1 */
    int64_t wait_us;     /* WAITING and called: until the tokens are there, if that is known, else 0 */
    enum outcome outcome;/* DONE, BACKOFF, QUARANTINED: the last */
    char reasons[REASONS_KEPT][REASON_MAX + 1]; /* newest first, "" where none */
    int64_t leader;      /* LEAD: the number; 0 if another leads */
    int64_t dropped;     /* SWEEP */
    char cursor[LIST_CURSOR_MAX + 1]; /* LIST: for the next page, the store's own; "" at the end */
    struct list_item *items; /* LIST: item_count of them, freed with the reply */
    size_t item_count;
    struct note *notes;      /* NOTE_LIST */
    size_t note_count;
};

struct cohort {
    int64_t id; /* limiter generation */
    int64_t granted;
    int64_t recovered;
    int64_t failed;
    int64_t expired;
    int64_t excused; /* failed or expired while excused: tells the limiter nothing */
    int64_t again[AGAIN_CLASSES]; /* of failed and expired: by those that had failed once, twice, more often before */
    int64_t first_us; /* first and last grant */
    int64_t last_us;
    int32_t histogram[HISTOGRAM_SIZE]; /* durations of the recovered */
};

struct snapshot_dependency {
    char name[HG_NAME_MAX + 1];
    enum phase phase;
    int64_t cohort;
    int64_t rate_milli;
    int64_t burst; /* whole tokens */
    int64_t in_flight_max;
    bool paced;
    int64_t pace_milli;
    int64_t pace_burst;
    int64_t window;
    int64_t excused_from_us;
    int64_t excused_to_us;
    int64_t tokens;    /* micro-tokens in the ceiling bucket, settled */
    int64_t in_flight; /* cost units */
    int64_t spilled;   /* micro-tokens spilled while there was room in flight, modulo SPILLED_MODULUS */
    int64_t granted;   /* ever, permits */
    int64_t recovered;
    int64_t failed;
    int64_t expired;
    struct cohort cohorts[COHORTS_KEPT]; /* newest first; id 0 where none */
};

struct snapshot_line {
    int64_t tail;    /* last number given out */
    int64_t serving; /* last number called, by now */
    int64_t waiting; /* instances with a place */
    int64_t ready;   /* called, came, and found no room */
    int64_t granted; /* ever, from this line */
    int64_t plan_base;
    int64_t plan_rate_milli;
    int64_t plan_from_us;
    int64_t plan_until_us;
};

struct snapshot_fleet {
    char name[HG_NAME_MAX + 1];
    bool paused;
    bool held;
    struct snapshot_line lines[LINE_COUNT];
    int64_t in_flight; /* permits held */
    int64_t backoff;
    int64_t quarantined;
    int64_t granted; /* ever, priority included */
    int64_t recovered;
    int64_t failed;
    int64_t expired;
    int64_t superseded;
};

struct snapshot {
    int64_t now_us;         /* the store's clock */
    int64_t epoch;          /* grows when the store is found to have lost writes */
    int64_t fence;          /* last given out */
    int64_t generation;     /* of the policy in force; -1: not configured */
    int64_t learning_until_us; /* 0: not learning */
    int64_t longest_lease_us;
    int64_t leader;         /* number of the present leader; 0: none */
    int64_t leader_until_us;
    char leader_id[LEADER_ID_MAX + 1];
    int64_t notes_version;  /* grows with every note written */
    struct snapshot_dependency dependencies[HG_DEPENDENCIES_MAX];
    size_t dependency_count;
    struct snapshot_fleet fleets[HG_FLEETS_MAX];
    size_t fleet_count;
};

struct group {
    const char *policy;
    int64_t seen_fence; /* highest fence this controller has seen: a store behind it has lost writes; or SEEN_RETURN */
    size_t op_count;
    struct op ops[GROUP_OPS_MAX];
};

struct group_reply {
    int status; /* 0; HG_E_STORE_AWAY etc.: nothing is known of any operation */
    size_t op_count;
    struct op_reply ops[GROUP_OPS_MAX];
    struct snapshot snapshot;
};

/* Frees what the operations' replies own (items, notes) and empties it; the struct itself is the caller's. */
void group_reply_clear(struct group_reply *reply);

const char *phase_name(enum phase phase);
const char *instance_state_name(enum instance_state state);
const char *limit_name(enum limit limit);
const char *outcome_name(enum outcome outcome);

#endif
