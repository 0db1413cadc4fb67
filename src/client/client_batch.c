/* Many instances in one request. */
#include "client/client_internal.h"
#include "headgate/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *write_batch(enum hg_client_verb verb, const struct hg_client_ask *asks, size_t count)
{
    json_t *root = json_object(), *items = json_array();
    bool ok = root != NULL && items != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        json_t *item = client_ask_json(verb, &asks[i]);
        ok = item != NULL && json_object_set_new(item, "instance", json_string(asks[i].instance)) == 0;
        if (ok) {
            ok = json_array_append_new(items, item) == 0;
        } else {
            json_decref(item);
        }
    }
    ok = ok && json_object_set(root, "items", items) == 0;
    char *text = ok ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(items);
    json_decref(root);
    return text;
}

/* Every item must speak of the instance that was asked for in its place. */
static bool item_fits(const json_t *item, const struct hg_client_ask *ask)
{
    const char *instance = json_string_value(json_object_get(item, "instance"));
    return instance == NULL ? json_integer_value(json_object_get(item, "status")) == 503
                            : strcmp(instance, ask->instance) == 0;
}

static bool read_batch(const struct client_answer *answer, const struct hg_client_ask *asks, size_t count,
                       struct hg_permit *ret_permits)
{
    json_t *json = answer->size == 0 ? NULL : json_loadb(answer->text, answer->size, 0, NULL);
    const json_t *items = json_object_get(json, "items");
    bool ok = json_is_array(items) && json_array_size(items) == count;
    for (size_t i = 0; i < count && ok; i++) {
        const json_t *item = json_array_get(items, i);
        int status = (int)json_integer_value(json_object_get(item, "status"));
        struct hg_permit permit = {.status = HG_E_NOT_READY, .eta_us = -1, .retry_after_us = CLIENT_RETRY_US};
        ok = item_fits(item, &asks[i]) && (json_object_get(item, "type") == NULL && status == 503
                                               ? true
                                               : client_read_permit(item, status, &permit) != HG_E_PROTOCOL);
        if (ok) {
            ret_permits[i] = permit;
        }
    }
    json_decref(json);
    return ok;
}

int hg_client_batch(struct hg_client *client, enum hg_client_verb verb, const char *fleet,
                    const struct hg_client_ask *asks, size_t count, struct hg_permit *ret_permits)
{
    static const char *const verbs[HG_CLIENT_VERB_COUNT] = {"batch", "renew", "complete"};
    char path[CLIENT_PATH_MAX];
    struct client_answer answer = {0};
    client->error[0] = '\0';
    if (count > HG_CLIENT_BATCH_MAX) {
        return client_fail(client, HG_E_INVALID, "a batch has at most %d instances", HG_CLIENT_BATCH_MAX);
    }
    bool names_ok = client_names_ok(client, fleet, NULL);
    for (size_t i = 0; i < count && names_ok; i++) {
        names_ok = client_names_ok(client, fleet, asks[i].instance == NULL ? "" : asks[i].instance);
    }
    if (!names_ok || count == 0) {
        return names_ok ? 0 : HG_E_INVALID;
    }
    snprintf(path, sizeof(path), "/v1/fleets/%s/permits:%s", fleet, verbs[verb]);
    char *body = write_batch(verb, asks, count);
    if (body == NULL) {
        return client_fail(client, HG_E_INVALID, "a text given is no UTF-8, or memory is out");
    }
    int status = client_exchange(client, "POST", path, body, &answer);
    free(body);
    if (status != 0) {
        return status;
    }
    if (answer.status != 200) {
        status = client_reject(client, &answer);
    } else if (!read_batch(&answer, asks, count, ret_permits)) {
        status = client_reject_answer(client);
    }
    client_answer_finish(&answer);
    return status;
}
