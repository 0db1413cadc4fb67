/* What the engine is made of. Only src/core/engine*.c include this. */
#ifndef CORE_ENGINE_INTERNAL_H
#define CORE_ENGINE_INTERNAL_H

#include "core/dependency.h"
#include "core/engine.h"
#include "core/line_plan.h"
#include "core/rng.h"

#define SLOTS_MAX        (2 * HG_POLICIES_MAX) /* policies in force and those that are going */
#define PENDING_MAX      16384                 /* operations waiting for a group, of one policy */
#define HOLD_MAX         64                    /* requests held for a token, of one policy */
#define HOLD_US          INT64_C(3000000)
#define RECALL_AHEAD_US  INT64_C(10000)
#define HOLD_STEP_US     INT64_C(250000)       /* asked again after so long where no token tells when */
#define TICK_US          INT64_C(200000)       /* leader's tick while somebody waits */
#define TICK_IDLE_US     INT64_C(500000)
#define LEAD_LEASE_US    INT64_C(2000000)
#define SWEEP_US         INT64_C(5000000)
#define ASK_BUDGET       12 /* asks after which the sleeps grow longer */
#define AWAY_RETRY_US    INT64_C(2000000) /* Retry-After while the store is away, spread to twice as much */
#define OVERLOAD_RETRY_US INT64_C(1000000)
#define EFFECTS_KEPT     1024 /* effects whose memory is kept between steps */
#define LOG_TEXT_MAX     768

/* A request on its way, with copies of what its operation points to. */
struct pending {
    struct pending *next;
    struct hg_request request;
    int64_t asked_us;
    int64_t due_us; /* held: ask again then */
    int held_for;   /* held: the snapshot's dependency whose window is full; -1: waits for a token */
    int64_t number; /* held: its place ... */
    enum line line; /* ... in this line */
    int64_t asks;   /* from the ticket */
    char text[];
};

struct pending_list {
    struct pending *first;
    struct pending *last;
    size_t count;
};

/* The engine's own operations in a group. */
enum own_op { OWN_NONE, OWN_LEAD, OWN_CONFIGURE, OWN_PLAN, OWN_OVERRIDES, OWN_RECOVERIES, OWN_NOTE, OWN_SWEEP };

struct policy_slot {
    const struct hg_policy *policy; /* NULL: gone or free */
    char name[HG_NAME_MAX + 1];
    struct pending_list queue;
    struct pending_list held; /* by due time */
    struct pending *under_way[GROUP_OPS_MAX];
    enum own_op own[GROUP_OPS_MAX];
    char *own_text[GROUP_OPS_MAX]; /* what an own operation points to */
    char own_key[GROUP_OPS_MAX][NOTE_KEY_MAX];
    int64_t own_number[GROUP_OPS_MAX]; /* OWN_NOTE: of the recovery; 0: of none that goes on */
    bool busy; /* a group is at the store */
    struct group group;
    char gone[HG_FLEETS_MAX][HG_NAME_MAX + 1]; /* fleets of policies before: they drain */
    size_t gone_next;
    int64_t tick_us; /* next tick, by the driver's clock */
    bool tick_due;

    bool has_snapshot;
    struct snapshot snapshot;
    int64_t snapshot_at_us; /* by the driver's clock */
    int dependency_of[HG_DEPENDENCIES_MAX]; /* the policy's index -> the snapshot's, -1: not there */
    int fleet_of[HG_FLEETS_MAX];
    struct {
        int64_t at_us; /* store's clock */
        int64_t granted[HG_FLEETS_MAX];
        double rate[HG_DEPENDENCIES_MAX]; /* cost units granted per second, smoothed */
    } observed; /* what every controller measures, leading or not */
    enum phase phase_seen[HG_DEPENDENCIES_MAX];
    int64_t phase_since_us[HG_DEPENDENCIES_MAX]; /* store's clock */
    int64_t shut_since_us[HG_FLEETS_MAX]; /* held or paused since, store's clock; 0: it is not */

    int64_t outlook_at_us; /* of the forecast below, store's clock; 0: none */
    double outlook_waiting[HG_FLEETS_MAX];
    struct line_forecast forecast;

    int64_t leader; /* our number while we lead; 0 */
    bool configure_due;
    bool ever_configured; /* the store knew the policy once: empty later, it has lost something */
    bool initialized; /* leader's state taken over from the snapshot */
    bool older_told;
    bool notes_known;
    int64_t notes_version;
    bool probing; /* START_PROBES was given */
    int64_t recovery_number;
    bool recoveries_known;
    size_t recovery_count;
    int64_t recovery_oldest;
    struct dependency dependencies[HG_DEPENDENCIES_MAX];
    bool fleet_paused[HG_FLEETS_MAX];
    struct line_planner planner;
    struct plan plan;
    int64_t sweep_at_us;
    struct {
        int64_t serving[LINE_COUNT]; /* calls older than the grace: what is not taken is abandoned */
        int64_t serving_next[LINE_COUNT];
        int64_t marked_us;
    } sweep[HG_FLEETS_MAX];
    size_t sweep_fleet;
    char why[HG_DEPENDENCIES_MAX][WHY_MAX + 1];
};

