#include "policy/policy_rules.h"

#include "core/backoff.h"
#include "core/bucket.h"

#include <stddef.h>
#include <string.h>

#define MS             INT64_C(1000)
#define SECOND         INT64_C(1000000)
#define MINUTE         (60 * SECOND)
#define HOUR           (60 * MINUTE)
#define DAY            (24 * HOUR)
#define COUNT_MAX      INT64_C(100000000)
#define GENERATION_MAX INT64_C(1000000000000000) /* room for times and dates as generations */

/* Patterns that mean the same to regcomp() and to a JSON Schema. */
#define HOST            "(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)"
#define PORT            "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
#define USERINFO        "([!-.0-?A-~]*@)?" /* printable, no '/' and no '@' */
#define ADDRESS_PATTERN "^" HOST ":" PORT "$"
#define SERVER_PATTERN  "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):" PORT "$"
#define HTTP_PATTERN    "^https?://" USERINFO HOST "(:" PORT ")?([/?][!-~]*)?$"
#define REDIS_PATTERN   "^redis://" USERINFO HOST "(:" PORT ")?(/[0-9]{0,6})?$"
#define DNS_PATTERN     "^([A-Za-z0-9_-]{1,63}\\.)*[A-Za-z0-9_-]{1,63}\\.?$"
#define STATUS_PATTERN  "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"
#define POINTER_PATTERN "^(/([^/~]|~[01])*)+$"

#define AT(type, field) offsetof(struct type, field)
#define COUNT_OF(rules) (sizeof(rules) / sizeof((rules)[0]))

static const char *const modes[] = {"enforce", "observe", NULL};
static const char *const limiters[] = {"slow-start", "fixed", NULL};
static const char *const jitters[] = {"none", "equal", "full", NULL};
/* `block` and `unlimited` say the same as `closed` and `open`. */
static const char *const losses[] = {"closed", "degrade", "open", "block", "degrade", "unlimited", NULL};

