/* Probes: whether a dependency answers, asked again and again.
 *
 * The story of one attempt: the probe's timer fires; the probe starts a check of its kind (check.h: tcp,
 * http, dns, redis, exec, a file each) and a timer for its timeout; the check finds out and says so, or the
 * timeout ends it and the check says what it was waiting for; its verdict goes through the rise and fall
 * counts (probe_state.h); the callback gets the report, one an attempt; the check's handles close; the timer
 * fires again, one interval after the last start, give or take the jitter. At most one attempt is under way.
 *
 * Only kinds that can tell report a gauge. A gauge that cannot be read takes nothing from "up": the text says
 * why there is none.
 *
 * Whatever a name resolves to is asked for anew in every attempt, never cached: that a record has been
 * emptied shows at the next attempt. Nothing here blocks the loop. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "headgate/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define PROBE_TEXT_MAX     256         /* bytes of a report's text, its NUL included */
#define PROBE_BODY_MAX     (64 * 1024) /* bytes read of an http body */
#define PROBE_OUTPUT_MAX   4096        /* bytes looked at of a command's output */
#define PROBE_DELAY_MIN_MS 10          /* between two starts, whatever the jitter */

enum probe_verdict {
    PROBE_VERDICT_UP,
    PROBE_VERDICT_UNREACHABLE,  /* refused, reset, no route: somebody said no */
    PROBE_VERDICT_SILENT,       /* no answer within the timeout */
    PROBE_VERDICT_BAD_ANSWER,   /* an answer, but not the one expected */
    PROBE_VERDICT_NO_ADDRESSES, /* the resolver answers, and the name has no addresses, or too few */
    PROBE_VERDICT_NO_RESOLVER,  /* the resolver does not answer: nothing is known of the name */
    PROBE_VERDICT_NOT_TRIED,    /* the controller itself could not try (memory, descriptors) */
    PROBE_VERDICT_COUNT
};

struct probe_report {
    bool known;   /* enough answers in a row were seen to say up or down */
    bool up;      /* after rise and fall; false until known */
    bool changed; /* this attempt made it known, or moved `up` */
    bool last_ok; /* of this attempt alone */
    enum probe_verdict verdict;
    int64_t latency_us; /* of this attempt, until its verdict */
    bool has_gauge;
    int64_t gauge;    /* micro-units */
    const char *text; /* why, in one line of printable ASCII; valid during the call */
};

/* Called from the loop after every attempt. */
typedef void (*probe_result_fn)(void *user_data, const struct probe_report *report);

struct probe_options {
    uv_loop_t *loop;
    const struct hg_probe *probe; /* copied */
    uint64_t seed;
    probe_result_fn on_result;
    void *user_data;
};

struct probe;

/* Starts probing: the first attempt within the jitter, soon. 0, HG_E_NOMEM, or HG_E_INVALID for settings that
 * no policy could have (no target, an interval below a millisecond). */
int probe_create(const struct probe_options *options, struct probe **ret_probe)
    __attribute__((warn_unused_result));

/* Stops at once, also in mid-attempt and from inside the callback, which is not called any more; `on_closed`
 * (or NULL) is called from the loop when everything is closed. NULL is fine, but then nothing is called. */
void probe_destroy(struct probe *probe, void (*on_closed)(void *user_data), void *user_data);

/* Stable lower-case name, such as "no_addresses". */
const char *probe_verdict_name(enum probe_verdict verdict);

#endif
