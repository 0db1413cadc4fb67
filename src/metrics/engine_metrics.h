/* What /metrics says of the engine: policies, dependencies, fleets. */
#ifndef METRICS_ENGINE_METRICS_H
#define METRICS_ENGINE_METRICS_H

#include "core/engine.h"
#include "metrics/metrics.h"

void engine_metrics_write(struct metrics_text *text, const struct hg_view *views, size_t view_count,
                          const struct hg_engine_counters *counters);

#endif
