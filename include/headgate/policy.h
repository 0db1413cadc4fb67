/* A policy: one consistency domain, with its dependencies and the fleets that need them.
 *
 * The story of one file: hg_policy_set_load() reads every file, checks each against the same rules as
 * policies/headgate-policy.schema.json plus those a schema cannot say (names that refer to nothing, cycles in
 * `after`, costs above a burst, names twice across files), collects every error with file, line, column, JSON
 * path and mend, and only if there is none hands out the set. A set is immutable: reloading makes a new one.
 *
 * All durations are microseconds, all shares permille, all rates milli-tokens per second. Strings are UTF-8,
 * owned by the set. */
#ifndef HEADGATE_POLICY_H
#define HEADGATE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define HG_NAME_MAX         63  /* bytes in the name of a policy, dependency or fleet: [a-z0-9][a-z0-9._-]* */
#define HG_INSTANCE_MAX     128 /* bytes in an instance's name: [A-Za-z0-9][A-Za-z0-9._:@-]* */
#define HG_POLICIES_MAX     64  /* in a set */
#define HG_DEPENDENCIES_MAX 16  /* in a policy */
#define HG_FLEETS_MAX       32  /* in a policy */
#define HG_NEEDS_MAX        8   /* of a fleet */
#define HG_AFTER_MAX        8   /* of a fleet */
#define HG_PROBES_MAX       8   /* of a dependency */

enum hg_probe_kind {
    HG_PROBE_TCP,
    HG_PROBE_HTTP,
    HG_PROBE_DNS,
    HG_PROBE_REDIS,
    HG_PROBE_EXEC,
    HG_PROBE_KIND_COUNT
};

struct hg_probe {
    enum hg_probe_kind kind;
    char *target; /* tcp: "host:port"; http: URL; dns: name; redis: URL; exec: NULL */
    int64_t interval_us;
    int64_t timeout_us;      /* at most interval_us */
    int64_t rise;            /* good answers in a row until up */
    int64_t fall;            /* bad answers in a row until down */
    int64_t jitter_permille; /* of the interval */
    int64_t status_min;      /* http: accepted status range */
    int64_t status_max;
    int64_t min_addresses; /* dns */
    char *dns_server;      /* dns: "ip:port", or NULL for the system's resolvers */
    char **argv;           /* exec: NULL-terminated */
    size_t argc;
    char *gauge_json;   /* http: JSON pointer (RFC 6901) to a number in the body, or NULL */
    int64_t gauge_soft; /* micro-units of the gauge */
    int64_t gauge_hard;
};

enum hg_limiter_mode { HG_LIMITER_SLOW_START, HG_LIMITER_FIXED, HG_LIMITER_ADAPTIVE, HG_LIMITER_MODE_COUNT };

struct hg_dependency {
    char *name;
    enum hg_limiter_mode limiter;
    int64_t request_timeout_us; /* 0: unknown */
    int64_t rate_milli;         /* ceiling, milli-tokens per second */
    int64_t burst;              /* ceiling, whole tokens */
    int64_t in_flight_max;      /* ceiling, whole cost units */
    int64_t reserve_burst;      /* tokens only priority requests may take */
    int64_t reserve_in_flight;  /* in-flight units only priority requests may take */
    struct hg_probe *probes;
    size_t probe_count;
};

struct hg_need {
    size_t dependency; /* index in the policy */
    int64_t cost;      /* whole, from 1 */
};

struct hg_after {
    size_t fleet;           /* index in the policy */
    int64_t share_permille; /* of that fleet's size that must be back */
    int64_t at_latest_us;   /* since this fleet began to wait; 0: no such limit */
};

enum hg_jitter { HG_JITTER_NONE, HG_JITTER_EQUAL, HG_JITTER_FULL, HG_JITTER_COUNT };

struct hg_fleet {
    char *name;
    int64_t size; /* 0: unknown */
    int64_t weight;
    int64_t lease_us;
    struct hg_need needs[HG_NEEDS_MAX];
    size_t need_count;
    struct hg_after after[HG_AFTER_MAX];
    size_t after_count;
    int64_t backoff_base_us; /* whole milliseconds */
    int64_t backoff_max_us;
    enum hg_jitter backoff_jitter;
    int64_t attempts;             /* failures until quarantine */
    int64_t retry_share_permille; /* of the fleet's grants that retries may take while newcomers wait */
    int64_t forget_us;            /* how long a failure is remembered without a new one */
    int64_t quarantine_max;       /* instances; beyond it failures go on backing off */
};

enum hg_policy_mode { HG_POLICY_ENFORCE, HG_POLICY_OBSERVE, HG_POLICY_MODE_COUNT };
enum hg_store_loss { HG_STORE_LOSS_CLOSED, HG_STORE_LOSS_DEGRADE, HG_STORE_LOSS_OPEN, HG_STORE_LOSS_COUNT };

struct hg_policy {
    char *name;
    char *file;
    int64_t generation;
    enum hg_policy_mode mode;
    enum hg_store_loss on_store_loss;
    int64_t store_loss_share_permille;
    int64_t store_loss_after_us;
    struct hg_dependency *dependencies;
    size_t dependency_count;
    struct hg_fleet *fleets;
    size_t fleet_count;
};

struct hg_policy_set {
    struct hg_policy *policies;
    size_t policy_count;
};

/* One thing wrong in a policy file. */
struct hg_policy_error {
    char *file;
    int line;      /* from 1 */
    int column;    /* from 1, in bytes */
    char *path;    /* JSON path, such as $.fleets.web.needs.db */
    char *message; /* what is wrong, and the mend */
};

struct hg_policy_errors {
    struct hg_policy_error *errors; /* in order of file, line, column; at most 100 of a file */
    size_t count;
    size_t more; /* found beyond those */
};

/* Loads every file of `paths`; a directory stands for its *.json files in byte order (hidden ones and the
 * JSON Schema file are skipped). Returns 0 and a set for hg_policy_set_destroy(), or HG_E_POLICY with at
 * least one error listed, or HG_E_NOMEM. `ret_errors` is always initialised; hg_policy_errors_finish() frees
 * what it holds. */
int hg_policy_set_load(const char *const *paths, size_t path_count, struct hg_policy_set **ret_set,
                       struct hg_policy_errors *ret_errors) __attribute__((warn_unused_result));

/* The same for one document in memory, as if read from `file`. */
int hg_policy_set_parse(const char *file, const char *text, size_t size, struct hg_policy_set **ret_set,
                        struct hg_policy_errors *ret_errors) __attribute__((warn_unused_result));

void hg_policy_set_destroy(struct hg_policy_set *set); /* NULL is fine */
void hg_policy_errors_finish(struct hg_policy_errors *errors);

/* Writes "FILE:LINE:COL: path: message" lines, and "and N more" where not all are listed. */
void hg_policy_errors_print(const struct hg_policy_errors *errors, FILE *out);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
