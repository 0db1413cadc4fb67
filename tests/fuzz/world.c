#include "fuzz/world.h"

#include "api/api.h"
#include "core/engine.h"
#include "fuzz/fuzz.h"
#include "headgate/policy.h"
#include "http/stream.h"
#include "store/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_US  INT64_C(1764000000000000)
#define ROUND_MAX 500 /* steps of the clock in which an answer must have come */

static const char policy_text[] =
    "{\"policy\":\"shop\",\"dependencies\":{\"db\":{\"bucket\":{\"rate\":5,\"burst\":4},\"in_flight\":{"
    "\"max\":3}}},"
    "\"fleets\":{\"web\":{\"size\":5,\"needs\":{\"db\":1},\"lease\":\"1s\"},"
    "\"batch\":{\"needs\":{\"db\":2},\"after\":{\"web\":{\"share\":0.5}},\"backoff\":{\"attempts\":1}}}}";

/* The exchange of the request under way. */
struct http_exchange {
    int answers;
    int status;
    const struct http_stream_ops *stream;
    void *stream_data;
};

struct world {
    struct hg_engine *engine;
    struct hg_policy_set *set;
    struct api *api;
    struct state *state;
    const struct group *group; /* at the store */
    int64_t now_us;
};

static struct group_reply store_reply;

static void step(struct world *world, const struct hg_event *event)
{
    struct hg_effects effects;
    FUZZ_CHECK(hg_engine_step(world->engine, event, &effects) == 0);
    for (size_t i = 0; i < effects.count; i++) {
        const struct hg_effect *effect = &effects.effects[i];
        if (effect->type == HG_EFFECT_REPLY) {
            api_on_reply(world->api, effect->u.reply.id, effect->u.reply.item, &effect->u.reply.answer);
        } else if (effect->type == HG_EFFECT_SUBMIT) {
            FUZZ_CHECK(world->group == NULL); /* one group a policy */
            world->group = effect->u.submit.group;
        } else if (effect->type == HG_EFFECT_LOG) {
            api_on_log(world->api, effect->u.log.level, effect->u.log.event, effect->u.log.text);
        }
    }
}

/* The store answers until nothing is left to ask of it. */
static void drain(struct world *world)
{
    while (world->group != NULL) {
        state_apply(world->state, EPOCH_US + world->now_us, world->group, &store_reply);
        world->group = NULL;
        struct hg_event event = {.type = HG_EVENT_STORE_REPLY, .now_us = world->now_us};
        event.u.store_reply.reply = &store_reply;
        step(world, &event);
        group_reply_clear(&store_reply);
    }
}

static void tick(struct world *world)
{
    int64_t deadline_us = hg_engine_next_deadline(world->engine);
    world->now_us =
        deadline_us > world->now_us && deadline_us != INT64_MAX ? deadline_us : world->now_us + 1000;
    struct hg_event event = {.type = HG_EVENT_TICK, .now_us = world->now_us};
    step(world, &event);
    drain(world);
}

static int ask(void *user_data, size_t policy, const struct hg_request *request)
{
    struct world *world = user_data;
    struct hg_event event = {.type = HG_EVENT_REQUEST, .now_us = world->now_us};
    event.u.request.policy = policy;
    event.u.request.request = *request;
    step(world, &event);
    return 0;
}

static bool find_fleet(void *user_data, const char *fleet, size_t *ret_policy, size_t *ret_index)
{
    return hg_engine_find_fleet(((struct world *)user_data)->engine, fleet, ret_policy, ret_index);
}

static bool find_gone_fleet(void *user_data, const char *fleet, size_t *ret_policy)
{
    return hg_engine_find_gone_fleet(((struct world *)user_data)->engine, fleet, ret_policy);
}

static bool find_dependency(void *user_data, const char *dependency, size_t *ret_policy, size_t *ret_index)
{
    return hg_engine_find_dependency(((struct world *)user_data)->engine, dependency, ret_policy, ret_index);
}

static size_t policy_count(void *user_data)
{
    return hg_engine_policy_count(((struct world *)user_data)->engine);
}

static bool view(void *user_data, size_t policy, struct hg_view *ret_view)
{
    struct world *world = user_data;
    return hg_engine_view(world->engine, policy, world->now_us, ret_view);
}

static int metrics(void *user_data, char **ret_text, size_t *ret_size)
{
    (void)user_data;
    *ret_text = strdup("up 1\n");
    *ret_size = 5;
    return *ret_text == NULL ? HG_E_NOMEM : 0;
}

static const char *store_detail(void *user_data, const char **ret_url, bool *ret_up)
{
    (void)user_data;
    *ret_url = "memory:";
    *ret_up = true;
    return "";
}

static int64_t wall_us(void *user_data)
{
    return EPOCH_US + ((struct world *)user_data)->now_us;
}

