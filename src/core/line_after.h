/* `after`: a fleet held until others are back. */
#ifndef CORE_LINE_AFTER_H
#define CORE_LINE_AFTER_H

#include "core/line_plan.h"

#define AFTER_QUIET_US INT64_C(10000000) /* nobody of a fleet outstanding for so long: it is back */

/* Whether each fleet of the policy must wait for another one now. */
void line_after_step(struct line_planner *planner, const struct line_plan_input *input);

#endif
