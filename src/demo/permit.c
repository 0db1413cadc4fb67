/* An instance's side of the gate. */
#include "demo/gate.h"

#include "demo/fetch.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define GATE_TIMEOUT_US INT64_C(5000000)
#define RETRY_US        500000 /* when the gate gives no time */

static int64_t integer_of(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

void demo_permit_init(struct demo_permit *permit, struct demo_world *world, int index)
{
    *permit = (struct demo_permit){.world = world, .index = index};
    snprintf(permit->instance, sizeof(permit->instance), "i%04d", index);
}

/* One request for the permit. Returns how long to wait before the next, -1 when granted. */
static int64_t ask(struct demo_permit *permit)
{
    char path[128], body[160], reply[DEMO_REPLY_MAX];
    snprintf(path, sizeof(path), "/v1/fleets/fleet/instances/%s/permit", permit->instance);
    snprintf(body, sizeof(body), "{\"boot_id\":\"%d\"%s%s%s}", (int)getpid(),
             permit->ticket[0] == '\0' ? "" : ",\"ticket\":\"", permit->ticket,
             permit->ticket[0] == '\0' ? "" : "\"");
    struct demo_request request = {.port = permit->world->gate_port,
                                   .method = "PUT",
                                   .path = path,
                                   .body = body,
                                   .timeout_us = GATE_TIMEOUT_US};
    permit->world->slots[permit->index].asked += 1;
    int status = demo_fetch(&request, reply);
    if (status < 0) {
        return RETRY_US;
    }
    json_t *answer = json_loads(reply, 0, NULL);
    int64_t wait_us = integer_of(answer, "retry_after_ms", RETRY_US / 1000) * 1000;
    if (status == 200) {
        permit->fence = integer_of(answer, "fence", 0);
        wait_us = -1;
    }
    const char *ticket = json_string_value(json_object_get(answer, "ticket"));
    snprintf(permit->ticket, sizeof(permit->ticket), "%s", ticket == NULL ? "" : ticket);
    json_decref(answer);
    return wait_us;
}

void demo_permit_acquire(struct demo_permit *permit)
{
    for (;;) {
        int64_t wait_us = ask(permit);
        if (wait_us < 0) {
            return;
        }
        demo_sleep_us(wait_us);
    }
}

int64_t demo_permit_complete(struct demo_permit *permit, bool recovered)
{
    char path[128], body[160], reply[DEMO_REPLY_MAX];
    snprintf(path, sizeof(path), "/v1/fleets/fleet/instances/%s/permit:complete", permit->instance);
    snprintf(body, sizeof(body), "{\"fence\":%lld,\"outcome\":\"%s\"%s}", (long long)permit->fence,
             recovered ? "recovered" : "failed",
             recovered ? "" : ",\"reason\":\"the dependency did not answer in time\"");
    struct demo_request request = {.port = permit->world->gate_port,
                                   .method = "POST",
                                   .path = path,
                                   .body = body,
                                   .timeout_us = GATE_TIMEOUT_US};
    permit->ticket[0] = '\0';
    int status = demo_fetch(&request, reply);
    if (status < 0) {
        return RETRY_US;
    }
    json_t *answer = json_loads(reply, 0, NULL);
    int64_t wait_us = integer_of(answer, "retry_after_ms", RETRY_US / 1000) * 1000;
    json_decref(answer);
    return wait_us;
}