struct world *world_create(void)
{
    struct hg_policy_errors errors;
    struct world *world = calloc(1, sizeof(*world));
    struct hg_engine_options options = {.controller_id = "fuzz", .seed = 1, .new_store = true};
    FUZZ_CHECK(world != NULL);
    FUZZ_CHECK(hg_policy_set_parse("policy", policy_text, sizeof(policy_text) - 1, &world->set, &errors) ==
               0);
    FUZZ_CHECK(hg_engine_create(&options, &world->engine) == 0 && state_create(&world->state) == 0);
    struct api_host host = {.user_data = world,
                            .ask = ask,
                            .find_fleet = find_fleet,
                            .find_gone_fleet = find_gone_fleet,
                            .find_dependency = find_dependency,
                            .policy_count = policy_count,
                            .view = view,
                            .metrics = metrics,
                            .store_detail = store_detail,
                            .wall_us = wall_us};
    FUZZ_CHECK(api_create(&host, "fuzz", &world->api) == 0);
    world->now_us = 1000000;
    struct hg_event policies = {.type = HG_EVENT_POLICIES, .now_us = world->now_us};
    policies.u.policies.set = world->set;
    step(world, &policies);
    drain(world);
    struct hg_event up = {.type = HG_EVENT_STORE_STATE, .now_us = world->now_us};
    up.u.store_state.text = "";
    step(world, &up);
    drain(world);
    struct hg_view seen;
    for (int i = 0; i < ROUND_MAX && !(view(world, 0, &seen) && seen.leading && seen.ready); i++) {
        tick(world);
    }
    FUZZ_CHECK(view(world, 0, &seen) && seen.leading && seen.ready);
    return world;
}

void world_destroy(struct world *world)
{
    api_destroy(world->api);
    hg_engine_destroy(world->engine);
    state_destroy(world->state);
    hg_policy_set_destroy(world->set);
    free(world);
}

/* What a reader is sent ends with a whole event; then it goes away. */
static void read_stream(struct world *world, struct http_exchange *exchange)
{
    char bytes[7], last[2] = "";
    api_on_log(world->api, 1, "probe",
               "policy=shop dependency=db why=\"it said \"no\" twice\" policy=forged");
    api_on_beat(world->api);
    ssize_t got;
    while ((got = exchange->stream->read(exchange->stream_data, bytes, sizeof(bytes))) > 0) {
        FUZZ_CHECK((size_t)got <= sizeof(bytes));
        last[0] = got > 1 ? bytes[got - 2] : last[1];
        last[1] = bytes[got - 1];
    }
    FUZZ_CHECK(got == 0 && last[0] == '\n' && last[1] == '\n');
    exchange->stream->on_closed(exchange->stream_data);
    FUZZ_CHECK(api_event_counters(world->api)->readers == 0);
}

int world_request(struct world *world, const char *method, const char *path, const char *query,
                  const char *body, size_t body_size)
{
    struct http_exchange exchange = {0};
    struct http_request request = {method, path, query, body, body_size};
    api_handle(world->api, &exchange, &request);
    drain(world);
    for (int i = 0; i < ROUND_MAX && exchange.answers == 0; i++) {
        tick(world);
    }
    FUZZ_CHECK(exchange.answers == 1);
    if (exchange.stream != NULL) {
        read_stream(world, &exchange);
    }
    return exchange.status;
}

/* In the place of http/server.c. */
void http_respond(struct http_exchange *exchange, const struct http_response *response)
{
    bool json = response->content_type == NULL || strstr(response->content_type, "json") != NULL;
    exchange->answers++;
    exchange->status = response->status;
    FUZZ_CHECK(exchange->answers == 1);
    FUZZ_CHECK(response->status >= 200 && response->status <= 599 && response->status != 500);
    if (json) {
        json_t *tree = json_loadb(response->body, response->body_size, JSON_REJECT_DUPLICATES, NULL);
        if (tree == NULL) {
            fwrite(response->body, 1, response->body_size, stderr);
        }
        FUZZ_CHECK(tree != NULL);
        json_decref(tree);
    }
    for (const struct http_header *header = response->headers; header != NULL && header->name != NULL;
         header++) {
        FUZZ_CHECK(strpbrk(header->value, "\r\n") == NULL);
    }
}

const char *http_request_header(struct http_exchange *exchange, const char *name)
{
    (void)exchange;
    return strcmp(name, "fleet-lock-protocol") == 0 ? "true" : NULL;
}

bool http_stream_room(const struct http_exchange *exchange)
{
    (void)exchange;
    return true;
}

void http_respond_stream(struct http_exchange *exchange, const struct http_response *response,
                         const struct http_stream_ops *ops, void *user_data)
{
    exchange->answers++;
    exchange->status = response->status;
    exchange->stream = ops;
    exchange->stream_data = user_data;
    FUZZ_CHECK(exchange->answers == 1 && response->status == 200);
}

void http_stream_wake(struct http_exchange *exchange)
{
    (void)exchange;
}

void http_stream_cut(struct http_exchange *exchange)
{
    (void)exchange;
}