static const struct rule policy_rules[] = {
    {"$schema", RULE_STRING, NO_OFFSET, 0, 0, UNSET, .doc = "For editors; not read."},
    {"policy", RULE_STRING, AT(hg_policy, name), 1, HG_NAME_MAX, UNSET, .required = true,
     .pattern = NAME_PATTERN, .form = NAME_FORM, .doc = "Name of the consistency domain."},
    {"generation", RULE_INTEGER, AT(hg_policy, generation), 0, GENERATION_MAX, 1,
     .doc = "A controller with an older generation serves but does not lead."},
    {"mode", RULE_ENUM, AT(hg_policy, mode), .fallback = HG_POLICY_ENFORCE, .names = modes, .name_count = 2,
     .doc = "observe decides, logs and counts, and grants everything."},
    {"dependencies", RULE_MAP, NO_OFFSET, 1, HG_DEPENDENCIES_MAX, UNSET, .object = OBJECT_DEPENDENCY,
     .required = true, .doc = "Services that relaunches put load on, by name."},
    {"fleets", RULE_MAP, NO_OFFSET, 1, HG_FLEETS_MAX, UNSET, .object = OBJECT_FLEET, .required = true,
     .doc = "Instances that relaunch the same way, by name."},
    {"on_store_loss", RULE_OBJECT, 0, .object = OBJECT_STORE_LOSS,
     .doc = "What happens while the store is away."},
};
static const struct rule dependency_rules[] = {
    {"probes", RULE_LIST, NO_OFFSET, 0, HG_PROBES_MAX, UNSET, .object = OBJECT_PROBE,
     .doc = "How the leader sees whether it is up; without any it is taken as up."},
    {"request_timeout", RULE_DURATION, AT(hg_dependency, request_timeout_us), 0, HOUR, 0,
     .doc = "After how long its clients give a request up; 0s: not known."},
    {"bucket", RULE_OBJECT, 0, .object = OBJECT_BUCKET, .doc = "How fast permits may go out."},
    {"in_flight", RULE_OBJECT, 0, .object = OBJECT_IN_FLIGHT, .doc = "How much may be relaunching at once."},
    {"reserve", RULE_OBJECT, 0, .object = OBJECT_RESERVE, .doc = "What only priority requests may take."},
    {"limiter", RULE_OBJECT, 0, .object = OBJECT_LIMITER,
     .doc = "The law that moves the limits below the ceilings."},
};
static const struct rule bucket_rules[] = {
    {"rate", RULE_RATE, AT(hg_dependency, rate_milli), 0, BUCKET_RATE_MILLI_MAX, 50000,
     .doc = "Ceiling, tokens per second; a multiple of 0.001."},
    {"burst", RULE_INTEGER, AT(hg_dependency, burst), 1, BUCKET_BURST_MAX, UNSET,
     .doc = "Tokens the bucket holds; default: rate / 5, at least 2."},
};
static const struct rule in_flight_rules[] = {
    {"max", RULE_INTEGER, AT(hg_dependency, in_flight_max), 1, BUCKET_BURST_MAX, 500,
     .doc = "Ceiling, cost units of permits held."},
};
static const struct rule reserve_rules[] = {
    {"burst", RULE_INTEGER, AT(hg_dependency, reserve_burst), 0, BUCKET_BURST_MAX, UNSET,
     .doc = "Tokens kept for priority; default: burst / 10."},
    {"in_flight", RULE_INTEGER, AT(hg_dependency, reserve_in_flight), 0, BUCKET_BURST_MAX, UNSET,
     .doc = "In-flight units kept for priority; default: in_flight.max / 20."},
};
static const struct rule limiter_rules[] = {
    {"mode", RULE_ENUM, AT(hg_dependency, limiter), .fallback = HG_LIMITER_SLOW_START, .names = limiters,
     .name_count = 2, .doc = "slow-start: canaries, then a ramp; fixed: the written limits at once."},
};
static const struct rule probe_rules[] = {
    {"tcp", RULE_STRING, NO_OFFSET, 1, 255, UNSET, .pattern = ADDRESS_PATTERN,
     .form = "host:port, such as db.internal:5432 or [::1]:5432",
     .doc = "host:port that must accept a connection."},
    {"http", RULE_STRING, NO_OFFSET, 1, 2000, UNSET, .pattern = HTTP_PATTERN,
     .form = "a URL such as http://host:8000/healthz or https://host/",
     .doc = "URL, http or https, that must answer well."},
    {"dns", RULE_STRING, NO_OFFSET, 1, 253, UNSET, .pattern = DNS_PATTERN,
     .form = "a name such as dynamodb.internal: labels of at most 63 letters, digits, '-' and '_', with dots "
             "between",
     .doc = "Name that must have addresses."},
    {"redis", RULE_STRING, NO_OFFSET, 1, 500, UNSET, .pattern = REDIS_PATTERN,
     .form = "a URL such as redis://host:6379/0",
     .doc = "redis://[user:pass@]host:port[/db] that must answer PING."},
    {"exec", RULE_WORDS, NO_OFFSET, 1, 64, UNSET, .doc = "Command and arguments; exit code 0 is up."},
    {"interval", RULE_DURATION, AT(hg_probe, interval_us), 100 * MS, HOUR, SECOND,
     .doc = "From probe to probe."},
    {"timeout", RULE_DURATION, AT(hg_probe, timeout_us), 10 * MS, HOUR, 500 * MS,
     .doc = "No answer within so long is a bad one; at most the interval, and by default no longer than it."},
    {"rise", RULE_INTEGER, AT(hg_probe, rise), 1, 100, 3, .doc = "Good answers in a row until up."},
    {"fall", RULE_INTEGER, AT(hg_probe, fall), 1, 100, 2, .doc = "Bad answers in a row until down."},
    {"jitter", RULE_SHARE, AT(hg_probe, jitter_permille), 0, 500, 100, .doc = "Spread of the interval."},
    {"status", RULE_STRING, NO_OFFSET, 3, 7, UNSET, .pattern = STATUS_PATTERN,
     .form = "a status such as \"200\" or a range such as \"200-399\"",
     .doc = "http: accepted, as 200 or 200-399 (the default)."},
    {"min_addresses", RULE_INTEGER, AT(hg_probe, min_addresses), 1, 1000, 1, .doc = "dns: addresses needed."},
    {"server", RULE_STRING, AT(hg_probe, dns_server), 1, 60, UNSET, .pattern = SERVER_PATTERN,
     .form = "ip:port, such as 10.0.0.2:53 or [fd00::2]:53",
     .doc = "dns: ip:port to ask; default: the system's."},
    {"gauge", RULE_OBJECT, 0, .object = OBJECT_GAUGE,
     .doc = "http: a number in the answer that tells the load."},
};
static const struct rule gauge_rules[] = {
    {"json", RULE_STRING, AT(hg_probe, gauge_json), 1, 200, UNSET, .required = true,
     .pattern = POINTER_PATTERN, .form = "a JSON pointer (RFC 6901) such as /queue_depth or /queues/0/depth",
     .doc = "JSON pointer to the number, such as /queue_depth."},
    {"soft", RULE_MICRO, AT(hg_probe, gauge_soft), 0, INT64_C(1000000000000000), 0, .required = true,
     .doc = "From here on it is busy; below hard."},
    {"hard", RULE_MICRO, AT(hg_probe, gauge_hard), 0, INT64_C(1000000000000000), 0, .required = true,
     .doc = "From here on it is in trouble."},
};
static const struct rule fleet_rules[] = {
    {"size", RULE_INTEGER, AT(hg_fleet, size), 1, COUNT_MAX, 0,
     .doc = "Instances; needed where another fleet comes after it."},
    {"needs", RULE_COSTS, NO_OFFSET, 1, HG_NEEDS_MAX, UNSET, .required = true,
     .doc = "Dependencies that a relaunch loads, each with its whole cost from 1."},
    {"lease", RULE_DURATION, AT(hg_fleet, lease_us), SECOND, DAY, 2 * MINUTE,
     .doc = "A permit expires after so long unless completed or renewed."},
    {"weight", RULE_INTEGER, AT(hg_fleet, weight), 1, 1000, 1,
     .doc = "Share against other fleets of the same dependency."},
    {"backoff", RULE_OBJECT, 0, .object = OBJECT_BACKOFF, .doc = "What failed instances wait."},
    {"quarantine", RULE_OBJECT, 0, .object = OBJECT_QUARANTINE, .doc = "Where those that keep failing go."},
    {"after", RULE_MAP, NO_OFFSET, 0, HG_AFTER_MAX, UNSET, .object = OBJECT_AFTER,
     .doc = "Fleets that must be back first, by name."},
};
static const struct rule after_rules[] = {
    {"share", RULE_SHARE, AT(hg_after, share_permille), 1, 1000, 950,
     .doc = "Share of that fleet that must be back."},
    {"at_latest", RULE_DURATION, AT(hg_after, at_latest_us), 0, 30 * DAY, 0,
     .doc = "Wait no longer than this; 0s: as long as it takes."},
};
static const struct rule backoff_rules[] = {
    {"base", RULE_DURATION, AT(hg_fleet, backoff_base_us), MS, DAY, SECOND,
     .doc = "Before the second attempt."},
    {"max", RULE_DURATION, AT(hg_fleet, backoff_max_us), MS, BACKOFF_MAX_MS *MS, MINUTE,
     .doc = "Never longer than this."},
    {"jitter", RULE_ENUM, AT(hg_fleet, backoff_jitter), .fallback = HG_JITTER_FULL, .names = jitters,
     .name_count = 3, .doc = "full draws from 0 to the delay, equal from its half."},
    {"attempts", RULE_INTEGER, AT(hg_fleet, attempts), 1, 1000, 8, .doc = "Failures until quarantine."},
    {"retry_share", RULE_SHARE, AT(hg_fleet, retry_share_permille), 0, 1000, 100,
     .doc = "Share of the grants that retries may take while newcomers wait."},
    {"forget", RULE_DURATION, AT(hg_fleet, forget_us), SECOND, 30 * DAY, HOUR,
     .doc = "A failure is forgotten after so long without another."},
};
static const struct rule quarantine_rules[] = {
    {"max", RULE_INTEGER, AT(hg_fleet, quarantine_max), 0, COUNT_MAX, 1000,
     .doc = "Instances it may hold; beyond it failures go on backing off."},
};
static const struct rule store_loss_rules[] = {
    {"mode", RULE_ENUM, AT(hg_policy, on_store_loss), .fallback = HG_STORE_LOSS_CLOSED, .names = losses,
     .name_count = 3,
     .doc = "closed: nobody is granted; degrade: a share of the last limits; open: everybody."},
    {"share", RULE_SHARE, AT(hg_policy, store_loss_share_permille), 1, 1000, 500,
     .doc = "degrade: share of the limits."},
    {"after", RULE_DURATION, AT(hg_policy, store_loss_after_us), 0, HOUR, 3 * SECOND,
     .doc = "Only when away for so long."},
};

