/* The instances of a relaunch and where each stands. */
#ifndef LAUNCH_UNITS_H
#define LAUNCH_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_NONE       UINT32_MAX
#define UNIT_TICKET_MAX 64
#define UNIT_REASON_MAX 200

enum unit_state {
    UNIT_NEW,     /* not asked for by this process */
    UNIT_ASKED,   /* an ask is under way */
    UNIT_WAITING, /* told to ask again at due_us */
    UNIT_GRANTED, /* has its permit, waits for a free place */
    UNIT_RUNNING,
    UNIT_ENDED,    /* its outcome is to be reported */
    UNIT_REPORTED, /* the report is under way */
    UNIT_LEAVING,  /* its permit is being given back unused */
    UNIT_RECOVERED,
    UNIT_QUARANTINED,
    UNIT_STATE_COUNT
};

struct unit {
    int64_t due_us;   /* WAITING */
    int64_t renew_us; /* GRANTED, RUNNING: when to renew; INT64_MAX: not, or under way */
    int64_t lease_us;
    int64_t fence;
    int64_t attempt;    /* by the controller's count */
    int64_t settled_ms; /* when it recovered, since the relaunch began */
    char *reason;       /* of the last failure; NULL: none */
    char *output;       /* the last lines it wrote then; NULL: none kept */
    uint32_t next;      /* in the queue it stands in */
    uint32_t attempts;  /* commands started, earlier starts of relaunch included */
    uint8_t state;
    bool recovered;   /* ENDED, REPORTED: the outcome */
    bool backing_off; /* WAITING, ASKED: it failed before */
    bool fresh;       /* GRANTED: by another permit than its last command had */
    bool lost;        /* its permit was lost while it ran */
    char ticket[UNIT_TICKET_MAX];
};

struct unit_queue {
    uint32_t first;
    uint32_t last;
    uint32_t count;
};

struct unit_heap {
    uint32_t *at;
    size_t count;
};

struct units {
    struct unit *all;
    size_t count;
    int64_t counts[UNIT_STATE_COUNT];
    int64_t backing_off;
    int64_t failures; /* attempts that failed */
    struct unit_queue granted;
    struct unit_queue ended;
    uint32_t fresh;              /* none below is NEW */
    struct unit_heap waiting[2]; /* the WAITING, earliest first: those in line, those backing off */
};

/* HG_E_NOMEM. */
int units_init(struct units *units, size_t count) __attribute__((warn_unused_result));
void units_finish(struct units *units);

/* The one place where a state changes; enters and leaves the queue or heap that belongs to it. */
void unit_set_state(struct units *units, uint32_t index, enum unit_state state);

/* Not while WAITING. */
void unit_set_backing_off(struct units *units, uint32_t index, bool backing_off);

/* Keeps a copy (or none when memory is out); NULL forgets. */
void unit_set_reason(struct unit *unit, const char *reason);

/* The first of a queue; UNIT_NONE. */
uint32_t units_granted(const struct units *units);
uint32_t units_ended(const struct units *units);

/* The next NEW one; UNIT_NONE. */
uint32_t units_fresh(struct units *units);

/* The WAITING one that is due earliest, among those in line or those backing off; UNIT_NONE. */
uint32_t units_due(const struct units *units, bool backing_off);

/* Recovered or quarantined. */
int64_t units_settled(const struct units *units);

#endif
