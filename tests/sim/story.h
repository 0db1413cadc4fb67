/* A world with herds, its log kept, and direct questions answered: what the narratives about the engine are told with. */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include "herd.h"

#include <stdio.h>
#include <string.h>

#define STORY_LOG_MAX 65536

struct story {
    struct herds herds;
    struct world_user herd;
    struct world *world;
    char log[STORY_LOG_MAX]; /* lines "event text", of the events that are listened to */
    size_t log_size;
    const char *listen; /* names of events, each between spaces */
    bool answered;
    struct hg_answer answer; /* of the last direct question */
    struct op_reply reply;
    char notes[NOTE_VALUE_MAX]; /* values of listed notes, a line each */
};

#define DIRECT UINT32_MAX /* item of a direct question */

static void story_on_timer(void *user_data, struct world *world, uint64_t id, int tag)
{
    struct story *story = user_data;
    story->herd.on_timer(&story->herds, world, id, tag);
}

static void story_on_answer(void *user_data, struct world *world, uint64_t id, uint32_t item,
                            const struct hg_answer *answer)
{
    struct story *story = user_data;
    if (item != DIRECT) {
        story->herd.on_answer(&story->herds, world, id, item, answer);
        return;
    }
    story->answered = true;
    story->answer = *answer;
    memset(&story->reply, 0, sizeof(story->reply));
    story->notes[0] = '\0';
    if (answer->op != NULL) {
        story->reply = *answer->op;
        for (size_t i = 0; i < answer->op->note_count; i++) {
            size_t used = strlen(story->notes);
            snprintf(story->notes + used, sizeof(story->notes) - used, "%s\n", answer->op->notes[i].value);
        }
    }
}

static void story_on_log(void *user_data, struct world *world, size_t controller, const char *event, const char *text)
{
    struct story *story = user_data;
    char name[32];
    (void)world;
    (void)controller;
    snprintf(name, sizeof(name), " %s ", event);
    if (strstr(story->listen, name) != NULL && story->log_size + strlen(text) + 40 < sizeof(story->log)) {
        story->log_size += (size_t)snprintf(story->log + story->log_size, sizeof(story->log) - story->log_size, "%s %s\n",
                                            event, text);
    }
}

static struct story *story_begin(const char *policy, size_t controllers, const char *listen)
{
    static struct story story;
    memset(&story, 0, sizeof(story));
    story.herd = herds_user(&story.herds);
    story.listen = listen;
    struct world_options options = {
        .policy = policy, .controllers = controllers, .store_rtt_us = 2000, .seed = 11,
        .user = {.on_timer = story_on_timer, .on_answer = story_on_answer, .on_log = story_on_log, .user_data = &story}};
    story.world = world_create(&options);
    world_run(story.world, 5 * WORLD_SECOND);
    return &story;
}

static void story_end(struct story *story)
{
    world_destroy(story->world);
    herds_finish(&story->herds);
}

static inline void story_pass(struct story *story, double seconds)
{
    world_run(story->world, story->world->now_us + (int64_t)(seconds * 1e6));
}

/* One question to one controller, and its answer; false if there is none within ten seconds. */
static inline bool story_ask(struct story *story, size_t controller, const struct op *op, const char *ticket)
{
    struct hg_request request = {.item = DIRECT, .op = *op, .ticket = ticket};
    story->answered = false;
    if (!world_request(story->world, controller, &request)) {
        return false;
    }
    for (int i = 0; i < 1000 && !story->answered; i++) {
        story_pass(story, 0.01);
    }
    return story->answered;
}

#endif