#define TABLE(name, rules, doc)                                                                              \
    {                                                                                                        \
        name, rules, COUNT_OF(rules), doc                                                                    \
    }
const struct rule_table rule_tables[OBJECT_COUNT] = {
    [OBJECT_POLICY] = TABLE("policy", policy_rules, "One consistency domain."),
    [OBJECT_DEPENDENCY] = TABLE("dependency", dependency_rules, "A service that relaunches put load on."),
    [OBJECT_BUCKET] = TABLE("bucket", bucket_rules, "Token bucket."),
    [OBJECT_IN_FLIGHT] = TABLE("in_flight", in_flight_rules, "In-flight limit."),
    [OBJECT_RESERVE] = TABLE("reserve", reserve_rules, "The priority lane."),
    [OBJECT_LIMITER] = TABLE("limiter", limiter_rules, "The limiter."),
    [OBJECT_PROBE] = TABLE("probe", probe_rules, "One of tcp, http, dns, redis, exec."),
    [OBJECT_GAUGE] = TABLE("gauge", gauge_rules, "Load as the dependency tells it."),
    [OBJECT_FLEET] = TABLE("fleet", fleet_rules, "Instances that relaunch the same way."),
    [OBJECT_AFTER] = TABLE("after", after_rules, "A fleet that must be back first."),
    [OBJECT_BACKOFF] = TABLE("backoff", backoff_rules, "Backoff."),
    [OBJECT_QUARANTINE] = TABLE("quarantine", quarantine_rules, "Quarantine."),
    [OBJECT_STORE_LOSS] = TABLE("on_store_loss", store_loss_rules, "Store loss."),
};

