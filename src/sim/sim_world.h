/* What a simulated world is made of. Only src/sim includes this; sim.h tells the story. */
#ifndef SIM_SIM_WORLD_H
#define SIM_SIM_WORLD_H

#include "core/engine.h"
#include "sim/sim.h"
#include "sim/sim_heap.h"
#include "sim/sim_laws.h"
#include "sim/sim_scenario.h"
#include "store/state.h"

#define SIM_START_US   INT64_C(10000000)            /* when the herd arrives: controllers are up by then */
#define SIM_EPOCH_US   (INT64_C(1700000000) * 1000000) /* what the store's clock reads at the beginning */
#define SIM_STEP_US    INT64_C(500000)              /* the dependencies' speed, probes' ages and gauges move so often */
#define SIM_GAUGE_KEPT 128
#define SIM_NONE       UINT32_MAX

enum sim_event_kind {
    SIM_EVENT_TICK,       /* id: controller */
    SIM_EVENT_STORE,      /* id: controller; its group reaches the store */
    SIM_EVENT_REPLY,      /* id: controller */
    SIM_EVENT_LINK,       /* id: controller; notices that the store went or came: tag */
    SIM_EVENT_RESTART,    /* id: index in restarts; tag: 0 killed, 1 back */
    SIM_EVENT_FAILOVER,   /* id: index; tag: 0 copy, 1 gone, 2 back */
    SIM_EVENT_CLOCK_STEP, /* id: index */
    SIM_EVENT_PROBE,      /* id: dependency; tag: probe */
    SIM_EVENT_INSTANCE,   /* id: instance; tag: enum sim_step */
    SIM_EVENT_SERVICE,    /* id: dependency */
    SIM_EVENT_TIMEOUT,    /* id: dependency */
    SIM_EVENT_OUTAGE,     /* id: dependency; tag: index */
    SIM_EVENT_REFUSED,    /* id, life: owner; tag: enum sim_owner */
    SIM_EVENT_BACKGROUND, /* id: background; the next operation */
    SIM_EVENT_AGAIN,      /* id: operation; tries again */
    SIM_EVENT_BY_HAND,    /* people restart the dependencies and let in by hand */
    SIM_EVENT_STEP,       /* speeds, gauges, timeline */
    SIM_EVENT_KIND_COUNT
};

/* ---- dependencies: sim_dependency.c ---- */

enum sim_owner { SIM_OWNER_INSTANCE, SIM_OWNER_OPERATION, SIM_OWNER_CALL };
enum sim_job_state { SIM_JOB_FREE, SIM_JOB_QUEUED, SIM_JOB_SERVED, SIM_JOB_CALLING };

struct sim_job {
    double finish;  /* served: when the dependency's own time reaches it */
    double work_s;
    int64_t arrived_us;
    uint32_t owner;
    uint32_t previous; /* in the queue; free: the next free one */
    uint32_t next;
    uint32_t older; /* among those whose clients still wait */
    uint32_t newer;
    uint16_t life; /* of the owner */
    uint16_t own_life;
    uint8_t owner_kind; /* enum sim_owner */
    uint8_t caller;     /* SIM_OWNER_CALL: the dependency that calls */
    uint8_t state;      /* enum sim_job_state */
    bool abandoned;
};

struct sim_dependency {
    const struct sim_dependency_spec *spec;
    struct sim_job *jobs;
    uint32_t job_count;
    uint32_t job_capacity;
    uint32_t free_job;
    uint32_t *served; /* heap by finish */
    size_t served_count;
    size_t calling_count;
    uint32_t queue_first;
    uint32_t queue_last;
    size_t queued;
    uint32_t oldest; /* whose clients wait */
    uint32_t newest;
    double own_time; /* seconds of undisturbed service so far */
    double speed;
    int64_t settled_us;
    int64_t service_at_us; /* pending event; INT64_MAX: none */
    int64_t timeout_at_us;
    int64_t cold_since_us;
    double cold_done;      /* requests answered since */
    int outage;            /* index of the one going on, -1 */
    double useful_s;       /* served for somebody */
    double wasted_s;       /* served for nobody */
    double busy_s;         /* server seconds, for the gauge */
    int64_t answered;
    int64_t timed_out;
    int64_t refused;
    size_t queue_peak;
    double gauges[SIM_GAUGE_KEPT];
    uint32_t gauge_at;
    struct rng rng;
    struct {
        bool told;
        bool up;
        int64_t good;
        int64_t bad;
        bool stuck_known;
        bool stuck_up;
    } probes[HG_PROBES_MAX];
};

/* ---- instances: sim_instance.c, sim_relaunch.c ---- */

