/* A request line as the server hands it on: METHOD PATH?QUERY and, on the next line, a body. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "http/server.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"};
    char *text = malloc(size + 1), *line = text;
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *method = strsep(&line, " "), *path = strsep(&line, "\n");
    char *body = line == NULL ? "" : line;
    size_t known = 0;
    while (known < sizeof(methods) / sizeof(methods[0]) && strcmp(method, methods[known]) != 0) {
        known++;
    }
    /* What the server refuses itself does not come here. */
    if (known < sizeof(methods) / sizeof(methods[0]) && path != NULL && path[0] == '/' &&
        strlen(path) <= HTTP_PATH_MAX) {
        char *query = path;
        path = strsep(&query, "?");
        struct world *world = world_create();
        (void)world_request(world, "PUT", "/v1/fleets/web/instances/host-1/permit", "", "", 0);
        (void)world_request(world, methods[known], path, query == NULL ? "" : query, body, strlen(body));
        FUZZ_CHECK(world_request(world, "GET", "/v1/status", "", "", 0) == 200);
        world_destroy(world);
    }
    free(text);
    return 0;
}