struct hg_engine {
    char controller_id[LEADER_ID_MAX + 1];
    bool new_store;
    const struct limiter_ops *law;
    void *law_context;
    bool resigned;
    struct rng rng;
    struct policy_slot *slots[SLOTS_MAX];
    size_t slot_count;
    int store_status; /* 0: usable */
    bool store_told;  /* whether the store has spoken yet */
    int64_t seen_fence[SLOTS_MAX];
    struct hg_engine_counters counters;
    struct hg_effect *effects;
    size_t effect_count;
    size_t effect_capacity;
    char **texts; /* owned by the present effects */
    size_t text_count;
    size_t text_capacity;
    struct pending *done; /* answered in this step, freed in the next: effects may point into them */
};

/* engine_effects.c */
void effects_begin(struct hg_engine *engine);
void effects_finish(struct hg_engine *engine);
struct hg_effect *effect_add(struct hg_engine *engine, enum hg_effect_type type, size_t policy);
void effect_log(struct hg_engine *engine, size_t policy, int level, const char *event, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* engine_pending.c */
struct pending *pending_create(const struct hg_request *request, int64_t now_us);
void pending_push(struct pending_list *list, struct pending *pending);
void pending_push_front(struct pending_list *list, struct pending *pending);
void pending_insert_by_due(struct pending_list *list, struct pending *pending);
struct pending *pending_pop(struct pending_list *list);
/* Whether `other` stands behind `pending` in the same line. Lines share by the plan, not by who has stood longest. */
bool pending_stands_behind(const struct pending *other, const struct pending *pending);
/* Turns stay where they are; but each line's go to its members in their order. */
void pending_put_in_line(struct pending **pendings, size_t count);
void pending_list_clear(struct pending_list *list);

/* engine_request.c */
int engine_on_request(struct hg_engine *engine, size_t policy, const struct hg_request *request, int64_t now_us);
/* Answers, and keeps the request's memory until the next step. */
void engine_answer(struct hg_engine *engine, size_t policy, struct pending *pending, const struct hg_answer *answer);
/* 503 for everybody in the list. */
void engine_answer_all(struct hg_engine *engine, size_t policy, struct pending_list *list, int status);
/* HG_E_NOMEM where there is no memory to say so: the caller is not answered. */
int engine_refuse(struct hg_engine *engine, size_t policy, uint64_t id, uint32_t item, int status);

/* engine_answer.c: from the store's facts to the caller's answer */
/* Windows have room again: as many of those held for it as fit ask again at once. */
void engine_recall(struct policy_slot *slot, int64_t now_us);
void engine_settle(struct hg_engine *engine, size_t policy, struct pending *pending, const struct op_reply *op,
                   int64_t now_us);

/* engine_advice.c */
struct advice_input {
    int fleet; /* the policy's index */
    enum line line;
    int64_t number;
    bool called;
    int64_t asks;
    int64_t now_us; /* the driver's */
};
void engine_advise(struct hg_engine *engine, struct policy_slot *slot, const struct advice_input *input,
                   struct hg_answer *ret_answer);
int64_t slot_store_now(const struct policy_slot *slot, int64_t now_us);
int64_t slot_fleet_eta_us(struct policy_slot *slot, size_t fleet, int64_t now_us);
int slot_find_fleet(const struct policy_slot *slot, const char *name);
int slot_find_dependency(const struct policy_slot *slot, const char *name);
/* "m123.4" -> main line, 123, asked 4 times. False for anything else. */
bool ticket_parse(const char *text, enum line *ret_line, int64_t *ret_number, int64_t *ret_asks);

/* engine_group.c */
void engine_submit(struct hg_engine *engine, size_t policy, int64_t now_us);
void engine_on_store_reply(struct hg_engine *engine, size_t policy, struct group_reply *reply, int64_t now_us);

/* engine_snapshot.c */
void slot_map(struct policy_slot *slot);
void slot_take_snapshot(struct policy_slot *slot, const struct snapshot *snapshot, int64_t now_us);

/* engine_lead.c */
void lead_add_ops(struct hg_engine *engine, size_t policy, int64_t now_us);
void lead_on_reply(struct hg_engine *engine, size_t policy, size_t op, const struct op_reply *reply);
void lead_lose(struct hg_engine *engine, size_t policy, const char *why);
struct op *group_add_own(struct policy_slot *slot, enum own_op own);

/* engine_decide.c: one leader's tick */
void lead_decide(struct hg_engine *engine, size_t policy, int64_t now_us);
void lead_take_over(struct hg_engine *engine, size_t policy);
void lead_refit(struct policy_slot *slot); /* after a reload, once the store has the new shape */
void lead_add_sweep(struct policy_slot *slot);

/* engine_notes.c */
void lead_on_overrides(struct hg_engine *engine, size_t policy, const struct op_reply *reply);
void lead_on_recoveries(struct hg_engine *engine, size_t policy, const struct op_reply *reply);
void lead_add_recoveries(struct policy_slot *slot);
/* A record was written, or (`status` not 0) was not: then it is written again. */
void lead_on_note(struct hg_engine *engine, size_t policy, size_t op, int status);

/* engine_policies.c */
int engine_on_policies(struct hg_engine *engine, const struct hg_policy_set *set, int64_t now_us);
void slot_destroy(struct policy_slot *slot);

#endif
