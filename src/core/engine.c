#include "core/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hg_engine_create(const struct hg_engine_options *options, struct hg_engine **ret_engine)
{
    if (options->controller_id == NULL || options->controller_id[0] == '\0' ||
        strlen(options->controller_id) > LEADER_ID_MAX) {
        return HG_E_INVALID;
    }
    struct hg_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        return HG_E_NOMEM;
    }
    snprintf(engine->controller_id, sizeof(engine->controller_id), "%s", options->controller_id);
    engine->new_store = options->new_store;
    engine->law = options->law;
    engine->law_context = options->law_context;
    engine->store_status = HG_E_STORE_AWAY; /* until it says that it is there */
    rng_init(&engine->rng, options->seed);
    *ret_engine = engine;
    return 0;
}

void hg_engine_destroy(struct hg_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    for (size_t i = 0; i < engine->slot_count; i++) {
        slot_destroy(engine->slots[i]);
    }
    effects_finish(engine);
    free(engine);
}

/* Somebody waits, or a dependency is in trouble: the leader looks more often. */
static bool lively(const struct policy_slot *slot)
{
    for (size_t d = 0; slot->has_snapshot && d < slot->snapshot.dependency_count; d++) {
        if (slot->snapshot.dependencies[d].phase != PHASE_IDLE) {
            return true;
        }
    }
    for (size_t f = 0; slot->has_snapshot && f < slot->snapshot.fleet_count; f++) {
        const struct snapshot_fleet *fleet = &slot->snapshot.fleets[f];
        if (fleet->lines[LINE_MAIN].waiting + fleet->lines[LINE_RETRY].waiting > 0) {
            return true;
        }
    }
    return !slot->has_snapshot;
}

static void refuse_overdue(struct hg_engine *engine, size_t policy, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    /* A group that does not come back must not hold those behind it for ever: the store's own watchdog is shorter. */
    while (slot->queue.first != NULL && now_us - slot->queue.first->asked_us > 2 * HOLD_US) {
        struct pending *pending = pending_pop(&slot->queue);
        (void)engine_refuse(engine, policy, pending->request.id, pending->request.item, HG_E_OVERLOAD);
        free(pending);
    }
}

static void on_tick(struct hg_engine *engine, int64_t now_us)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        struct policy_slot *slot = engine->slots[i];
        if (slot == NULL || slot->policy == NULL) {
            continue;
        }
        if (now_us >= slot->tick_us) {
            slot->tick_us = now_us + (lively(slot) ? TICK_US : TICK_IDLE_US);
            slot->tick_due = true;
        }
        refuse_overdue(engine, i, now_us);
        engine_submit(engine, i, now_us);
    }
}

static void on_store_state(struct hg_engine *engine, int status, const char *text, int64_t now_us)
{
    bool told = engine->store_told && engine->store_status == status;
    engine->store_status = status;
    engine->store_told = true;
    if (!told) {
        effect_log(engine, 0, status == 0 ? 1 : 3, "store", "up=%s detail=\"%s\"", status == 0 ? "true" : "false",
                   text == NULL ? "" : text);
    }
    for (size_t i = 0; i < engine->slot_count; i++) {
        struct policy_slot *slot = engine->slots[i];
        if (slot == NULL) {
            continue;
        }
        if (status != 0) {
            engine_answer_all(engine, i, &slot->queue, status);
            engine_answer_all(engine, i, &slot->held, status);
        } else {
            slot->tick_due = true;
            engine_submit(engine, i, now_us);
        }
    }
}

static void on_probe(struct hg_engine *engine, const struct hg_event *event)
{
    size_t policy = event->u.probe.policy, d = event->u.probe.dependency;
    struct policy_slot *slot = policy < engine->slot_count ? engine->slots[policy] : NULL;
    if (slot == NULL || slot->policy == NULL || d >= slot->policy->dependency_count) {
        return;
    }
    struct dependency *dependency = &slot->dependencies[d];
    enum probe_state before = dependency->probes[event->u.probe.probe % HG_PROBES_MAX].state;
    dependency_on_probe(dependency, event->u.probe.probe, event->u.probe.up, event->u.probe.text);
    if (event->u.probe.has_gauge && slot->has_snapshot) {
        dependency_on_gauge(dependency, &slot->policy->dependencies[d], event->u.probe.probe, event->u.probe.gauge,
                            slot_store_now(slot, event->now_us));
    }
    if (before != (event->u.probe.up ? PROBE_UP : PROBE_DOWN)) {
        effect_log(engine, policy, event->u.probe.up ? 1 : 2, "probe", "policy=%s dependency=%s up=%s why=\"%s\"",
                   slot->name, slot->policy->dependencies[d].name, event->u.probe.up ? "true" : "false",
                   event->u.probe.text == NULL ? "" : event->u.probe.text);
        slot->tick_due = slot->leader != 0;
        engine_submit(engine, policy, event->now_us);
    }
}

static void on_resign(struct hg_engine *engine, int64_t now_us)
{
    engine->resigned = true;
    for (size_t i = 0; i < engine->slot_count; i++) {
        if (engine->slots[i] != NULL && engine->slots[i]->leader != 0) {
            engine->slots[i]->tick_due = true;
            engine_submit(engine, i, now_us);
        }
    }
}

