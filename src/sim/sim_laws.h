/* Who decides how many may relaunch: the policy's limiter, or one of those it is compared with.
 *
 * `none` and `client-backoff` ask nobody. The others run in the engine in the place of the policy's limiter; they are
 * given more than any store tells, exact durations of every outcome, so that none loses for want of precision; `oracle` and
 * `fixed-*` are told the true capacity, which no controller knows. */
#ifndef SIM_SIM_LAWS_H
#define SIM_SIM_LAWS_H

#include "core/limiter.h"

struct sim_world;
struct sim_scenario;

enum sim_law_kind { SIM_LAW_ENGINE, SIM_LAW_NONE, SIM_LAW_CLIENT_BACKOFF };

struct sim_law {
    const char *name;
    enum sim_law_kind kind;
    const struct limiter_ops *ops; /* NULL: the policy's */
    double share;                  /* fixed-*: of the capacity */
    const char *doc;
};

struct sim_sample {
    int64_t granted_us; /* by the store's clock */
    int64_t duration_us;
    bool failed;
};

/* What one dependency's law is told and remembers. */
struct sim_law_seat {
    struct sim_sample *samples; /* since the last judgement */
    size_t sample_count;
    size_t sample_capacity;
    double limit;          /* permits */
    double base_s;         /* vegas, bbr: shortest round trip */
    double long_s;         /* gradient2 */
    double rate_max;       /* bbr: delivery rate, a second */
    double rates[10];      /* bbr: of the last rounds */
    int64_t round;
    int64_t round_us;      /* when it began */
    double round_done;
    double round_failed;
    int64_t base_us;       /* bbr: when base_s was seen */
    int64_t changed_us;
    double full_rate;      /* bbr: when the pipe was last found wider */
    int full_count;
    bool filled;
};

struct sim_law_context {
    const struct sim_scenario *scenario;
    const struct sim_law *law;
    double back_share;                  /* the truth, for laws that are told it */
    double inside[HG_DEPENDENCIES_MAX]; /* requests in the dependency */
    int64_t start_us; /* store's clock when the herd arrives */
    struct sim_law_seat seats[HG_DEPENDENCIES_MAX];
};

extern const struct sim_law sim_laws[];
extern const size_t sim_law_count;
const struct sim_law *sim_law_find(const char *name); /* NULL if there is none */

/* Adds a sample for the law of dependency `d`. False without memory. */
bool sim_law_tell(struct sim_law_context *context, size_t d, const struct sim_sample *sample);
void sim_law_context_finish(struct sim_law_context *context);

/* Used by the laws: the seat of the dependency that is judged. */
struct sim_law_seat *sim_law_seat(const struct limiter_input *input);
/* Sets the window to so many permits, within the ceiling and at least one, unpaced. */
enum limiter_verdict sim_law_set(struct limiter *limiter, const struct limiter_input *input, double permits);

/* judge_canaries of laws that have none: they begin as they go on. */
enum limiter_verdict sim_law_pass(struct limiter *limiter, const struct limiter_input *input, char *ret_why);

extern const struct limiter_ops sim_law_fixed_ops;
extern const struct limiter_ops sim_law_oracle_ops;
extern const struct limiter_ops sim_law_aimd_ops;
extern const struct limiter_ops sim_law_vegas_ops;
extern const struct limiter_ops sim_law_gradient2_ops;
extern const struct limiter_ops sim_law_bbr_ops;

#endif
