/* A probe's own copy of its settings: the policy it came from may be replaced while the probe still closes.
 */
#ifndef PROBE_CONFIG_H
#define PROBE_CONFIG_H

#include "headgate/policy.h"

/* HG_E_NOMEM; HG_E_INVALID when the kind lacks what it goes to, or a time is missing. */
int config_copy(const struct hg_probe *probe, struct hg_probe *ret_copy) __attribute__((warn_unused_result));
void config_finish(struct hg_probe *copy);

#endif
