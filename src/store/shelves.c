#include "store/shelves.h"

#include <stdio.h>
#include <string.h>

struct state *shelves_find(struct shelves *shelves, const char *policy)
{
    for (size_t i = 0; i < shelves->count; i++) {
        if (strcmp(shelves->list[i].policy, policy) == 0) {
            return shelves->list[i].state;
        }
    }
    struct shelf *shelf = &shelves->list[shelves->count];
    if (shelves->count == SHELVES_MAX || state_create(&shelf->state) != 0) {
        return NULL;
    }
    snprintf(shelf->policy, sizeof(shelf->policy), "%s", policy);
    shelves->count++;
    return shelf->state;
}

void shelves_finish(struct shelves *shelves)
{
    for (size_t i = 0; i < shelves->count; i++) {
        state_destroy(shelves->list[i].state);
    }
    shelves->count = 0;
}
