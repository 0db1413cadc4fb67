#include "policy/policy_loader.h"

#include "headgate/errors.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA_FILE "headgate-policy.schema.json"

static void on_position_error(void *user_data, struct place place, const char *path, const char *message)
{
    loader_error_at(user_data, place, path, message);
}

static const struct place top = {1, 1};

static void parse_text(struct loader *loader, const char *text, size_t size, struct hg_policy *policy)
{
    json_error_t error;
    if (size > POLICY_FILE_MAX) {
        loader_error_at(loader, top, "$", "longer than 1 MiB; split it into several policies");
        return;
    }
    char *own = malloc(size + 1);
    if (own == NULL) {
        loader->nomem = true;
        return;
    }
    memcpy(own, text, size);
    own[size] = '\0';
    int status = positions_scan(&loader->positions, own, size, on_position_error, loader);
    json_t *root =
        status == 0 ? json_loadb(own, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error) : NULL;
    if (root != NULL) {
        policy_read(loader, root, policy);
        policy_check(loader, policy);
    } else if (status == 0) {
        loader_error_at(loader, (struct place){error.line, error.column}, "$", error.text);
    }
    loader->nomem = loader->nomem || status == HG_E_NOMEM;
    json_decref(root);
    free(own);
}

/* Names are unique across files, or a request could not tell which is meant. */
static void report_taken(struct loader *loader, const char *parent, const char *name, const char *what,
                         const char *file)
{
    char path[POLICY_PATH_MAX];
    path_member(path, parent, name);
    loader_error_key(loader, path, "this name is taken by %s; give each %s its own", file, what);
}

static void check_unique(struct loader *loader, const struct hg_policy_set *set,
                         const struct hg_policy *policy)
{
    for (size_t i = 0; i + 1 < set->policy_count; i++) {
        const struct hg_policy *other = &set->policies[i];
        if (policy->file != NULL && other->file != NULL && strcmp(policy->file, other->file) == 0) {
            loader_error(loader, "$", "this file was given twice; name it once");
            return;
        }
        if (policy->name != NULL && other->name != NULL && strcmp(other->name, policy->name) == 0) {
            loader_error(loader, "$.policy", "this name is taken by %s; give each policy its own",
                         other->file);
        }
        for (size_t a = 0; a < other->dependency_count; a++) {
            for (size_t b = 0; b < policy->dependency_count; b++) {
                if (strcmp(other->dependencies[a].name, policy->dependencies[b].name) == 0) {
                    report_taken(loader, "$.dependencies", policy->dependencies[b].name, "dependency",
                                 other->file);
                }
            }
        }
        for (size_t a = 0; a < other->fleet_count; a++) {
            for (size_t b = 0; b < policy->fleet_count; b++) {
                if (strcmp(other->fleets[a].name, policy->fleets[b].name) == 0) {
                    report_taken(loader, "$.fleets", policy->fleets[b].name, "fleet", other->file);
                }
            }
        }
    }
}

static void add_text(const char *file, const char *text, size_t size, struct hg_policy_set *set,
                     struct hg_policy_errors *errors, bool *nomem)
{
    struct loader loader = {.file = file, .errors = errors, .first_error = errors->count};
    if (set->policy_count == HG_POLICIES_MAX) {
        loader_error_at(&loader, top, "$", "one policy too many; at most 64 in a set");
        *nomem = *nomem || loader.nomem;
        return;
    }
    struct hg_policy *grown = realloc(set->policies, (set->policy_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        *nomem = true;
        return;
    }
    set->policies = grown;
    struct hg_policy *policy = &grown[set->policy_count++];
    memset(policy, 0, sizeof(*policy));
    parse_text(&loader, text, size, policy);
    check_unique(&loader, set, policy);
    positions_finish(&loader.positions);
    *nomem = *nomem || loader.nomem;
}

static void add_io_error(const char *file, const char *what, struct hg_policy_errors *errors, bool *nomem)
{
    struct loader loader = {.file = file, .errors = errors};
    loader_error_at(&loader, top, "$", what);
    *nomem = *nomem || loader.nomem;
}

static void add_file(const char *file, struct hg_policy_set *set, struct hg_policy_errors *errors,
                     bool *nomem)
{
    FILE *in = fopen(file, "rb");
    if (in == NULL) {
        char message[256];
        snprintf(message, sizeof(message), "cannot be read: %s", strerror(errno));
        add_io_error(file, message, errors, nomem);
        return;
    }
    char *text = malloc(POLICY_FILE_MAX + 2);
    if (text == NULL) {
        *nomem = true;
    } else {
        size_t size = fread(text, 1, POLICY_FILE_MAX + 1, in);
        if (ferror(in)) {
            add_io_error(file, "cannot be read; is it a file?", errors, nomem);
        } else {
            add_text(file, text, size, set, errors, nomem);
        }
    }
    free(text);
    fclose(in);
}

static int is_policy(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 5, ".json") == 0 &&
           strcmp(entry->d_name, SCHEMA_FILE) != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_directory(const char *directory, struct hg_policy_set *set, struct hg_policy_errors *errors,
                          bool *nomem)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_policy, by_bytes);
    if (count <= 0) {
        add_io_error(directory,
                     count == 0 ? "no *.json file in this directory; add a policy" : strerror(errno), errors,
                     nomem);
    }
    for (int i = 0; i < count; i++) {
        char file[4096];
        bool slash = directory[strlen(directory) - 1] == '/';
        snprintf(file, sizeof(file), "%s%s%s", directory, slash ? "" : "/", entries[i]->d_name);
        add_file(file, set, errors, nomem);
        free(entries[i]);
    }
    free(entries);
}

static int finish_set(struct hg_policy_set *set, bool nomem, struct hg_policy_errors *errors,
                      struct hg_policy_set **ret_set)
{
    errors_sort(errors);
    if (nomem || errors->count > 0) {
        hg_policy_set_destroy(set);
        return nomem ? HG_E_NOMEM : HG_E_POLICY;
    }
    *ret_set = set;
    return 0;
}

int hg_policy_set_load(const char *const *paths, size_t path_count, struct hg_policy_set **ret_set,
                       struct hg_policy_errors *ret_errors)
{
    bool nomem = false;
    memset(ret_errors, 0, sizeof(*ret_errors));
    struct hg_policy_set *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return HG_E_NOMEM;
    }
    for (size_t i = 0; i < path_count; i++) {
        struct stat info;
        if (stat(paths[i], &info) == 0 && S_ISDIR(info.st_mode)) {
            add_directory(paths[i], set, ret_errors, &nomem);
        } else {
            add_file(paths[i], set, ret_errors, &nomem);
        }
    }
    return finish_set(set, nomem, ret_errors, ret_set);
}

int hg_policy_set_parse(const char *file, const char *text, size_t size, struct hg_policy_set **ret_set,
                        struct hg_policy_errors *ret_errors)
{
    bool nomem = false;
    memset(ret_errors, 0, sizeof(*ret_errors));
    struct hg_policy_set *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return HG_E_NOMEM;
    }
    add_text(file, text, size, set, ret_errors, &nomem);
    return finish_set(set, nomem, ret_errors, ret_set);
}

void hg_policy_set_destroy(struct hg_policy_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->policy_count; i++) {
        policy_finish(&set->policies[i]);
    }
    free(set->policies);
    free(set);
}
