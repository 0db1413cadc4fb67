/* A request body: the first byte chooses the call, the rest is what the client sent. Whatever it is, it gets
 * one answer, and the controller goes on to answer the next. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *method;
    const char *path;
} calls[] = {
    {"PUT", "/v1/fleets/web/instances/host-1/permit"},
    {"POST", "/v1/fleets/web/instances/host-1/permit:renew"},
    {"POST", "/v1/fleets/web/instances/host-1/permit:complete"},
    {"DELETE", "/v1/fleets/web/instances/host-1/permit"},
    {"POST", "/v1/fleets/web/permits:batch"},
    {"POST", "/v1/fleets/web/permits:renew"},
    {"POST", "/v1/fleets/batch/permits:complete"},
    {"POST", "/v1/dependencies/db:limit"},
    {"POST", "/v1/dependencies/db:block"},
    {"POST", "/v1/dependencies/db:release"},
    {"POST", "/v1/dependencies/db:pause"},
    {"POST", "/v1/dependencies/db:resume"},
    {"POST", "/v1/fleets/web:pause"},
    {"POST", "/v1/fleets/web:resume"},
};
#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t call = data[0] % CALL_COUNT, body_size = size - 1;
    char *body = malloc(body_size + 1);
    struct world *world = world_create();
    FUZZ_CHECK(body != NULL);
    memcpy(body, data + 1, body_size);
    body[body_size] = '\0';
    (void)world_request(world, "PUT", "/v1/fleets/web/instances/host-1/permit", "", "", 0);
    (void)world_request(world, calls[call].method, calls[call].path, "", body, body_size);
    FUZZ_CHECK(world_request(world, "GET", "/v1/status", "", "", 0) == 200);
    FUZZ_CHECK(world_request(world, "GET", "/v1/fleets/web/permits", "", "", 0) == 200);
    FUZZ_CHECK(world_request(world, "GET", "/v1/dependencies/db", "", "", 0) == 200);
    (void)world_request(world, "GET", "/v1/fleets/web/instances/host-1", "", "", 0);
    world_destroy(world);
    free(body);
    return 0;
}
