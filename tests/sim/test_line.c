/* What the line promises, measured in virtual time. Prints one table; fails where a promise is not kept.
 *
 *   test_line [long]     "long" adds the rows that are not needed to see whether it still works */
#include "held.h"
#include "herd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_MAX 2048
#define HELD_MAX   (128 * 1024) /* bytes an engine may hold beyond what it held with nobody waiting */

static int failures;

static void expect(bool fine, const char *row, const char *what)
{
    if (!fine) {
        printf("FAILED %s: %s\n", row, what);
        failures++;
    }
}

struct row {
    const char *name;
    size_t controllers;
    int64_t rate_milli;
    int64_t burst;
    int64_t in_flight;
    const char *limiter;
    struct herd_options herd;
    int64_t span_us;     /* measured over so long from the release; 0: until the last one of those who come is granted */
    int64_t closed_us;   /* the dependency is down so long, from the release */
    int64_t doubled_us;  /* an operator doubles the rate so long after the release; 0: no */
    double asks_max;     /* promised; 0: nothing is */
    double used_min;     /* share of the tokens, until 99 % of those who come are granted */
};

struct result {
    double asks;       /* on average, until granted */
    int64_t asks_p99;
    double used;
    double wait_s;     /* of the last of 99 % */
    double ideal_s;    /* for as many, with no token lost */
    double behind_s[2];  /* on average, behind the place of the first ask: with tickets, without */
    double local;      /* share of the requests answered without the store */
    int64_t held;      /* bytes the engine held at most, beyond what it held before the herd */
    int64_t excess;
    int64_t peak;
    size_t left;
    size_t granted;
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void tally_asks(const struct herds *herds, struct result *result)
{
    int64_t *asks = calloc(herds->member_count + 1, sizeof(*asks)), sum = 0;
    for (size_t i = 0; i < herds->member_count; i++) {
        if (herds->members[i].granted_us > 0) {
            asks[result->granted++] = herds->members[i].asks_at_grant;
            sum += herds->members[i].asks_at_grant;
        }
    }
    qsort(asks, result->granted, sizeof(*asks), by_value);
    result->asks = result->granted == 0 ? 0 : (double)sum / (double)result->granted;
    result->asks_p99 = result->granted == 0 ? 0 : asks[result->granted * 99 / 100];
    free(asks);
}

struct place {
    int64_t first_us;
    const struct member *member;
};

/* In turn: granted as many places behind its first ask as the others, whether the ticket comes back or not. */
static void tally_order(const struct herds *herds, double rate, struct result *result)
{
    struct place *places = calloc(herds->member_count + 1, sizeof(*places));
    size_t count = 0, number[2] = {0};
    for (size_t i = 0; i < herds->member_count; i++) {
        if (herds->members[i].granted_us > 0) {
            places[count++] = (struct place){herds->members[i].first_us, &herds->members[i]};
        }
    }
    qsort(places, count, sizeof(*places), by_value);
    for (size_t i = 0; i < count; i++) {
        const struct member *member = places[i].member;
        if (!member->late) {
            result->behind_s[member->no_ticket] += ((double)member->order - (double)i) / rate;
            number[member->no_ticket]++;
        }
    }
    for (size_t kind = 0; kind < 2; kind++) {
        result->behind_s[kind] /= number[kind] > 0 ? (double)number[kind] : 1;
    }
    free(places);
}

/* Tokens (or places in flight, where those are fewer) taken of those there were, from the release until all but one in
 * a hundred of the grants were given. */
static void tally_tokens(const struct world *world, const struct row *row, int64_t from_us, struct result *result)
{
    size_t last = row->span_us > 0 ? world->grant_count : world->grant_count * 99 / 100;
    if (last == 0) {
        return;
    }
    int64_t until_us = row->span_us > 0 ? from_us + world->store_offset_us + row->span_us
                                        : world->grants[last - 1].at_us;
    result->wait_s = (double)(until_us - world->store_offset_us - from_us) / 1e6;
    double work_s = (double)(row->herd.work_min_us + row->herd.work_max_us) / 2e6;
    double rate = (double)row->rate_milli / 1000, window = (double)row->in_flight / work_s;
    bool by_window = window < rate;
    double burst = (double)(by_window ? row->in_flight : row->burst), closed_s = (double)row->closed_us / 1e6;
    rate = by_window ? window : rate;
    double doubled_s = row->doubled_us > 0 ? (double)row->doubled_us / 1e6 : result->wait_s;
    result->used = (double)last / (burst + rate * (2 * result->wait_s - doubled_s - closed_s));
    result->ideal_s = ((double)last - burst) / rate + closed_s;
    if (result->ideal_s > doubled_s && row->doubled_us > 0) {
        result->ideal_s = doubled_s + (result->ideal_s - doubled_s) / 2;
    }
}

static void write_policy(const struct row *row, char *text)
{
    snprintf(text, POLICY_MAX,
             "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"%s\"},%s"
             "\"bucket\":{\"rate\":%.3f,\"burst\":%lld},\"in_flight\":{\"max\":%lld}}},"
             "\"fleets\":{\"web\":{\"size\":%zu,\"needs\":{\"db\":1},\"lease\":\"2m\"}}}",
             row->limiter, row->closed_us > 0 ? "\"probes\":[{\"tcp\":\"h:1\"}]," : "",
             (double)row->rate_milli / 1000, (long long)row->burst, (long long)row->in_flight, row->herd.count);
}

static void double_the_rate(struct world *world, const struct row *row)
{
    char value[64];
    snprintf(value, sizeof(value), "rate_milli=%lld at_us=1 reason=it can", (long long)(2 * row->rate_milli));
    struct hg_request request = {.item = 99};
    request.op = (struct op){.kind = OP_NOTE_PUT, .key = "override/d/db/limit", .value = value, .until_us = TIME_NEVER_US};
    (void)world_request(world, 0, &request);
}

static struct result measure(const struct row *row)
{
    char policy[POLICY_MAX];
    struct result result = {0};
    struct herds herds = {0};
    write_policy(row, policy);
    struct world_options options = {.policy = policy, .controllers = row->controllers, .store_rtt_us = 2000,
                                    .seed = 1, .user = herds_user(&herds)};
    struct world *world = world_create(&options);
    world_run(world, 5 * WORLD_SECOND);
    int64_t from_us = world->now_us, before = world->held_peak;
    if (row->closed_us > 0) {
        world_probe(world, 0, false, "refused");
        world_run(world, from_us + WORLD_SECOND);
        from_us = world->now_us;
    }
    herds_release(&herds, world, &row->herd, from_us);
    if (row->closed_us > 0) {
        world_run(world, from_us + row->closed_us);
        world_probe(world, 0, true, "answers");
    }
    if (row->doubled_us > 0) {
        world_run(world, from_us + row->doubled_us);
        double_the_rate(world, row);
    }
    if (row->span_us > 0) {
        world_run(world, from_us + row->span_us);
    } else {
        int64_t limit_us = from_us + row->closed_us + 8 * INT64_C(3600) * WORLD_SECOND;
        while (herds_left(&herds) > 0 && world->now_us < limit_us) {
            world_run(world, world->now_us + 10 * WORLD_SECOND);
        }
    }
    tally_asks(&herds, &result);
    tally_order(&herds, (double)row->rate_milli / 1000, &result);
    tally_tokens(world, row, from_us, &result);
    result.excess = world_excess(world, row->doubled_us > 0 ? 2 * row->rate_milli : row->rate_milli, row->burst);
    result.peak = world->in_flight_peak[0];
    result.held = world->held_peak - before;
    result.left = herds_left(&herds);
    int64_t requests = 0, local = 0;
    for (size_t c = 0; c < world->controller_count; c++) {
        requests += hg_engine_counters(world->controllers[c].engine)->requests;
        local += hg_engine_counters(world->controllers[c].engine)->answered_locally;
    }
    result.local = requests == 0 ? 0 : (double)local / (double)requests;
    expect(world->in_flight_over == 0, row->name, "more in flight than the ceiling");
    world_destroy(world);
    expect(held_bytes() == 0, row->name, "an engine that is gone holds memory");
    herds_finish(&herds);
    return result;
}

static void print_row(const struct row *row, const struct result *result)
{
    printf("%-34s %7zu %8.2f %6.2f %5lld %6.1f%% %8.1f %8.1f %6.1f%% %8lld %6zu\n", row->name, row->herd.count,
           (double)row->rate_milli / 1000, result->asks, (long long)result->asks_p99, 100 * result->used, result->wait_s,
           result->ideal_s, 100 * result->local, (long long)result->held, result->left);
    fflush(stdout);
}

static struct herd_options crowd(size_t count)
{
    return (struct herd_options){.fleet = "web", .count = count, .arrive_us = 5 * WORLD_SECOND, .never_permille = 50,
                                 .late_permille = 200, .late_us = 5 * WORLD_SECOND, .work_min_us = 200000,
                                 .work_max_us = 1000000};
}

static struct result run_row(const struct row *row)
{
    struct result result = measure(row);
    print_row(row, &result);
    expect(result.excess <= 0, row->name, "more grants in a window than burst + rate * t");
    expect(result.peak <= row->in_flight, row->name, "more in flight than allowed");
    expect(result.held <= HELD_MAX, row->name, "the engine's memory grew");
    expect(row->asks_max == 0 || result.asks <= row->asks_max, row->name, "asked more often than promised");
    expect(result.used >= row->used_min, row->name, "fewer tokens used than promised");
    expect(row->span_us > 0 || result.left == 0, row->name, "somebody was never granted");
    return result;
}

static void waits(bool all)
{
    static const struct {
        const char *name;
        int64_t rate_milli;
        bool always;
        double used_min;
    } cases[] = {{"1 min", 333333, true, 0.95}, {"10 min", 33333, true, 0.95}, {"60 min", 5556, true, 0.95},
                 {"3 h", 1852, false, 0.95}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct row row = {.name = cases[i].name, .controllers = 1, .rate_milli = cases[i].rate_milli,
                          .burst = cases[i].rate_milli / 5000 + 5, .in_flight = 10000, .limiter = "fixed",
                          .herd = crowd(20000), .asks_max = cases[i].always ? 6 : 7, .used_min = cases[i].used_min};
        if (cases[i].always || all) {
            (void)run_row(&row);
        }
    }
}

static void variants(bool all)
{
    struct row row = {.name = "10 min, no tickets", .controllers = 1, .rate_milli = 33333, .burst = 20,
                      .in_flight = 10000, .limiter = "fixed", .herd = crowd(20000), .asks_max = 6, .used_min = 0.95};
    row.herd.no_ticket = true;
    (void)run_row(&row);
    row.herd.no_ticket = false;
    row.herd.no_ticket_every = 2;
    row.name = "10 min, every second one without";
    struct result mixed = run_row(&row);
    printf("  behind the place of the first ask, those in time, on average: %.2f s with tickets, %.2f s without\n",
           mixed.behind_s[0], mixed.behind_s[1]);
    expect(fabs(mixed.behind_s[0] - mixed.behind_s[1]) < 0.5, row.name, "served in another order without a ticket");
    row.herd.no_ticket_every = 0;
    row.name = "10 min, three controllers";
    row.controllers = 3;
    (void)run_row(&row);
    row.controllers = 1;
    row.name = "10 min, slow-start ramp";
    row.limiter = "slow-start";
    row.in_flight = 2000;
    row.herd.work_min_us = 5 * WORLD_SECOND;
    row.herd.work_max_us = 15 * WORLD_SECOND;
    row.used_min = 0.9;
    (void)run_row(&row);
    row.name = "10 min, after 2 min closed";
    row.closed_us = 120 * WORLD_SECOND;
    (void)run_row(&row);
    row.closed_us = 0;
    row.name = "10 min, window-limited";
    row.limiter = "fixed";
    row.in_flight = 200;
    row.asks_max = 6;
    (void)run_row(&row);
    row.limiter = "fixed";
    row.in_flight = 10000;
    row.herd = crowd(20000);
    row.used_min = 0;
    row.name = "10 min, the rate doubled at 2 min";
    row.doubled_us = 120 * WORLD_SECOND;
    (void)run_row(&row);
    row.doubled_us = 0;
    row.used_min = 0.95;
    if (all) {
        row.name = "5,000 at 0.5/s";
        row.asks_max = 7;
        row.used_min = 0.95;
        row.in_flight = 10000;
        row.herd = crowd(5000);
        row.rate_milli = 500;
        row.burst = 5;
        (void)run_row(&row);
    }
}

static void hammer(void)
{
    struct herd_options herd = {.fleet = "web", .count = 2000, .arrive_us = 100000, .poll_us = 50000,
                                .work_min_us = 10000, .work_max_us = 50000};
    struct row row = {.name = "hammer 10 s, rate 50 burst 10", .controllers = 1, .rate_milli = 50000, .burst = 10,
                      .in_flight = 1000, .limiter = "fixed", .herd = herd, .span_us = 10 * WORLD_SECOND,
                      .used_min = 0.95};
    (void)run_row(&row);
    row.name = "the same, in flight 5";
    row.in_flight = 5;
    row.used_min = 0.95;
    (void)run_row(&row);
    row.name = "the same, two controllers";
    row.controllers = 2;
    (void)run_row(&row);
}

static double log_between(struct rng *rng, double low, double high)
{
    return low * exp(log(high / low) * (double)rng_between(rng, 0, 1000) / 1000);
}

static struct row random_row(struct rng *rng, char *name, size_t size)
{
    double clients = log_between(rng, 50, 20000), wait_s = log_between(rng, 20, 10800), rate = clients / wait_s;
    double work_s = log_between(rng, 0.3, 30), window = rate * work_s * (double)rng_between(rng, 5, 40) / 10;
    bool ramps = rng_between(rng, 0, 2) == 0;
    struct row row = {.name = name, .controllers = (size_t)rng_between(rng, 1, 3),
                      .rate_milli = (int64_t)(rate * 1000) + 1, .burst = (int64_t)(rate * 0.2) + rng_between(rng, 2, 20),
                      .in_flight = (int64_t)window + 3, .limiter = ramps ? "slow-start" : "fixed",
                      .herd = crowd((size_t)clients)};
    row.herd.work_min_us = (int64_t)(work_s * 0.5e6);
    row.herd.work_max_us = (int64_t)(work_s * 1.5e6);
    row.herd.arrive_us = rng_between(rng, 0, 30) * WORLD_SECOND;
    row.herd.never_permille = rng_between(rng, 0, 150);
    row.herd.late_permille = rng_between(rng, 0, 400);
    snprintf(name, size, "%.0f s, %s, %.1f s, %lld", wait_s, row.limiter, work_s, (long long)row.in_flight);
    return row;
}

/* The limits hold whatever the world; of those whose limits are fixed, most lose few tokens. */
static void worlds(int count, bool print)
{
    struct rng rng;
    char name[64];
    int fixed = 0, used = 0, asked = 0;
    rng_init(&rng, 3);
    for (int i = 0; i < count; i++) {
        struct row row = random_row(&rng, name, sizeof(name));
        struct result result = measure(&row);
        expect(result.excess <= 0, name, "more grants in a window than burst + rate * t");
        expect(result.peak <= row.in_flight, name, "more in flight than allowed");
        expect(result.left == 0, name, "somebody was never granted");
        if (strcmp(row.limiter, "fixed") == 0) {
            fixed++;
            used += result.used >= 0.95;
            asked += result.asks <= 6;
        }
        if (print) {
            print_row(&row, &result);
        }
    }
    printf("%d random worlds; of the %d with fixed limits %d used 95 %% of the tokens, in %d they asked at most 6 times\n",
           count, fixed, used, asked);
    expect(used * 100 >= fixed * 85, "random worlds", "too many lost tokens");
    expect(asked * 100 >= fixed * 90, "random worlds", "asked too often in too many");
}

int main(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "long") == 0;
    printf("%-34s %7s %8s %6s %5s %7s %8s %8s %7s %8s %6s\n", "wait", "clients", "rate/s", "asks", "p99", "used",
           "99%% at s", "ideal s", "local", "held B", "left");
    waits(all);
    variants(all);
    hammer();
    worlds(all ? 200 : 60, all);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
