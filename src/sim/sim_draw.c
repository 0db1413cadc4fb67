/* Over at least two orders of magnitude each: capacity, service time, time-out, boot time, how long it is cold. Sizes follow from
 * how long an ideal return takes: three minutes to half an hour. */
#include "sim/sim_draw.h"

#include "headgate/errors.h"

#include <math.h>
#include <stdlib.h>

const char *const sim_information_names[SIM_INFORMATION_COUNT + 1] = {
    "blind", "timeout", "phase", "gauge", "gauge+phase", "probe", "noisy", "lying", NULL};

struct drawn {
    double service_s;
    double service_sigma;
    int64_t servers;
    double capacity; /* warm, requests a second */
    double requests; /* of a relaunch */
    int64_t size;
    double cold_share;
    double timeout_s;
    double ideal_s; /* about */
};

static double between(struct rng *rng, double low, double high)
{
    return low + (high - low) * sim_uniform(rng);
}

static double log_between(struct rng *rng, double low, double high)
{
    return low * exp(log(high / low) * sim_uniform(rng));
}

static void draw_size(struct rng *rng, struct drawn *drawn)
{
    static const double counts[] = {1, 1, 1, 2, 5};
    drawn->service_s = log_between(rng, 0.05, 10);
    drawn->service_sigma = between(rng, 0, 0.6);
    double wanted = log_between(rng, 0.5, 200);
    double servers = wanted * drawn->service_s;
    drawn->servers = servers < 1 ? 1 : (int64_t)servers;
    drawn->capacity = (double)drawn->servers / drawn->service_s;
    drawn->requests = counts[rng_between(rng, 0, 4)];
    drawn->ideal_s = log_between(rng, 180, 1800);
    double size = drawn->capacity / drawn->requests * drawn->ideal_s;
    drawn->size = size < 50 ? 50 : size > 20000 ? 20000 : (int64_t)size;
    drawn->cold_share = sim_chance(rng, 0.5) ? log_between(rng, 0.1, 0.7) : 1;
    /* A request that is served at once on a cold dependency is in time: else nobody could come back at all. */
    double least_s = 4 * drawn->service_s / drawn->cold_share;
    double timeout_s = log_between(rng, 3, 300);
    drawn->timeout_s = timeout_s < least_s ? least_s : timeout_s;
}

static void print_troubles(struct rng *rng, const struct drawn *drawn, FILE *out)
{
    double from_s = between(rng, 0.2, 0.7) * drawn->ideal_s, for_s = between(rng, 0.1, 0.5) * drawn->ideal_s;
    double share = between(rng, 0.2, 0.7);
    bool browned = sim_chance(rng, 0.2), away = sim_chance(rng, 0.15), refused = sim_chance(rng, 0.5);
    if (browned) {
        fprintf(out, ", \"brown_outs\": [ { \"from\": \"%.0fs\", \"to\": \"%.0fs\", \"share\": %.3f } ]", from_s, from_s + for_s,
                share);
    } else if (away) {
        fprintf(out, ", \"outages\": [ { \"from\": \"%.0fs\", \"to\": \"%.0fs\", \"kind\": \"%s\" } ]", from_s, from_s + for_s,
                refused ? "refused" : "silent");
    }
}

static void print_dependency(struct rng *rng, const struct drawn *drawn, enum sim_information information, FILE *out)
{
    bool lifo = sim_chance(rng, 0.2), bounded = sim_chance(rng, 0.2), drops = sim_chance(rng, 0.25);
    bool by_work = sim_chance(rng, 0.3), crowded = sim_chance(rng, 0.7);
    double servers = (double)drawn->servers;
    fprintf(out, "\"servers\": %lld, \"service\": { \"median\": \"%.3fs\", \"sigma\": %.3f }, \"timeout\": \"%.1fs\"",
            (long long)drawn->servers, drawn->service_s, drawn->service_sigma, drawn->timeout_s);
    fprintf(out, ", \"queue\": \"%s\", \"drops_abandoned\": %s", lifo ? "lifo" : "fifo", drops ? "true" : "false");
    double queue = log_between(rng, 5, 50) * servers, knee = log_between(rng, 1.3, 8) * servers;
    double sigma = log_between(rng, 0.02, 1), kappa = log_between(rng, 0.002, 0.1);
    double over_s = log_between(rng, 10, 1000), work = between(rng, 0.05, 0.5) * (double)drawn->size * drawn->requests;
    if (bounded) {
        fprintf(out, ", \"queue_max\": %.0f", queue < 10 ? 10 : queue);
    }
    if (crowded) {
        fprintf(out, ", \"contention\": { \"knee\": %.1f, \"sigma\": %.4f, \"kappa\": %.5f }", knee < 8 ? 8 : knee, sigma, kappa);
    }
    if (drawn->cold_share < 1) {
        fprintf(out, ", \"cold\": { \"share\": %.3f, ", drawn->cold_share);
        fprintf(out, by_work ? "\"work\": %.0f }" : "\"over\": \"%.0fs\" }", by_work ? work : over_s);
    }
    print_troubles(rng, drawn, out);
    if (information == SIM_KNOWS_NOISY || information == SIM_KNOWS_LYING) {
        fprintf(out, ", \"probe\": { \"manner\": \"%s\" }", information == SIM_KNOWS_NOISY ? "noisy" : "lying");
    }
}