enum sim_instance_state {
    SIM_INSTANCE_AWAY,      /* not come up yet, or asleep until it asks */
    SIM_INSTANCE_ASKING,    /* waits for an answer */
    SIM_INSTANCE_RELAUNCHING,
    SIM_INSTANCE_TELLING,   /* has told a failure, waits for the answer */
    SIM_INSTANCE_BACK,
    SIM_INSTANCE_QUARANTINED,
    SIM_INSTANCE_GONE,      /* never returns */
    SIM_INSTANCE_STATE_COUNT
};

enum sim_step {
    SIM_STEP_ASK,
    SIM_STEP_WORK,    /* the next request, or another try of one */
    SIM_STEP_BOOTED,
    SIM_STEP_FAILED,  /* a broken one fails */
    SIM_STEP_REHUNG,  /* a hung one is restarted */
    SIM_STEP_RENEW,
    SIM_STEP_REPORT,  /* a late report arrives */
    SIM_STEP_REPORT_FAILED,
    SIM_STEP_SILENCE, /* no answer came */
    SIM_STEP_COUNT
};

#define SIM_IS_BROKEN (1u << 0) /* always fails */
#define SIM_IS_POLLER (1u << 1)
#define SIM_IS_LEAVER (1u << 2)
#define SIM_IS_TICKET (1u << 3) /* has one */
#define SIM_IS_RETRY  (1u << 4) /* its ticket is of the retry line */

struct sim_instance {
    int64_t fence;
    int64_t began_us;
    uint32_t number;    /* of its ticket */
    float boot_s;
    uint16_t asks;      /* of its ticket */
    uint16_t life;
    uint16_t failures;
    uint16_t left;      /* requests not yet made */
    uint16_t open;      /* requests not yet answered */
    uint8_t need;       /* of the fleet's needs, being loaded */
    uint8_t tries;      /* of the present request */
    uint8_t state;      /* enum sim_instance_state */
    uint8_t fleet;
    uint8_t kind;       /* class, 0 is plain */
    uint8_t flags;
};

/* ---- background: sim_background.c ---- */

struct sim_operation {
    int64_t began_us;
    uint16_t tries;
    uint8_t background;
    bool used;
    uint32_t next_free;
};

#define SIM_LATENCY_BUCKETS 400 /* 2.5 % apart from 1 ms */

struct sim_background_count {
    int64_t operations; /* that ended while the run was on */
    int64_t errors;
    int64_t tries;
    int32_t latency[SIM_LATENCY_BUCKETS];
};

/* ---- controllers: sim_controller.c ---- */

struct sim_controller {
    struct hg_engine *engine; /* NULL: dead */
    struct group_reply *reply;
    const struct group *under_way;
    bool lost;      /* the group under way will not be answered in time */
    bool answering; /* a reply is on its way */
    bool probing;
    uint16_t life;
    int64_t tick_us;
    int64_t ahead_us;
};

struct sim_world {
    const struct sim_scenario *scenario;
    const struct sim_options *options;
    const struct sim_law *law;
    int64_t now_us;
    int64_t end_us; /* time limit */
    bool nomem;
    bool over;
    bool turning; /* an engine's effects are being carried out */
    struct sim_heap heap;
    struct state *state;
    struct sim_copy {
        unsigned char *data; /* a dump, in pieces of `ends` */
        size_t size;
        size_t capacity;
        size_t ends[4096];
        size_t count;
        bool failed;
    } *copy; /* for a failover */
    bool store_away;
    int64_t store_offset_us;
    struct sim_controller controllers[SIM_CONTROLLERS_MAX];
    struct sim_dependency dependencies[HG_DEPENDENCIES_MAX];
    struct sim_instance *instances;
    uint32_t instance_count;
    uint32_t fleet_first[HG_FLEETS_MAX + 1]; /* index of each fleet's first instance */
    struct sim_operation *operations;
    uint32_t operation_count;
    uint32_t operation_capacity;
    uint32_t free_operation;
    struct sim_background_count *background_count;
    struct rng rng_instance;
    struct rng rng_client;
    struct rng rng_background;
    struct rng rng_store;
    struct rng rng_probe;
    struct sim_law_context law_context;
    int64_t by_hand_us; /* when the next one is let in by hand */
    uint32_t able;     /* instances that can come back */
    uint32_t back;     /* of those, are */
    uint32_t settled;  /* back, quarantined for good cause, or gone for ever */
    const struct snapshot *snapshot; /* the last group's; NULL before the first */
    int64_t timeline_every; /* steps between two points */
    int64_t step; /* number of SIM_EVENT_STEP */
    struct sim_result *result;
    struct sim_check *check;
};

/* sim_run.c */
void sim_push(struct sim_world *world, int64_t at_us, enum sim_event_kind kind, uint32_t id, uint8_t tag, uint16_t life);
/* One of a request's owners is answered. */
void sim_answer_owner(struct sim_world *world, enum sim_owner kind, uint32_t owner, uint16_t life, uint8_t caller, bool ok);

