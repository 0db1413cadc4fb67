/* The calls about one instance. */
#include "client/client_internal.h"
#include "headgate/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_MAX 200 /* what controllers accept, bytes */

static bool name_ok(const char *name, size_t max, const char *allowed)
{
    size_t size = name == NULL ? 0 : strlen(name);
    return size > 0 && size <= max && strspn(name, allowed) == size && strchr("._:@-", name[0]) == NULL;
}

bool client_names_ok(struct hg_client *client, const char *fleet, const char *instance)
{
    if (!name_ok(fleet, HG_NAME_MAX, "abcdefghijklmnopqrstuvwxyz0123456789._-")) {
        (void)client_fail(
            client, 0,
            "'%.130s' is no fleet's name: lower-case letters, digits and . _ -, begins with a letter or "
            "digit, at most %d bytes",
            fleet == NULL ? "" : fleet, HG_NAME_MAX);
        return false;
    }
    if (instance != NULL && !name_ok(instance, HG_INSTANCE_MAX,
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-")) {
        (void)client_fail(
            client, 0,
            "'%.130s' is no instance's name: letters, digits and . _ : @ -, begins with a letter or "
            "digit, at most %d bytes",
            instance, HG_INSTANCE_MAX);
        return false;
    }
    return true;
}

/* How many bytes the UTF-8 character at `text` has; 0 if it is none. */
static size_t utf8_size(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = first < 0x80                    ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : (first & 0xf0) == 0xe0        ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* A reason may be a line of a command's output: one line, valid, no longer than is kept. */
static void clean_reason(const char *reason, char *ret_text)
{
    size_t used = 0;
    while (*reason != '\0') {
        size_t size = utf8_size(reason);
        json_t *valid = size > 1 ? json_stringn(reason, size) : NULL;
        if (used + (size == 0 ? 1 : size) > REASON_MAX) {
            json_decref(valid);
            break;
        }
        if (size <= 1 || valid == NULL) {
            unsigned char byte = (unsigned char)*reason;
            ret_text[used++] = byte >= 0x80 ? '?' : byte < 0x20 || byte == 0x7f ? ' ' : (char)byte;
            size = 1;
        } else {
            memcpy(ret_text + used, reason, size);
            used += size;
        }
        json_decref(valid);
        reason += size;
    }
    ret_text[used] = '\0';
}

static bool put_text(json_t *json, const char *name, const char *text)
{
    return text == NULL || text[0] == '\0' || json_object_set_new(json, name, json_string(text)) == 0;
}

json_t *client_ask_json(enum hg_client_verb verb, const struct hg_client_ask *ask)
{
    char reason[REASON_MAX + 1] = "";
    json_t *json = json_object();
    bool ok = json != NULL;
    if (verb == HG_CLIENT_ACQUIRE) {
        ok = ok && put_text(json, "boot_id", ask->boot_id) && put_text(json, "ticket", ask->ticket);
        ok = ok && (!ask->priority || json_object_set_new(json, "priority", json_true()) == 0);
    } else {
        ok = ok && (ask->fence <= 0 || json_object_set_new(json, "fence", json_integer(ask->fence)) == 0);
    }
    if (verb == HG_CLIENT_COMPLETE) {
        clean_reason(ask->recovered || ask->reason == NULL ? "" : ask->reason, reason);
        ok = ok && put_text(json, "outcome", ask->recovered ? "recovered" : "failed") &&
             put_text(json, "reason", reason);
    }
    if (!ok) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* The answer, as a permit or as an error with its sentence. */
static int read_answer(struct hg_client *client, const struct client_answer *answer,
                       struct hg_permit *ret_permit)
{
    json_t *json = answer->size == 0 ? NULL : json_loadb(answer->text, answer->size, 0, NULL);
    int status = client_read_permit(json, answer->status, ret_permit);
    json_decref(json);
    if (status == 0) {
        return 0;
    }
    return answer->status >= 200 && answer->status <= 299 ? client_reject_answer(client)
                                                          : client_reject(client, answer);
}

static int ask_one(struct hg_client *client, const char *method, const char *suffix, enum hg_client_verb verb,
                   const struct hg_client_ask *ask, struct hg_permit *ret_permit)
{
    char path[CLIENT_PATH_MAX];
    struct client_answer answer = {0};
    if (!client_names_ok(client, ask->fleet, ask->instance == NULL ? "" : ask->instance)) {
        return HG_E_INVALID;
    }
    snprintf(path, sizeof(path), "/v1/fleets/%s/instances/%s/permit%s", ask->fleet, ask->instance, suffix);
    json_t *json = client_ask_json(verb, ask);
    char *body = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (body == NULL) {
        return client_fail(client, HG_E_INVALID, "a text given is no UTF-8, or memory is out");
    }
    int status = client_exchange(client, method, path, body, &answer);
    if (status == 0) {
        status = read_answer(client, &answer, ret_permit);
        client_answer_finish(&answer);
    }
    free(body);
    return status;
}

int hg_client_acquire(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
{
    return ask_one(client, "PUT", "", HG_CLIENT_ACQUIRE, ask, ret_permit);
}

int hg_client_renew(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
{
    return ask_one(client, "POST", ":renew", HG_CLIENT_RENEW, ask, ret_permit);
}

int hg_client_complete(struct hg_client *client, const struct hg_client_ask *ask,
                       struct hg_permit *ret_permit)
{
    return ask_one(client, "POST", ":complete", HG_CLIENT_COMPLETE, ask, ret_permit);
}

int hg_client_leave(struct hg_client *client, const struct hg_client_ask *ask, struct hg_permit *ret_permit)
{
    return ask_one(client, "DELETE", "", HG_CLIENT_RENEW, ask, ret_permit);
}
