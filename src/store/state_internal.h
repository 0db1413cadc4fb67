/* What the state is made of. Only src/store/state*.c include this. */
#ifndef STORE_STATE_INTERNAL_H
#define STORE_STATE_INTERNAL_H

#include "core/bucket.h"
#include "headgate/errors.h"
#include "store/state.h"

#define DUE_STEP_MAX   200 /* due records taken by one group */
#define NOTES_MAX      512
#define PLAN_SPAN_US   INT64_C(5000000) /* a plan's rate counts for at most so long */
#define NO_DUE         SIZE_MAX
#define STATE_FLEETS_MAX (2 * HG_FLEETS_MAX) /* with those that drain */

struct lease {
    int64_t dependency; /* uid */
    int64_t cost;
    int64_t cohort;
};

struct record {
    struct record *next; /* in its hash bucket */
    size_t fleet;
    size_t due_index; /* in the due heap; NO_DUE */
    int64_t due_us;
    uint8_t state; /* enum instance_state */
    uint8_t line;
    uint8_t outcome;
    uint8_t done_outcome;
    bool ready;
    bool final;      /* BACKOFF after the last attempt: due for quarantine */
    bool superseded; /* the last outcome is a failure because another life of it came */
    uint8_t lease_count;
    int64_t number;
    int64_t failures;
    int64_t fence;
    int64_t done_fence;
    int64_t granted_us;
    int64_t since_us;
    int64_t until_us;
    int64_t failed_us;
    struct lease *leases;
    char *boot_id; /* NULL: none */
    char *reasons[REASONS_KEPT];
    char instance[];
};

struct state_dependency {
    int64_t uid;
    char name[HG_NAME_MAX + 1];
    struct bucket ceiling;
    struct bucket pace;
    bool paced;
    int64_t in_flight_max;
    int64_t window;
    int64_t in_flight;
    int64_t reserve_burst; /* tokens */
    int64_t reserve_in_flight;
    enum phase phase;
    int64_t cohort;
    int64_t excused_from_us;
    int64_t excused_to_us;
    struct cohort cohorts[COHORTS_KEPT];
    int64_t spilled;
    int64_t granted;
    int64_t recovered;
    int64_t failed;
    int64_t expired;
};

struct state_line {
    int64_t tail;
    int64_t waiting;
    int64_t ready;
    int64_t granted;
    struct plan_line plan;
};

struct state_need {
    int64_t dependency; /* uid */
    int64_t cost;
};

struct state_fleet {
    bool used;
    bool gone; /* drains: no new permits */
    char name[HG_NAME_MAX + 1];
    struct state_need needs[HG_NEEDS_MAX];
    size_t need_count;
    int64_t lease_us;
    int64_t base_ms;
    int64_t max_ms;
    enum hg_jitter jitter;
    int64_t attempts;
    int64_t forget_us;
    int64_t quarantine_max;
    bool paused;
    bool held;
    struct state_line lines[LINE_COUNT];
    size_t records;
    int64_t in_flight;
    int64_t backoff;
    int64_t quarantined;
    int64_t granted;
    int64_t recovered;
    int64_t failed;
    int64_t expired;
    int64_t superseded;
};

struct state {
    int64_t now_us;
    int64_t last_us;
    int64_t offset_us;
    int64_t returned_us; /* when somebody spoke again after the last gap; 0: there was none */
    int64_t epoch;
    int64_t fence;
    int64_t generation; /* -1: not configured */
    int64_t learning_until_us;
    int64_t longest_lease_us;
    char leader_id[LEADER_ID_MAX + 1];
    int64_t leader;
    int64_t leader_until_us;
    int64_t leader_generation;
    int64_t notes_version;
    int64_t next_uid;
    struct state_dependency dependencies[HG_DEPENDENCIES_MAX];
    size_t dependency_count;
    struct state_fleet fleets[STATE_FLEETS_MAX];
    size_t fleet_order[HG_FLEETS_MAX]; /* those in force, in the policy's order */
    size_t fleet_count;
    struct record **buckets;
    size_t bucket_count; /* a power of two */
    size_t record_count;
    struct record **due; /* heap */
    size_t due_count;
    size_t due_capacity;
    size_t sweep_cursor;
    struct note *notes; /* by key */
    size_t note_count;
};

/* state_records.c */
struct record *record_find(const struct state *state, size_t fleet, const char *instance);
struct record *record_create(struct state *state, size_t fleet, const char *instance); /* NULL without memory */
/* The same at the end of its chain in a table that is not resized: for loading. */
struct record *record_append(struct state *state, size_t fleet, const char *instance);
void record_delete(struct state *state, struct record *record);
/* Shrinks the table once few records are left in it. Never inside a group: SWEEP walks the table. */
void record_fit(struct state *state);
void record_free_all(struct state *state);
/* Enters, moves or (`due_us` 0) takes the record out of the due queue. False without memory. */
bool record_set_due(struct state *state, struct record *record, int64_t due_us);
bool record_set_text(char **text, const char *value);

/* state_permit.c */
struct state_dependency *state_dependency_by_uid(struct state *state, int64_t uid);
int64_t state_remember_us(const struct state_fleet *fleet);
bool state_excused(struct state *state, const struct record *record, int64_t at_us);
void permit_free(struct state *state, struct record *record, enum outcome outcome, bool excused);
/* BACKOFF is entered; what is due next is set. `superseded` says that the reason is another life. */
void permit_fail(struct state *state, struct record *record, enum outcome outcome, const char *reason, bool superseded);
void permit_due(struct state *state, struct record *record);
/* Takes the record out of the counters of its state: line, backoff, quarantine, permits. */
void permit_leave_state(struct state *state, struct record *record);
void permit_set_state(struct state *state, struct record *record, enum instance_state to);
void permit_describe(const struct record *record, struct op_reply *ret_reply);
int64_t state_line_serving(const struct state_line *line, int64_t now_us);

/* state_acquire.c */
void op_acquire(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
/* Leaves a final backoff for quarantine if there is room. */
bool permit_quarantine(struct state *state, struct record *record);

/* state_outcome.c */
void op_renew(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
void op_complete(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
void op_leave(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
void op_release(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);

/* state_lead.c */
void op_lead(struct state *state, const struct op *op, struct op_reply *reply);
void op_configure(struct state *state, const struct op *op, struct op_reply *reply);
void op_plan(struct state *state, const struct op *op, struct op_reply *reply);
bool state_leads(const struct state *state, int64_t leader);

size_t state_find_fleet(const struct state *state, const char *name); /* STATE_FLEETS_MAX if there is none */

/* state_list.c */
void op_list(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
void op_sweep(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply);
void op_note_put(struct state *state, const struct op *op, struct op_reply *reply);
void op_note_list(struct state *state, const struct op *op, struct op_reply *reply);
void notes_drop_expired(struct state *state);

/* state_snapshot.c */
void state_snapshot(const struct state *state, struct snapshot *ret_snapshot);

#endif
