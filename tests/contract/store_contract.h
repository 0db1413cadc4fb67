/* What the contract suite's tests share: a scene with a leader, two dependencies and two fleets, the same in every store.
 *
 * "db" gives 1 permit a second, 2 at once, 10 in flight; "net" 10 a second, 10 at once, 20 in flight. Fleet "web" needs db; fleet
 * "both" needs one of db and two of net. Leases last 60 s, backoff doubles from 1 s to 4 s without jitter, 2 failures
 * quarantine, at most 2 instances. Every number up to 1000 is called. */
#ifndef TESTS_CONTRACT_STORE_CONTRACT_H
#define TESTS_CONTRACT_STORE_CONTRACT_H

#include "store_world.h"

#include "headgate/errors.h"

#include <check.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

struct scene {
    struct world world;
    struct hg_dependency dependencies[2];
    struct hg_fleet fleets[2];
    struct hg_policy policy;
    struct plan plan;
    int64_t leader;
};

extern struct scene scene;

/* A store of kind `kind`, led, configured (fresh: buckets full) and planned. */
void scene_begin(int kind);
void scene_begin_unconfigured(int kind);
void scene_end(void);

void wait_us(int64_t us); /* moves the store's clock */
void wait_until(int64_t us);

struct op op_about(enum op_kind kind, const char *instance); /* of fleet "web" */
const struct op_reply *one(struct op op);
const struct op_reply *ask(const char *instance);
const struct op_reply *ask_fleet(const char *fleet, const char *instance);
const struct op_reply *ask_boot(const char *instance, const char *boot_id);
const struct op_reply *complete(const char *instance, int64_t fence, enum outcome outcome);
const struct op_reply *renew(const char *instance, int64_t fence);
const struct op_reply *get(const char *instance);
const struct op_reply *lead(const char *id, int64_t lease_us, int64_t generation);
int configure(bool fresh); /* writes scene.policy; the status */
int plan(void);            /* writes scene.plan */
int64_t grant(const char *instance); /* asks, must be granted; the fence */

/* Of the last reply. */
const struct snapshot *snapshot(void);
const struct snapshot_dependency *dependency(const char *name);
const struct snapshot_fleet *fleet(const char *name);

TCase *store_contract_permits(void);
TCase *store_contract_failures(void);
TCase *store_contract_limits(void);
TCase *store_contract_line(void);
TCase *store_contract_leader(void);
TCase *store_contract_time(void);

#endif
