/* The grammar of scenario files, once: loader and schema both read it. */
#ifndef SIM_SIM_SCENARIO_TABLES_H
#define SIM_SIM_SCENARIO_TABLES_H

#include "sim/sim_fields.h"

extern const struct field_table sim_table_scenario;
extern const struct field_table sim_table_dependency;
extern const struct field_table sim_table_fleet;

#endif
