#include "core/group.h"

#include <stdlib.h>

const char *phase_name(enum phase phase)
{
    static const char *const names[PHASE_COUNT] = {"idle",   "blocked", "probing", "ramping",
                                                   "steady", "frozen",  "paused"};
    return phase >= 0 && phase < PHASE_COUNT ? names[phase] : "none";
}

const char *instance_state_name(enum instance_state state)
{
    static const char *const names[INSTANCE_STATE_COUNT] = {"none",    "waiting",     "granted",
                                                            "backoff", "quarantined", "recovered"};
    return state >= 0 && state < INSTANCE_STATE_COUNT ? names[state] : "none";
}

const char *limit_name(enum limit limit)
{
    static const char *const names[LIMIT_COUNT] = {"none",    "line",   "rate",    "pace",    "in_flight",  "window",
                                                   "paused",  "blocked", "backoff", "quarantine", "after", "store"};
    return limit >= 0 && limit < LIMIT_COUNT ? names[limit] : "none";
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOME_COUNT] = {"recovered", "failed", "expired", "none"};
    return outcome >= 0 && outcome < OUTCOME_COUNT ? names[outcome] : "none";
}

void group_reply_clear(struct group_reply *reply)
{
    for (size_t i = 0; i < reply->op_count; i++) {
        struct op_reply *op = &reply->ops[i];
        for (size_t n = 0; n < op->note_count; n++) {
            free(op->notes[n].key);
            free(op->notes[n].value);
        }
        free(op->notes);
        free(op->items);
        op->notes = NULL;
        op->items = NULL;
        op->note_count = op->item_count = 0;
    }
    reply->op_count = 0;
}
