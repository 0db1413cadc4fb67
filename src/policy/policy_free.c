#include "policy/policy_loader.h"

#include <stdlib.h>

static void finish_dependency(struct hg_dependency *dependency)
{
    for (size_t p = 0; p < dependency->probe_count; p++) {
        struct hg_probe *probe = &dependency->probes[p];
        free(probe->target);
        free(probe->dns_server);
        free(probe->gauge_json);
        for (size_t i = 0; i < probe->argc; i++) {
            free(probe->argv[i]);
        }
        free(probe->argv);
    }
    free(dependency->probes);
    free(dependency->name);
}

void policy_finish(struct hg_policy *policy)
{
    for (size_t d = 0; d < policy->dependency_count; d++) {
        finish_dependency(&policy->dependencies[d]);
    }
    for (size_t f = 0; f < policy->fleet_count; f++) {
        free(policy->fleets[f].name);
    }
    free(policy->dependencies);
    free(policy->fleets);
    free(policy->name);
    free(policy->file);
}
