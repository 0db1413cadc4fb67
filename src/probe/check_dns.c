/* dns: whether the resolver knows enough addresses of a name. */
#include "probe/check.h"
#include "headgate/errors.h"
#include "net/ares_uv.h"

#include <ares.h>
#include <stdlib.h>

struct check_dns {
    struct check check;
    struct ares_uv *query;
};

static void on_answer(void *user_data, const struct ares_uv_answer *answer)
{
    struct check_dns *dns = user_data;
    const struct hg_probe *probe = dns->check.options.probe;
    struct check_result result;
    if (answer->status == ARES_ETIMEOUT) {
        return; /* it keeps silent: the attempt's own timeout says so, with its own number */
    }
    if (answer->status != ARES_SUCCESS || answer->count == 0) {
        check_say_unresolved(&result, "dns", probe->target, probe->dns_server, answer);
    } else if ((int64_t)answer->count < probe->min_addresses) {
        check_say(&result, PROBE_VERDICT_NO_ADDRESSES, "dns: %s has %zu addresses, fewer than %lld",
                  probe->target, answer->count, (long long)probe->min_addresses);
    } else {
        check_say(&result, PROBE_VERDICT_UP, "dns: %s has %zu address%s", probe->target, answer->count,
                  answer->count == 1 ? "" : "es");
    }
    check_done(&dns->check, &result);
}

static int dns_start(const struct check_options *options, struct check **ret_check,
                     struct check_result *ret_result)
{
    struct check_dns *dns = calloc(1, sizeof(*dns));
    if (dns == NULL) {
        return check_not_tried(ret_result, "dns", HG_E_NOMEM);
    }
    dns->check.options = *options;
    struct ares_uv_options query = {.loop = options->loop,
                                    .name = options->probe->target,
                                    .server = options->probe->dns_server,
                                    .try_ms = check_try_ms(options->probe),
                                    .on_done = on_answer,
                                    .user_data = dns};
    int status = ares_uv_start(&query, &dns->query);
    if (status != 0) {
        free(dns);
        return check_not_tried(ret_result, "dns", status);
    }
    *ret_check = &dns->check;
    return 0;
}

static void dns_explain_silence(const struct check *check, struct check_result *ret_result)
{
    const struct hg_probe *probe = check->options.probe;
    check_say_resolver_silent(ret_result, "dns", probe->target, probe->dns_server, probe->timeout_us);
}

static void query_closed(void *user_data)
{
    struct check_dns *dns = user_data;
    check_closed(&dns->check);
}

static void dns_close(struct check *check, void (*on_closed)(void *user_data), void *user_data)
{
    struct check_dns *dns = (struct check_dns *)check;
    check->on_closed = on_closed;
    check->closed_data = user_data;
    ares_uv_close(dns->query, query_closed, dns);
}

const struct check_ops check_dns_ops = {
    .name = "dns", .start = dns_start, .explain_silence = dns_explain_silence, .close = dns_close};
