#include "core/engine_internal.h"

#include <stdlib.h>
#include <string.h>

/* Copies `text` to `*at` and moves it on; NULL counts as "". */
static const char *copy(char **at, const char *text)
{
    char *copied = *at;
    size_t size = text == NULL ? 1 : strlen(text) + 1;
    memcpy(copied, text == NULL ? "" : text, size);
    *at += size;
    return copied;
}

static size_t size_of(const char *text)
{
    return text == NULL ? 1 : strlen(text) + 1;
}

struct pending *pending_create(const struct hg_request *request, int64_t now_us)
{
    const struct op *op = &request->op;
    size_t size = size_of(op->fleet) + size_of(op->instance) + size_of(op->boot_id) + size_of(op->reason) +
                  size_of(op->key) + size_of(op->value);
    struct pending *pending = malloc(sizeof(*pending) + size);
    if (pending == NULL) {
        return NULL;
    }
    pending->next = NULL;
    pending->request = *request;
    pending->asked_us = now_us;
    pending->due_us = 0;
    pending->asks = 0;
    char *at = pending->text;
    struct op *own = &pending->request.op;
    own->fleet = copy(&at, op->fleet);
    own->instance = copy(&at, op->instance);
    own->boot_id = copy(&at, op->boot_id);
    own->reason = copy(&at, op->reason);
    own->key = copy(&at, op->key);
    const char *value = copy(&at, op->value);
    own->value = op->value == NULL ? NULL : value;
    pending->request.ticket = NULL;
    return pending;
}

void pending_push(struct pending_list *list, struct pending *pending)
{
    pending->next = NULL;
    if (list->last == NULL) {
        list->first = pending;
    } else {
        list->last->next = pending;
    }
    list->last = pending;
    list->count++;
}

void pending_push_front(struct pending_list *list, struct pending *pending)
{
    pending->next = list->first;
    list->first = pending;
    if (list->last == NULL) {
        list->last = pending;
    }
    list->count++;
}

/* The list is short: HOLD_MAX. */
void pending_insert_by_due(struct pending_list *list, struct pending *pending)
{
    struct pending **at = &list->first;
    while (*at != NULL && (*at)->due_us <= pending->due_us) {
        at = &(*at)->next;
    }
    pending->next = *at;
    *at = pending;
    if (pending->next == NULL) {
        list->last = pending;
    }
    list->count++;
}

struct pending *pending_pop(struct pending_list *list)
{
    struct pending *pending = list->first;
    if (pending != NULL) {
        list->first = pending->next;
        list->last = list->first == NULL ? NULL : list->last;
        list->count--;
        pending->next = NULL;
    }
    return pending;
}

void pending_list_clear(struct pending_list *list)
{
    struct pending *pending;
    while ((pending = pending_pop(list)) != NULL) {
        free(pending);
    }
}

bool pending_stands_behind(const struct pending *other, const struct pending *pending)
{
    return other->line == pending->line && other->number > pending->number &&
           strcmp(other->request.op.fleet, pending->request.op.fleet) == 0;
}

void pending_put_in_line(struct pending **pendings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (pending_stands_behind(pendings[i], pendings[j])) {
                struct pending *first = pendings[j];
                pendings[j] = pendings[i];
                pendings[i] = first;
            }
        }
    }
}
