#include "herd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NET_US     INT64_C(20000) /* up to so long from a client to a controller */
#define TIMEOUT_US INT64_C(10000000) /* no answer for so long: asks another controller */

enum tag { TAG_ASK, TAG_REPORT, TAG_ASK_TIMEOUT, TAG_REPORT_TIMEOUT };
enum item { ITEM_ASK, ITEM_REPORT };

static bool chance(struct herds *herds, int64_t permille)
{
    return rng_between(&herds->rng, 0, 999) < permille;
}

static size_t controller_of(const struct world *world, uint64_t id)
{
    for (size_t i = 0; i < world->controller_count; i++) {
        size_t c = ((size_t)id + i) % world->controller_count;
        if (!world->controllers[c].dead) {
            return c;
        }
    }
    return 0;
}

static void request(struct world *world, uint64_t id, struct member *member, const struct hg_request *what, int timeout)
{
    member->waits_us = world->now_us;
    (void)world_request(world, controller_of(world, id), what);
    if (member->waits_us != 0) {
        world_at(world, world->now_us + TIMEOUT_US, id, timeout);
    }
}

static void ask(struct herds *herds, struct world *world, uint64_t id)
{
    struct member *member = &herds->members[id];
    struct hg_request what = {.id = id, .item = ITEM_ASK, .ticket = member->ticket, .may_hold = true};
    what.op.kind = OP_ACQUIRE;
    what.op.fleet = herds->options[member->herd].fleet;
    what.op.instance = member->name;
    member->asks++;
    member->first_us = member->first_us == 0 ? world->now_us : member->first_us;
    request(world, id, member, &what, TAG_ASK_TIMEOUT);
}

static void report(struct herds *herds, struct world *world, uint64_t id)
{
    struct member *member = &herds->members[id];
    bool failed = herds->down || chance(herds, herds->options[member->herd].fail_permille);
    struct hg_request what = {.id = id, .item = ITEM_REPORT};
    what.op.kind = OP_COMPLETE;
    what.op.fleet = herds->options[member->herd].fleet;
    what.op.instance = member->name;
    what.op.fence = member->fence;
    what.op.outcome = failed ? OUTCOME_FAILED : OUTCOME_RECOVERED;
    what.op.reason = failed ? "did not start" : "";
    request(world, id, member, &what, TAG_REPORT_TIMEOUT);
}

static void on_timer(void *user_data, struct world *world, uint64_t id, int tag)
{
    struct herds *herds = user_data;
    bool timeout = tag == TAG_ASK_TIMEOUT || tag == TAG_REPORT_TIMEOUT;
    int64_t waits_us = herds->members[id].waits_us;
    if (timeout && (waits_us == 0 || world->now_us - waits_us < TIMEOUT_US)) {
        return;
    }
    if (tag == TAG_ASK || tag == TAG_ASK_TIMEOUT) {
        ask(herds, world, id);
    } else {
        report(herds, world, id);
    }
}

static void ask_again(struct herds *herds, struct world *world, uint64_t id, int64_t after_us)
{
    struct member *member = &herds->members[id];
    const struct herd_options *options = &herds->options[member->herd];
    int64_t sleep_us = options->poll_us > 0 ? options->poll_us : after_us;
    sleep_us += member->late ? rng_between(&herds->rng, 0, options->late_us) : 0;
    world_at(world, world->now_us + sleep_us + rng_between(&herds->rng, 0, NET_US), id, TAG_ASK);
}

static void on_permit(struct herds *herds, struct world *world, uint64_t id, const struct hg_answer *answer)
{
    struct member *member = &herds->members[id];
    const struct herd_options *options = &herds->options[member->herd];
    if (member->granted_us == 0) {
        member->granted_us = world->now_us;
        member->asks_at_grant = member->asks;
        member->order = herds->granted++;
        herds->last_granted_us = world->now_us;
    }
    member->state = MEMBER_WORKING;
    member->fence = answer->op->fence;
    if (!chance(herds, options->vanish_permille)) {
        world_at(world, world->now_us + rng_between(&herds->rng, options->work_min_us, options->work_max_us), id,
                 TAG_REPORT);
    }
}

static void on_ask_answer(struct herds *herds, struct world *world, uint64_t id, const struct hg_answer *answer)
{
    struct member *member = &herds->members[id];
    herds->refused += answer->status != 0;
    if (answer->status == 0 && answer->state == INSTANCE_GRANTED) {
        on_permit(herds, world, id, answer);
    } else if (answer->status == 0 && answer->state == INSTANCE_QUARANTINED) {
        member->state = MEMBER_QUARANTINED;
        herds->quarantined++;
    } else if (member->never && answer->status == 0) {
        member->state = MEMBER_GONE;
    } else {
        if (!member->no_ticket) {
            snprintf(member->ticket, sizeof(member->ticket), "%s", answer->ticket);
        }
        ask_again(herds, world, id, answer->retry_after_us);
    }
}

static void on_answer(void *user_data, struct world *world, uint64_t id, uint32_t item, const struct hg_answer *answer)
{
    struct herds *herds = user_data;
    if (item > ITEM_REPORT) {
        return; /* somebody else's question */
    }
    struct member *member = &herds->members[id];
    member->waits_us = 0;
    if (item == ITEM_ASK) {
        on_ask_answer(herds, world, id, answer);
    } else if (answer->status != 0 && hg_error_http_status(answer->status) == 503) {
        world_at(world, world->now_us + answer->retry_after_us, id, TAG_REPORT);
    } else if (answer->status == 0 && answer->state == INSTANCE_DONE) {
        member->state = MEMBER_BACK;
        herds->recovered++;
    } else {
        /* Failed, or the lease had run out: back into the line when its backoff is over. */
        member->state = MEMBER_ASKING;
        member->ticket[0] = '\0';
        ask_again(herds, world, id, answer->retry_after_us);
    }
}

struct world_user herds_user(struct herds *herds)
{
    rng_init(&herds->rng, 7);
    return (struct world_user){.on_timer = on_timer, .on_answer = on_answer, .user_data = herds};
}

void herds_finish(struct herds *herds)
{
    free(herds->members);
}

void herds_release(struct herds *herds, struct world *world, const struct herd_options *options, int64_t at_us)
{
    size_t total = herds->member_count + options->count;
    struct member *members = realloc(herds->members, total * sizeof(*members));
    if (members == NULL || herds->herd_count == HERDS_MAX) {
        abort();
    }
    memset(members + herds->member_count, 0, options->count * sizeof(*members));
    herds->members = members;
    herds->options[herds->herd_count] = *options;
    for (size_t i = herds->member_count; i < total; i++) {
        struct member *member = &members[i];
        member->herd = herds->herd_count;
        snprintf(member->name, sizeof(member->name), "%.8s-%zu", options->fleet, i);
        member->never = chance(herds, options->never_permille);
        member->late = chance(herds, options->late_permille);
        member->no_ticket = options->no_ticket ||
                            (options->no_ticket_every > 0 && i % (size_t)options->no_ticket_every == 0);
        world_at(world, at_us + rng_between(&herds->rng, 0, options->arrive_us), i, TAG_ASK);
    }
    herds->herd_count++;
    herds->member_count = total;
}

size_t herds_left(const struct herds *herds)
{
    size_t left = 0;
    for (size_t i = 0; i < herds->member_count; i++) {
        left += !herds->members[i].never && herds->members[i].granted_us == 0;
    }
    return left;
}