static void print_fleet(struct rng *rng, const struct drawn *drawn, bool phase, FILE *out)
{
    static const char *const whens[] = {"end", "start", "spread"};
    double boot_s = log_between(rng, 1, 150), sigma = between(rng, 0.1, 0.8), broken = between(rng, 0.01, 0.1);
    const char *when = whens[rng_between(rng, 0, 2)];
    int64_t retries = rng_between(rng, 0, 2);
    bool any_broken = sim_chance(rng, 0.2), parallel = sim_chance(rng, 0.2);
    fprintf(out, "\"boot\": { \"median\": \"%.1fs\", \"sigma\": %.3f }, \"work\": { \"requests\": %.0f, \"when\": \"%s\", "
                 "\"parallel\": %s, \"retries\": %lld, \"retry_delay\": \"2s\" }, \"report\": { \"phase\": %s }",
            boot_s, sigma, drawn->requests, when, parallel ? "true" : "false", (long long)retries, phase ? "true" : "false");
    if (any_broken) {
        fprintf(out, ", \"fails\": { \"share\": %.3f, \"after\": \"2s\" }", broken);
    }
}

static void print_policy(const struct drawn *drawn, enum sim_information information, FILE *out)
{
    bool gauge = information == SIM_KNOWS_GAUGE || information == SIM_KNOWS_GAUGE_PHASE;
    bool probe = gauge || information >= SIM_KNOWS_PROBE;
    double rate = 50 * drawn->capacity;
    fprintf(out, "{ \"policy\": \"drawn\", \"dependencies\": { \"db\": { ");
    if (probe) {
        fprintf(out, "\"probes\": [ { \"http\": \"http://db.internal/healthz\", \"interval\": \"1s\", \"timeout\": \"900ms\"%s } ], ",
                gauge ? ", \"gauge\": { \"json\": \"/utilization\", \"soft\": 0.9, \"hard\": 2 }" : "");
    }
    if (information != SIM_KNOWS_NOTHING) {
        fprintf(out, "\"request_timeout\": \"%.1fs\", ", drawn->timeout_s);
    }
    fprintf(out, "\"bucket\": { \"rate\": %.0f, \"burst\": %.0f }, \"in_flight\": { \"max\": %lld } } }, \"fleets\": { \"fleet\": { "
                 "\"size\": %lld, \"needs\": { \"db\": 1 }, \"lease\": \"30m\", \"quarantine\": { \"max\": %lld } } } }",
            rate < 1 ? 1 : rate, rate / 5 < 2 ? 2 : rate / 5, (long long)drawn->size, (long long)drawn->size,
            (long long)drawn->size);
}

int sim_draw(uint64_t seed, enum sim_information information, struct sim_scenario **ret_scenario, char **ret_text)
{
    struct rng rng;
    struct drawn drawn;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return HG_E_NOMEM;
    }
    sim_stream(&rng, seed, 7);
    draw_size(&rng, &drawn);
    bool phase = information == SIM_KNOWS_PHASE || information == SIM_KNOWS_GAUGE_PHASE;
    fprintf(out, "{ \"scenario\": \"drawn-%llu\", \"policy\": ", (unsigned long long)seed);
    print_policy(&drawn, information, out);
    fprintf(out, ", \"dependencies\": { \"db\": { ");
    print_dependency(&rng, &drawn, information, out);
    fprintf(out, " } }, \"fleets\": { \"fleet\": { ");
    print_fleet(&rng, &drawn, phase, out);
    fprintf(out, " } }");
    bool background = sim_chance(&rng, 0.5);
    double share = between(&rng, 0.05, 0.6);
    int64_t retries = rng_between(&rng, 0, 3);
    if (background) {
        fprintf(out, ", \"background\": [ { \"dependency\": \"db\", \"rate\": %.3f, \"retries\": %lld } ]", share * drawn.capacity,
                (long long)retries);
    }
    fprintf(out, " }\n");
    struct hg_policy_errors errors = {0};
    int status = fclose(out) != 0 ? HG_E_NOMEM : sim_scenario_parse("drawn", text, size, ret_scenario, &errors);
    hg_policy_errors_print(&errors, stderr); /* there are none: what is drawn is sound */
    hg_policy_errors_finish(&errors);
    if (ret_text != NULL && status == 0) {
        *ret_text = text;
    } else {
        free(text);
    }
    return status;
}
