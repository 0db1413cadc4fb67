#include "probe/check.h"
#include "headgate/errors.h"
#include "net/ares_uv.h"

#include <ares.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct check_ops *check_ops_of(enum hg_probe_kind kind)
{
    switch (kind) {
    case HG_PROBE_TCP:
        return &check_tcp_ops;
    case HG_PROBE_HTTP:
        return &check_http_ops;
    case HG_PROBE_DNS:
        return &check_dns_ops;
    case HG_PROBE_REDIS:
        return &check_redis_ops;
    case HG_PROBE_EXEC:
        return &check_exec_ops;
    case HG_PROBE_KIND_COUNT:
        break;
    }
    return NULL;
}

void check_say(struct check_result *ret_result, enum probe_verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *ret_result = (struct check_result){.verdict = verdict};
    (void)vsnprintf(ret_result->text, sizeof(ret_result->text), format, arguments);
    va_end(arguments);
    for (char *at = ret_result->text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            *at = '?';
        }
    }
}

int check_not_tried(struct check_result *ret_result, const char *kind, int error)
{
    check_say(ret_result, PROBE_VERDICT_NOT_TRIED, "%s: could not be tried: %s", kind, hg_strerror(error));
    return error;
}

void check_done(struct check *check, const struct check_result *result)
{
    check_done_fn on_done = check->options.on_done;
    check->options.on_done = NULL;
    assert(on_done != NULL);
    on_done(check->options.user_data, result);
}

void check_closed(struct check *check)
{
    void (*on_closed)(void *) = check->on_closed;
    void *closed_data = check->closed_data;
    free(check);
    on_closed(closed_data);
}

static const char *resolver_name(const char *server, char *text, size_t size)
{
    if (server == NULL) {
        return "the system's resolver";
    }
    (void)snprintf(text, size, "resolver %s", server);
    return text;
}

void check_say_unresolved(struct check_result *ret_result, const char *kind, const char *name,
                          const char *server, const struct ares_uv_answer *answer)
{
    char resolver[128];
    const char *by = resolver_name(server, resolver, sizeof(resolver));
    switch (answer->status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
        check_say(ret_result, PROBE_VERDICT_NO_ADDRESSES, "%s: %s has no addresses (NOERROR)", kind, name);
        break;
    case ARES_ENOTFOUND:
        check_say(ret_result, PROBE_VERDICT_NO_ADDRESSES, "%s: %s has no addresses (NXDOMAIN)", kind, name);
        break;
    case ARES_EREFUSED:
        check_say(ret_result, PROBE_VERDICT_NO_RESOLVER, "%s: %s answered REFUSED for %s", kind, by, name);
        break;
    case ARES_ESERVFAIL:
        check_say(ret_result, PROBE_VERDICT_NO_RESOLVER, "%s: %s answered SERVFAIL for %s", kind, by, name);
        break;
    case ARES_ECONNREFUSED:
        check_say(ret_result, PROBE_VERDICT_NO_RESOLVER, "%s: %s cannot be reached for %s", kind, by, name);
        break;
    case ARES_EBADNAME:
        check_say(ret_result, PROBE_VERDICT_NO_ADDRESSES, "%s: %s is not a name that can be resolved", kind,
                  name);
        break;
    default:
        check_say(ret_result, PROBE_VERDICT_NO_RESOLVER, "%s: %s gave no answer for %s: %s", kind, by, name,
                  ares_strerror(answer->status));
        break;
    }
}

void check_say_resolver_silent(struct check_result *ret_result, const char *kind, const char *name,
                               const char *server, int64_t timeout_us)
{
    char resolver[128];
    check_say(ret_result, PROBE_VERDICT_NO_RESOLVER, "%s: %s did not answer in %lld ms for %s", kind,
              resolver_name(server, resolver, sizeof(resolver)), (long long)check_ms(timeout_us), name);
}

int64_t check_ms(int64_t delay_us)
{
    return delay_us <= 0 ? 0 : (delay_us - 1) / 1000 + 1;
}

int64_t check_try_ms(const struct hg_probe *probe)
{
    int64_t try_ms = probe->timeout_us / 4000;
    return try_ms < 5 ? 5 : try_ms;
}
