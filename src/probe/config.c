#include "probe/config.h"
#include "headgate/errors.h"

#include <stdlib.h>
#include <string.h>

static bool valid(const struct hg_probe *probe)
{
    if (probe->kind < 0 || probe->kind >= HG_PROBE_KIND_COUNT) {
        return false;
    }
    bool aimed =
        probe->kind == HG_PROBE_EXEC ? probe->argv != NULL && probe->argc > 0 : probe->target != NULL;
    return aimed && probe->interval_us >= 1000 && probe->timeout_us >= 1000;
}

static bool copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL;
}

static bool copy_argv(const struct hg_probe *probe, struct hg_probe *copy)
{
    copy->argc = 0;
    copy->argv = NULL;
    if (probe->argv == NULL) {
        return true;
    }
    copy->argv = calloc(probe->argc + 1, sizeof(*copy->argv));
    while (copy->argv != NULL && copy->argc < probe->argc) {
        if (!copy_text(probe->argv[copy->argc], &copy->argv[copy->argc])) {
            return false;
        }
        copy->argc++;
    }
    return copy->argv != NULL;
}

int config_copy(const struct hg_probe *probe, struct hg_probe *ret_copy)
{
    if (!valid(probe)) {
        return HG_E_INVALID;
    }
    struct hg_probe copy = *probe;
    bool target = copy_text(probe->target, &copy.target);
    bool server = copy_text(probe->dns_server, &copy.dns_server);
    bool gauge = copy_text(probe->gauge_json, &copy.gauge_json);
    bool argv = copy_argv(probe, &copy);
    if (!target || !server || !gauge || !argv) {
        config_finish(&copy);
        return HG_E_NOMEM;
    }
    *ret_copy = copy;
    return 0;
}

void config_finish(struct hg_probe *copy)
{
    free(copy->target);
    free(copy->dns_server);
    free(copy->gauge_json);
    for (size_t i = 0; i < copy->argc; i++) {
        free(copy->argv[i]);
    }
    free(copy->argv);
}
