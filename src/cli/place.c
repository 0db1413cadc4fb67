#include "cli/place.h"
#include "cli/notify.h"
#include "cli/text.h"
#include "host/clock.h"

#include <stdio.h>
#include <string.h>

#define SAY_US          INT64_C(60000000) /* between two lines where nobody watches */
#define TICK_US         INT64_C(1000000)
#define NOTIFY_SPARE_US INT64_C(30000000) /* beyond the next ask, for its answer to come */

void cli_place_begin(struct cli_place *place, const struct cli_command *command, const char *fleet,
                     const char *instance, int64_t now_us)
{
    *place = (struct cli_place){
        .command = command, .fleet = fleet, .instance = instance, .began_us = now_us, .said_state = -1};
}

void cli_place_set(struct cli_place *place, const struct hg_permit *permit, int64_t now_us)
{
    place->permit = *permit;
    place->away = false;
    place->set_us = now_us;
}

void cli_place_set_error(struct cli_place *place, const char *error, int64_t now_us)
{
    snprintf(place->error, sizeof(place->error), "%s", error);
    place->away = true;
    place->set_us = now_us;
}

/* What is left of a time that was told with the last answer. */
static int64_t left_us(const struct cli_place *place, int64_t told_us)
{
    int64_t left = told_us - (clock_monotonic_us() - place->set_us);
    return left > 0 ? left : 0;
}

/* What keeps it, in a few words; "" when the place in line says all. */
static void say_why(const struct hg_permit *permit, char *text, size_t size)
{
    const char *dependency = permit->dependency[0] == '\0' ? "a dependency" : permit->dependency;
    text[0] = '\0';
    if (strcmp(permit->limit, "paused") == 0) {
        snprintf(text, size, "; paused by an operator");
    } else if (strcmp(permit->limit, "after") == 0) {
        snprintf(text, size, "; another fleet comes first");
    } else if (permit->state == HG_PERMIT_BLOCKED) {
        snprintf(text, size, "; %s is blocked", dependency);
    } else if (strcmp(permit->limit, "rate") == 0 || strcmp(permit->limit, "pace") == 0) {
        snprintf(text, size, "; the next token of %s is a moment away", dependency);
    } else if (strcmp(permit->limit, "in_flight") == 0 || strcmp(permit->limit, "window") == 0) {
        snprintf(text, size, "; no room in flight to %s", dependency);
    }
}

const char *cli_place_text(struct cli_place *place)
{
    char why[160], count[32], time[48], eta[64] = "";
    const struct hg_permit *permit = &place->permit;
    if (place->away) {
        snprintf(place->text, sizeof(place->text), "%s", place->error);
        return place->text;
    }
    if (permit->state == HG_PERMIT_BACKOFF) {
        snprintf(place->text, sizeof(place->text), "it failed before; its backoff lasts another %s",
                 cli_time_text(left_us(place, permit->retry_after_us), time, sizeof(time)));
        return place->text;
    }
    say_why(permit, why, sizeof(why));
    if (permit->eta_us >= 0) {
        snprintf(eta, sizeof(eta), ", about %s",
                 cli_time_text(left_us(place, permit->eta_us), time, sizeof(time)));
    }
    if (permit->position > 0) {
        snprintf(place->text, sizeof(place->text), "%s before it%s%s",
                 cli_count_text(permit->position, count, sizeof(count)), eta, why);
    } else {
        bool held = strcmp(permit->limit, "after") == 0 || strcmp(permit->limit, "paused") == 0;
        snprintf(place->text, sizeof(place->text), "%s%s%s", held ? "next in line" : "its turn has come", eta, why);
    }
    return place->text;
}

static void draw(struct cli_place *place, int columns)
{
    char line[1280], waited[48];
    const char *state = place->away ? "no answer" : hg_permit_state_name(place->permit.state);
    int64_t waited_us = clock_monotonic_us() - place->began_us;
    snprintf(line, sizeof(line), "%s/%s %s: %s (%s so far)", place->fleet, place->instance, state,
             cli_place_text(place), cli_time_text(waited_us, waited, sizeof(waited)));
    fprintf(stderr, "\r\033[K%.*s", columns - 1, line);
    fflush(stderr);
    place->drawn = true;
}

static void say(struct cli_place *place, int64_t now_us)
{
    int state = place->away ? HG_PERMIT_STATE_COUNT : (int)place->permit.state;
    if (place->spoken && state == place->said_state && now_us - place->said_us < SAY_US) {
        return;
    }
    fprintf(stderr, "headgate %s: %s/%s %s: %s\n", place->command->name, place->fleet, place->instance,
            place->away ? "waits" : hg_permit_state_name(place->permit.state), cli_place_text(place));
    fflush(stderr);
    place->spoken = true;
    place->said_state = state;
    place->said_us = now_us;
}

void cli_place_wait(struct cli_place *place, int64_t until_us)
{
    char status[1100];
    int64_t now_us = clock_monotonic_us();
    snprintf(status, sizeof(status), "%s: %s",
             place->away ? "waits" : hg_permit_state_name(place->permit.state), cli_place_text(place));
    cli_notify(status, (until_us > now_us ? until_us - now_us : 0) + NOTIFY_SPARE_US);
    while (now_us < until_us) {
        int columns = cli_terminal_columns(stderr);
        if (columns > 0) {
            draw(place, columns);
        } else {
            say(place, now_us);
        }
        cli_sleep_us(until_us - now_us < TICK_US ? until_us - now_us : TICK_US);
        now_us = clock_monotonic_us();
    }
}

void cli_place_clear(struct cli_place *place)
{
    if (place->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        place->drawn = false;
    }
}