/* sim_dependency.c */
bool sim_dependency_init(struct sim_world *world, size_t d);
void sim_dependency_finish(struct sim_dependency *dependency);
void sim_dependency_submit(struct sim_world *world, size_t d, enum sim_owner kind, uint32_t owner, uint16_t life,
                           uint8_t caller, double times);
void sim_dependency_on_service(struct sim_world *world, size_t d, int64_t at_us);
void sim_dependency_on_timeout(struct sim_world *world, size_t d);
void sim_dependency_on_outage(struct sim_world *world, size_t d, uint8_t tag);
/* Forgets all it has; whoever waits sees the connection break. */
void sim_dependency_restart(struct sim_world *world, size_t d);
void sim_dependency_step(struct sim_world *world, size_t d);
void sim_dependency_on_call(struct sim_world *world, size_t d, uint32_t job, uint16_t life, bool ok);
/* Speed by time and work done, without what crowding takes; share of the warm one. */
double sim_dependency_pace(const struct sim_dependency_spec *spec, int64_t since_start_us, int64_t cold_since_us,
                           double cold_done);
double sim_dependency_gauge(const struct sim_dependency *dependency);
/* What a cheap request would wait, seconds; INFINITY while it is away. */
double sim_dependency_wait_s(const struct sim_dependency *dependency);

/* sim_instance.c: asking; sim_relaunch.c: what a grant starts */
bool sim_instances_init(struct sim_world *world);
void sim_instance_on_step(struct sim_world *world, uint32_t i, enum sim_step step, uint16_t life);
void sim_instance_on_answer(struct sim_world *world, uint32_t i, uint32_t what, const struct hg_answer *answer);
void sim_instance_ask_in(struct sim_world *world, uint32_t i, int64_t delay_us);
void sim_instance_report(struct sim_world *world, uint32_t i, bool recovered);
void sim_instance_failed(struct sim_world *world, uint32_t i);
void sim_instance_send(struct sim_world *world, uint32_t i, struct op *op, uint32_t what);
void sim_relaunch_begin(struct sim_world *world, uint32_t i);
void sim_relaunch_on_step(struct sim_world *world, uint32_t i, enum sim_step step);
void sim_relaunch_on_request(struct sim_world *world, uint32_t i, uint16_t life, bool ok);

/* sim_background.c */
void sim_background_begin(struct sim_world *world);
void sim_background_on_next(struct sim_world *world, uint32_t background);
void sim_background_on_again(struct sim_world *world, uint32_t operation);
void sim_background_on_request(struct sim_world *world, uint32_t operation, bool ok);
struct sim_background_result sim_background_end(const struct sim_world *world);

/* sim_controller.c */
bool sim_controllers_init(struct sim_world *world);
void sim_controllers_finish(struct sim_world *world);
/* What a request asks for; comes back in the answer's item. */
enum sim_asked { SIM_ASKED_PERMIT, SIM_ASKED_RENEWAL, SIM_TOLD_RECOVERED, SIM_TOLD_FAILED, SIM_TOLD_TWICE };
/* False when no controller is there to ask. */
bool sim_controller_ask(struct sim_world *world, uint32_t i, const struct op *op, const char *ticket, uint32_t what);
/* sim_store.c: `tag` 0 remembers the state, 1 the store goes, 2 it comes back without its last writes */
void sim_store_finish(struct sim_world *world);
void sim_store_failover(struct sim_world *world, uint32_t index, uint8_t tag);
void sim_controller_on_event(struct sim_world *world, const struct sim_event *event);
void sim_controller_probe(struct sim_world *world, size_t d, size_t p, bool changed, bool has_gauge, double gauge,
                          double latency_s);

/* sim_probe.c */
void sim_probes_begin(struct sim_world *world);
void sim_probe_on_event(struct sim_world *world, size_t d, size_t p);

/* sim_ideal.c */
/* Requests per second that the dependency could answer at `t_us` after the start, without background. */
double sim_capacity(const struct sim_scenario *scenario, size_t d, int64_t t_us);
double sim_ideal_s(const struct sim_scenario *scenario);
/* Operations a second of the other traffic, tries not counted. */
double sim_background_rate(const struct sim_scenario *scenario, size_t d);
/* Requests to `d` of a relaunch of fleet `f`. */
double sim_demand(const struct sim_scenario *scenario, size_t d, size_t f);

/* sim_laws.c: what the laws under study are told of a group */
void sim_law_on_group(struct sim_world *world, const struct group *group, const struct group_reply *reply);

/* sim_timeline.c */
void sim_timeline_step(struct sim_world *world);
void sim_timeline_end(struct sim_result *result);

#endif
