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
static const char *const limiters[] = {"slow-start", "fixed", "adaptive", NULL};
static const char *const jitters[] = {"none", "equal", "full", NULL};
/* `block` and `unlimited` say the same as `closed` and `open`. */
static const char *const losses[] = {"closed", "degrade", "open", "block", "degrade", "unlimited", NULL};

static const struct rule policy_rules[] = {
    {"$schema", RULE_STRING, NO_OFFSET, 0, 0, UNSET, .doc = "For editors only; Headgate does not read it."},
    {"policy", RULE_STRING, AT(hg_policy, name), 1, HG_NAME_MAX, UNSET, .required = true,
     .pattern = NAME_PATTERN, .form = NAME_FORM,
     .doc = "Name of the consistency domain: what is in this file shares its limits and changes at once. "
            "Unique among all files."},
    {"generation", RULE_INTEGER, AT(hg_policy, generation), 0, GENERATION_MAX, 1,
     .doc = "Raise it with every change: while controllers disagree, one with an older generation serves but "
            "does not lead."},
    {"mode", RULE_ENUM, AT(hg_policy, mode), .fallback = HG_POLICY_ENFORCE, .names = modes, .name_count = 2,
     .doc = "enforce holds the limits; observe decides the same and grants everybody, and the answer says what "
            "would have held it."},
    {"dependencies", RULE_MAP, NO_OFFSET, 1, HG_DEPENDENCIES_MAX, UNSET, .object = OBJECT_DEPENDENCY,
     .required = true,
     .doc = "Services that relaunches put load on, by name. Names are unique among all files."},
    {"fleets", RULE_MAP, NO_OFFSET, 1, HG_FLEETS_MAX, UNSET, .object = OBJECT_FLEET, .required = true,
     .doc = "Instances that relaunch the same way, by name. Names are unique among all files."},
    {"on_store_loss", RULE_OBJECT, 0, .object = OBJECT_STORE_LOSS,
     .doc = "What happens to requests while the store (Redis or the journal) cannot be reached."},
};
static const struct rule dependency_rules[] = {
    {"probes", RULE_LIST, NO_OFFSET, 0, HG_PROBES_MAX, UNSET, .object = OBJECT_PROBE,
     .doc = "How the leader sees whether it is up: one that is down blocks it. Without probes it is taken as "
            "up."},
    {"request_timeout", RULE_DURATION, AT(hg_dependency, request_timeout_us), 0, HOUR, 0,
     .doc = "After how long its clients give a request up: failures begun so long before an outage was seen "
            "are still laid to it. 0s: not known."},
    {"bucket", RULE_OBJECT, 0, .object = OBJECT_BUCKET,
     .doc = "Token bucket: how fast permits may go out. The ceiling that no ramp exceeds."},
    {"in_flight", RULE_OBJECT, 0, .object = OBJECT_IN_FLIGHT,
     .doc = "How much may be relaunching at once. The ceiling that no ramp exceeds."},
    {"reserve", RULE_OBJECT, 0, .object = OBJECT_RESERVE,
     .doc = "What is kept for requests with priority (break-glass). Less than the limits it is taken from."},
    {"limiter", RULE_OBJECT, 0, .object = OBJECT_LIMITER,
     .doc = "The law that moves the limits below the ceilings."},
};
static const struct rule bucket_rules[] = {
    {"rate", RULE_RATE, AT(hg_dependency, rate_milli), 0, BUCKET_RATE_MILLI_MAX, 50000,
     .doc = "Tokens per second, a multiple of 0.001. 0: the burst and then nothing."},
    {"burst", RULE_INTEGER, AT(hg_dependency, burst), 1, BUCKET_BURST_MAX, UNSET,
     .doc = "Tokens the bucket holds, so what may come at once. At least the largest cost plus the reserve. "
            "Default: rate / 5 rounded up, at least 2."},
};
static const struct rule in_flight_rules[] = {
    {"max", RULE_INTEGER, AT(hg_dependency, in_flight_max), 1, BUCKET_BURST_MAX, 500,
     .doc = "Cost units of all permits held. At least the largest cost plus the reserve."},
};
static const struct rule reserve_rules[] = {
    {"burst", RULE_INTEGER, AT(hg_dependency, reserve_burst), 0, BUCKET_BURST_MAX, UNSET,
     .doc = "Tokens of the bucket kept for priority. Default: burst / 10 rounded down."},
    {"in_flight", RULE_INTEGER, AT(hg_dependency, reserve_in_flight), 0, BUCKET_BURST_MAX, UNSET,
     .doc = "In-flight units kept for priority. Default: in_flight.max / 20 rounded down."},
};
static const struct rule limiter_rules[] = {
    {"mode", RULE_ENUM, AT(hg_dependency, limiter), .fallback = HG_LIMITER_SLOW_START, .names = limiters,
     .name_count = 3,
     .doc = "slow-start begins with canaries and ramps up as they recover; adaptive finds what the dependency carries "
            "from durations, failures and a gauge (tell it request_timeout); fixed gives the written limits at once."},
};
static const struct rule probe_rules[] = {
    {"tcp", RULE_STRING, NO_OFFSET, 1, 255, UNSET, .pattern = ADDRESS_PATTERN,
     .form = "host:port, such as db.internal:5432 or [::1]:5432",
     .doc = "host:port that must accept a connection. An IPv6 address stands in brackets."},
    {"http", RULE_STRING, NO_OFFSET, 1, 2000, UNSET, .pattern = HTTP_PATTERN,
     .form = "a URL such as http://host:8000/healthz or https://host/",
     .doc = "http or https URL that must answer a GET with an accepted status."},
    {"dns", RULE_STRING, NO_OFFSET, 1, 253, UNSET, .pattern = DNS_PATTERN,
     .form = "a name such as dynamodb.internal: labels of at most 63 letters, digits, '-' and '_', with dots "
             "between",
     .doc = "Name that must have addresses; tells a name without addresses from a resolver that does not "
            "answer."},
    {"redis", RULE_STRING, NO_OFFSET, 1, 500, UNSET, .pattern = REDIS_PATTERN,
     .form = "a URL such as redis://host:6379/0",
     .doc = "redis://[user:pass@]host[:port][/db] that must answer PING."},
    {"exec", RULE_WORDS, NO_OFFSET, 1, 64, UNSET,
     .doc = "Command and arguments, run without a shell; exit code 0 is up."},
    {"interval", RULE_DURATION, AT(hg_probe, interval_us), 100 * MS, HOUR, SECOND,
     .doc = "From the start of one probe to the start of the next."},
    {"timeout", RULE_DURATION, AT(hg_probe, timeout_us), 10 * MS, HOUR, 500 * MS,
     .doc =
         "No answer within so long is a bad one. Not longer than the interval; the default shrinks to it."},
    {"rise", RULE_INTEGER, AT(hg_probe, rise), 1, 100, 3, .doc = "Good answers in a row until up."},
    {"fall", RULE_INTEGER, AT(hg_probe, fall), 1, 100, 2, .doc = "Bad answers in a row until down."},
    {"jitter", RULE_SHARE, AT(hg_probe, jitter_permille), 0, 500, 100,
     .doc = "Spread of the interval, as a share of it, so that probes do not fall in step."},
    {"status", RULE_STRING, NO_OFFSET, 3, 7, UNSET, .pattern = STATUS_PATTERN,
     .form = "a status such as \"200\" or a range such as \"200-399\"",
     .doc = "http only: accepted status, such as 200, or range, such as 200-299. Default: 200-399."},
    {"min_addresses", RULE_INTEGER, AT(hg_probe, min_addresses), 1, 1000, 1,
     .doc = "dns only: how many addresses the name must have."},
    {"server", RULE_STRING, AT(hg_probe, dns_server), 1, 60, UNSET, .pattern = SERVER_PATTERN,
     .form = "ip:port, such as 10.0.0.2:53 or [fd00::2]:53",
     .doc = "dns only: ip:port of the server to ask. Default: the resolvers of the system."},
    {"gauge", RULE_OBJECT, 0, .object = OBJECT_GAUGE,
     .doc = "http only: a number in the JSON of the answer that tells the load, such as a queue length. This "
            "version reads it; its slow start does not act on it."},
};
static const struct rule gauge_rules[] = {
    {"json", RULE_STRING, AT(hg_probe, gauge_json), 1, 200, UNSET, .required = true,
     .pattern = POINTER_PATTERN, .form = "a JSON pointer (RFC 6901) such as /queue_depth or /queues/0/depth",
     .doc = "JSON pointer (RFC 6901) to the number, such as /queue_depth."},
    {"soft", RULE_MICRO, AT(hg_probe, gauge_soft), 0, INT64_C(1000000000000000), 0, .required = true,
     .doc = "From here on the dependency is busy. Below hard."},
    {"hard", RULE_MICRO, AT(hg_probe, gauge_hard), 0, INT64_C(1000000000000000), 0, .required = true,
     .doc = "From here on the dependency is in trouble."},
};
static const struct rule fleet_rules[] = {
    {"size", RULE_INTEGER, AT(hg_fleet, size), 1, COUNT_MAX, 0,
     .doc = "How many instances it has. Needed where another fleet comes after it."},
    {"needs", RULE_COSTS, NO_OFFSET, 1, HG_NEEDS_MAX, UNSET, .required = true,
     .doc = "Dependencies that one relaunch loads, each with its cost in whole tokens. Taken from all of "
            "them or from none."},
    {"lease", RULE_DURATION, AT(hg_fleet, lease_us), SECOND, DAY, 2 * MINUTE,
     .doc = "A permit expires after so long unless completed or renewed; that counts as a failure. Longer "
            "than a relaunch takes."},
    {"weight", RULE_INTEGER, AT(hg_fleet, weight), 1, 1000, 1,
     .doc = "Share against other fleets that wait for the same dependency."},
    {"backoff", RULE_OBJECT, 0, .object = OBJECT_BACKOFF,
     .doc = "How long failed instances wait, and when they have failed too often."},
    {"quarantine", RULE_OBJECT, 0, .object = OBJECT_QUARANTINE,
     .doc = "Where instances go that keep failing, until an operator releases them."},
    {"after", RULE_MAP, NO_OFFSET, 0, HG_AFTER_MAX, UNSET, .object = OBJECT_AFTER,
     .doc = "Fleets that must be back first, by name. No circles."},
};
static const struct rule after_rules[] = {
    {"share", RULE_SHARE, AT(hg_after, share_permille), 1, 1000, 950,
     .doc = "Share of that fleet's size that must be back."},
    {"at_latest", RULE_DURATION, AT(hg_after, at_latest_us), 0, 30 * DAY, 0,
     .doc = "Wait no longer than this, from when the waiting began. 0s: as long as it takes."},
};
static const struct rule backoff_rules[] = {
    {"base", RULE_DURATION, AT(hg_fleet, backoff_base_us), MS, DAY, SECOND,
     .doc = "Before the second attempt; doubles with every further failure. Not longer than max."},
    {"max", RULE_DURATION, AT(hg_fleet, backoff_max_us), MS, BACKOFF_MAX_MS *MS, MINUTE,
     .doc = "The delay never grows beyond this; the jitter is drawn below it."},
    {"jitter", RULE_ENUM, AT(hg_fleet, backoff_jitter), .fallback = HG_JITTER_FULL, .names = jitters,
     .name_count = 3,
     .doc = "full draws from 0 to the delay, equal from its half to the whole, none takes it as it is."},
    {"attempts", RULE_INTEGER, AT(hg_fleet, attempts), 1, 1000, 8,
     .doc = "Failures in a row until quarantine."},
    {"retry_share", RULE_SHARE, AT(hg_fleet, retry_share_permille), 0, 1000, 100,
     .doc = "Share of the fleet's grants that retries may take while newcomers wait."},
    {"forget", RULE_DURATION, AT(hg_fleet, forget_us), SECOND, 30 * DAY, HOUR,
     .doc = "Failures are forgotten after so long without another."},
};
static const struct rule quarantine_rules[] = {
    {"max", RULE_INTEGER, AT(hg_fleet, quarantine_max), 0, COUNT_MAX, 1000,
     .doc = "Instances it may hold; further ones go on backing off instead. 0: nobody is quarantined."},
};
static const struct rule store_loss_rules[] = {
    {"mode", RULE_ENUM, AT(hg_policy, on_store_loss), .fallback = HG_STORE_LOSS_CLOSED, .names = losses,
     .name_count = 3,
     .doc = "closed: nobody is granted; degrade: each controller goes on with a share of the last limits; "
            "open: everybody is granted. block and unlimited are other words for closed and open. This "
            "version treats all of them as closed."},
    {"share", RULE_SHARE, AT(hg_policy, store_loss_share_permille), 1, 1000, 500,
     .doc = "degrade only: share of the last limits."},
    {"after", RULE_DURATION, AT(hg_policy, store_loss_after_us), 0, HOUR, 3 * SECOND,
     .doc = "Only once it has been away for so long."},
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