int hg_engine_step(struct hg_engine *engine, const struct hg_event *event, struct hg_effects *ret_effects)
{
    int status = 0;
    effects_begin(engine);
    switch (event->type) {
    case HG_EVENT_TICK:
        on_tick(engine, event->now_us);
        break;
    case HG_EVENT_REQUEST:
        status = engine_on_request(engine, event->u.request.policy, &event->u.request.request, event->now_us);
        break;
    case HG_EVENT_STORE_REPLY:
        engine_on_store_reply(engine, event->u.store_reply.policy, event->u.store_reply.reply, event->now_us);
        break;
    case HG_EVENT_STORE_STATE:
        on_store_state(engine, event->u.store_state.status, event->u.store_state.text, event->now_us);
        break;
    case HG_EVENT_PROBE:
        on_probe(engine, event);
        break;
    case HG_EVENT_POLICIES:
        status = engine_on_policies(engine, event->u.policies.set, event->now_us);
        break;
    case HG_EVENT_RESIGN:
        on_resign(engine, event->now_us);
        break;
    case HG_EVENT_TYPE_COUNT:
        status = HG_E_INVALID;
        break;
    }
    ret_effects->effects = engine->effects;
    ret_effects->count = engine->effect_count;
    return status;
}

int64_t hg_engine_next_deadline(const struct hg_engine *engine)
{
    int64_t deadline_us = INT64_MAX;
    for (size_t i = 0; i < engine->slot_count; i++) {
        const struct policy_slot *slot = engine->slots[i];
        if (slot == NULL || slot->policy == NULL) {
            continue;
        }
        deadline_us = slot->tick_us < deadline_us ? slot->tick_us : deadline_us;
        if (slot->held.first != NULL && !slot->busy && slot->held.first->due_us < deadline_us) {
            deadline_us = slot->held.first->due_us;
        }
    }
    return deadline_us;
}

size_t hg_engine_policy_count(const struct hg_engine *engine)
{
    return engine->slot_count;
}

bool hg_engine_view(const struct hg_engine *engine, size_t policy, int64_t now_us, struct hg_view *ret_view)
{
    struct policy_slot *slot = policy < engine->slot_count ? engine->slots[policy] : NULL;
    if (slot == NULL || slot->policy == NULL) {
        return false;
    }
    memset(ret_view, 0, sizeof(*ret_view));
    ret_view->policy = slot->policy;
    ret_view->snapshot = slot->has_snapshot ? &slot->snapshot : NULL;
    ret_view->leading = slot->leader != 0;
    ret_view->store_up = engine->store_status == 0;
    ret_view->ready = ret_view->store_up && slot->has_snapshot && slot->snapshot.generation >= 0;
    ret_view->snapshot_age_us = slot->has_snapshot ? now_us - slot->snapshot_at_us : -1;
    ret_view->held = (int64_t)slot->held.count;
    ret_view->queued = (int64_t)(slot->queue.count + slot->group.op_count);
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        bool probed = slot->leader != 0 && slot->policy->dependencies[d].probe_count > 0;
        ret_view->probe_up[d] =
            probed ? dependency_probe_state(&slot->dependencies[d], &slot->policy->dependencies[d]) : PROBE_UNKNOWN;
        ret_view->unrecoverable[d] = slot->leader != 0 && slot->dependencies[d].shed.unrecoverable;
        ret_view->why[d] = slot->leader != 0 ? slot->why[d] : "";
    }
    for (size_t f = 0; f < slot->policy->fleet_count && slot->has_snapshot; f++) {
        ret_view->fleet_eta_us[f] = slot_fleet_eta_us(slot, f, now_us);
    }
    return true;
}

bool hg_engine_find_fleet(const struct hg_engine *engine, const char *fleet, size_t *ret_policy, size_t *ret_index)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        const struct policy_slot *slot = engine->slots[i];
        int f = slot == NULL || slot->policy == NULL ? -1 : slot_find_fleet(slot, fleet);
        if (f >= 0) {
            *ret_policy = i;
            *ret_index = (size_t)f;
            return true;
        }
    }
    return false;
}

bool hg_engine_find_gone_fleet(const struct hg_engine *engine, const char *fleet, size_t *ret_policy)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        const struct policy_slot *slot = engine->slots[i];
        for (size_t g = 0; slot != NULL && slot->policy != NULL && g < HG_FLEETS_MAX; g++) {
            if (strcmp(slot->gone[g], fleet) == 0 && fleet[0] != '\0') {
                *ret_policy = i;
                return true;
            }
        }
    }
    return false;
}

bool hg_engine_find_dependency(const struct hg_engine *engine, const char *dependency, size_t *ret_policy,
                               size_t *ret_index)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        const struct policy_slot *slot = engine->slots[i];
        int d = slot == NULL || slot->policy == NULL ? -1 : slot_find_dependency(slot, dependency);
        if (d >= 0) {
            *ret_policy = i;
            *ret_index = (size_t)d;
            return true;
        }
    }
    return false;
}

const struct hg_engine_counters *hg_engine_counters(const struct hg_engine *engine)
{
    return &engine->counters;
}