const struct rule *rule_find(const struct rule_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rules[i].key, key) == 0) {
            return &table->rules[i];
        }
    }
    return NULL;
}

#define WORD_MAX 64

int words_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX || a_size == 0) {
        return WORDS_APART;
    }
    /* Optimal string alignment: inserted, left out, changed, or two neighbours swapped. */
    unsigned char cost[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= a_size; i++) {
        for (size_t j = 0; j <= b_size; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (unsigned char)(i + j);
                continue;
            }
            int least = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            least = cost[i - 1][j] + 1 < least ? cost[i - 1][j] + 1 : least;
            least = cost[i][j - 1] + 1 < least ? cost[i][j - 1] + 1 : least;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            least = swapped && cost[i - 2][j - 2] + 1 < least ? cost[i - 2][j - 2] + 1 : least;
            cost[i][j] = (unsigned char)least;
        }
    }
    size_t allowed = a_size / 3 < 2 ? a_size / 3 : 2;
    return cost[a_size][b_size] <= (allowed > 0 ? allowed : 1) ? cost[a_size][b_size] : WORDS_APART;
}

const char *rule_near(const struct rule_table *table, const char *key)
{
    const char *best = NULL;
    int least = WORDS_APART;
    for (size_t i = 0; i < table->count; i++) {
        int distance = words_distance(key, table->rules[i].key);
        if (distance < least) {
            least = distance;
            best = table->rules[i].key;
        }
    }
    return best;
}
