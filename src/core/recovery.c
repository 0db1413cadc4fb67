#include "core/recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US_IN_MS 1000

void recovery_begin(struct recovery *recovery, int64_t number, int64_t now_us, const char *cause,
                    const struct snapshot_dependency *dependency)
{
    recovery_finish(recovery);
    recovery->open = recovery->dirty = true;
    recovery->number = number;
    recovery->began_us = now_us;
    snprintf(recovery->cause, sizeof(recovery->cause), "%s", cause);
    recovery->granted_before = dependency->granted;
    recovery->recovered_before = dependency->recovered;
    recovery->failed_before = dependency->failed + dependency->expired;
}

/* JSON string escaping of text made by the core, operators or probes, which may have been cut anywhere: control
 * characters become spaces and bytes beyond ASCII question marks, so that the object is always valid. */
static void escape(char *ret_out, size_t size, const char *text)
{
    size_t used = 0;
    for (const char *at = text; *at != '\0' && used + 3 < size; at++) {
        if (*at == '"' || *at == '\\') {
            ret_out[used++] = '\\';
        }
        unsigned char byte = (unsigned char)*at;
        ret_out[used++] = byte < 0x20 ? ' ' : byte >= 0x7f ? '?' : *at;
    }
    ret_out[used] = '\0';
}

static bool append(struct recovery *recovery, const char *text)
{
    size_t size = strlen(text);
    char *grown = realloc(recovery->timeline, recovery->timeline_size + size + 1);
    if (grown == NULL) {
        return false;
    }
    memcpy(grown + recovery->timeline_size, text, size + 1);
    recovery->timeline = grown;
    recovery->timeline_size += size;
    return true;
}

void recovery_add(struct recovery *recovery, int64_t now_us, enum phase phase, const char *why)
{
    if (!recovery->open || (recovery->timeline_size > RECOVERY_TIMELINE_MAX && phase != PHASE_IDLE)) {
        return;
    }
    char clean[2 * REASON_MAX + 4];
    char line[sizeof(clean) + 96];
    escape(clean, sizeof(clean), why);
    snprintf(line, sizeof(line), "%s{\"at_ms\":%lld,\"phase\":\"%s\",\"why\":\"%s\"}",
             recovery->timeline_size > 0 ? "," : "", (long long)(now_us / US_IN_MS), phase_name(phase), clean);
    recovery->dirty = append(recovery, line) || recovery->dirty;
}

void recovery_end(struct recovery *recovery, int64_t now_us)
{
    recovery->open = false;
    recovery->dirty = true;
    recovery->ended_us = now_us;
}

void recovery_finish(struct recovery *recovery)
{
    free(recovery->timeline);
    memset(recovery, 0, sizeof(*recovery));
}

char *recovery_format(const struct recovery *recovery, const char *policy,
                      const struct snapshot_dependency *dependency)
{
    char cause[2 * REASON_MAX + 4];
    char ended[128];
    escape(cause, sizeof(cause), recovery->cause);
    if (recovery->ended_us > 0) {
        snprintf(ended, sizeof(ended), "%lld", (long long)(recovery->ended_us / US_IN_MS));
    } else {
        /* What the next leader counts from. */
        snprintf(ended, sizeof(ended), "null,\"granted_before\":%lld,\"recovered_before\":%lld,\"failed_before\":%lld",
                 (long long)recovery->granted_before, (long long)recovery->recovered_before,
                 (long long)recovery->failed_before);
    }
    size_t size = recovery->timeline_size + sizeof(cause) + 512;
    char *text = malloc(size);
    if (text != NULL) {
        snprintf(text, size,
                 "{\"number\":%lld,\"dependency\":\"%s\",\"policy\":\"%s\",\"began_ms\":%lld,\"ended_ms\":%s,"
                 "\"cause\":\"%s\",\"granted\":%lld,\"recovered\":%lld,\"failed\":%lld,\"timeline\":[%s]}",
                 (long long)recovery->number, dependency->name, policy, (long long)(recovery->began_us / US_IN_MS),
                 ended, cause, (long long)(dependency->granted - recovery->granted_before),
                 (long long)(dependency->recovered - recovery->recovered_before),
                 (long long)(dependency->failed + dependency->expired - recovery->failed_before),
                 recovery->timeline == NULL ? "" : recovery->timeline);
    }
    return text;
}

static bool number_after(const char *value, const char *name, int64_t *ret_number)
{
    const char *at = strstr(value, name);
    if (at == NULL) {
        return false;
    }
    char *end = NULL;
    *ret_number = strtoll(at + strlen(name), &end, 10);
    return end != at + strlen(name);
}

/* A counter when the recovery began: as it was written, or, where the store has lost counts since, as far before the
 * present one as was written. */
static int64_t before(const char *value, const char *name, int64_t now)
{
    char member[40];
    int64_t counted = 0, begin = 0;
    snprintf(member, sizeof(member), "\"%s_before\":", name);
    if (number_after(value, member, &begin) && begin <= now) {
        return begin;
    }
    snprintf(member, sizeof(member), "\"%s\":", name);
    return number_after(value, member, &counted) ? now - counted : now;
}

static void take_counts(struct recovery *recovery, const char *value, const struct snapshot_dependency *dependency)
{
    recovery->granted_before = before(value, "granted", dependency->granted);
    recovery->recovered_before = before(value, "recovered", dependency->recovered);
    recovery->failed_before = before(value, "failed", dependency->failed + dependency->expired);
}

bool recovery_resume(struct recovery *recovery, const char *value, const struct snapshot_dependency *dependency)
{
    char mark[HG_NAME_MAX + 20];
    snprintf(mark, sizeof(mark), "\"dependency\":\"%s\"", dependency->name);
    const char *timeline = strstr(value, "\"timeline\":[");
    const char *end = strrchr(value, ']');
    int64_t number = 0, began_ms = 0;
    if (strstr(value, mark) == NULL || strstr(value, "\"ended_ms\":null") == NULL || timeline == NULL || end == NULL ||
        !number_after(value, "\"number\":", &number) || !number_after(value, "\"began_ms\":", &began_ms)) {
        return false;
    }
    timeline += strlen("\"timeline\":[");
    recovery_begin(recovery, number, began_ms * US_IN_MS, "", dependency);
    const char *cause = strstr(value, "\"cause\":\"");
    if (cause != NULL) {
        cause += strlen("\"cause\":\"");
        snprintf(recovery->cause, sizeof(recovery->cause), "%.*s", (int)strcspn(cause, "\"\\"), cause);
    }
    take_counts(recovery, value, dependency);
    char *kept = end > timeline ? strndup(timeline, (size_t)(end - timeline)) : NULL;
    if (kept != NULL) {
        recovery->timeline = kept;
        recovery->timeline_size = strlen(kept);
    }
    return true;
}
