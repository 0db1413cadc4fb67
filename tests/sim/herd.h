/* Clients of a world: they ask for a permit, do as they are told or not, relaunch, and report. */
#ifndef TESTS_HERD_H
#define TESTS_HERD_H

#include "world.h"

struct herd_options {
    const char *fleet;
    size_t count;
    int64_t arrive_us;        /* all ask first within so long, from when the herd is released */
    int64_t never_permille;   /* never come back after their first ask */
    int64_t late_permille;    /* come back later than told, each time by up to late_us */
    int64_t late_us;
    bool no_ticket;           /* never send their ticket back */
    int64_t no_ticket_every;  /* one in so many never does; 0: as no_ticket says */
    int64_t poll_us;          /* ask again after so long, whatever they are told; 0: they honour retry_after */
    int64_t work_min_us;      /* a relaunch takes so long */
    int64_t work_max_us;
    int64_t fail_permille;    /* of the relaunches fail */
    int64_t vanish_permille;  /* of the granted never report */
};

enum member_state { MEMBER_ASKING, MEMBER_WORKING, MEMBER_BACK, MEMBER_GONE, MEMBER_QUARANTINED };

struct member {
    size_t herd;
    char name[24];
    char ticket[32];
    bool never;
    bool late;
    bool no_ticket;
    enum member_state state;
    int64_t asks;
    int64_t asks_at_grant; /* of the first permit */
    int64_t first_us;      /* first ask and first grant, by the controllers' clock */
    int64_t granted_us;
    int64_t order;         /* how many were granted before it */
    int64_t waits_us;      /* for an answer since; 0: it does not */
    int64_t fence;
};

#define HERDS_MAX 8

struct herds {
    struct herd_options options[HERDS_MAX];
    size_t herd_count;
    struct member *members;
    size_t member_count;
    int64_t granted;      /* first permits */
    int64_t recovered;
    int64_t quarantined;
    int64_t refused;      /* 503s */
    int64_t last_granted_us;
    bool down;            /* relaunches fail whatever the options say */
    struct rng rng;
};

/* What a world needs to know of them. `user_data` is a struct herds. */
struct world_user herds_user(struct herds *herds);
void herds_finish(struct herds *herds);

/* Adds a herd whose members ask from `at_us` on. */
void herds_release(struct herds *herds, struct world *world, const struct herd_options *options, int64_t at_us);

/* Members that will come back and have had no permit yet. */
size_t herds_left(const struct herds *herds);

#endif
