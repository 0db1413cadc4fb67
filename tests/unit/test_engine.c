/* The engine against the reference state in virtual time: stories with a fixed course, told by their log lines. */
#include "story.h"

#include "check_main.h"

#define PROBED(name, rate, max)                                                                                       \
    "\"" name "\":{\"probes\":[{\"tcp\":\"h:1\"}],\"request_timeout\":\"2s\",\"bucket\":{\"rate\":" rate             \
    ",\"burst\":50},\"in_flight\":{\"max\":" max "}}"
#define FLEET(name, more) "\"" name "\":{\"size\":400,\"needs\":{\"db\":1},\"lease\":\"30s\"" more "}"
#define POLICY(dependencies, fleets) "{\"policy\":\"p\",\"dependencies\":{" dependencies "},\"fleets\":{" fleets "}}"

static const char simple[] = POLICY(PROBED("db", "100", "60"), FLEET("web", ""));
static const struct herd_options fleet_of_400 = {.fleet = "web", .count = 400, .arrive_us = WORLD_SECOND,
                                                 .work_min_us = WORLD_SECOND, .work_max_us = 2 * WORLD_SECOND};

static void release(struct story *story, const struct herd_options *options)
{
    herds_release(&story->herds, story->world, options, story->world->now_us);
}

static struct op about(enum op_kind kind, const char *instance)
{
    return (struct op){.kind = kind, .fleet = "web", .instance = instance, .boot_id = "", .reason = ""};
}

/* The log with the numbers that depend on timing left out. */
static const char *course(const char *log)
{
    static char out[STORY_LOG_MAX];
    size_t used = 0;
    for (const char *at = log; *at != '\0' && used + 1 < sizeof(out); at++) {
        bool digit = *at >= '0' && *at <= '9';
        if (!digit) {
            out[used++] = *at;
        } else if (used == 0 || out[used - 1] != '#') {
            out[used++] = '#';
        }
    }
    out[used] = '\0';
    return out;
}

START_TEST(test_outage_and_return)
{
    struct story *story = story_begin(simple, 1, " leader phase recovery probe store ");
    world_probe(story->world, 0, false, "connection refused");
    story_pass(story, 1);
    release(story, &fleet_of_400);
    story_pass(story, 18);
    ck_assert_uint_ge(story->world->grant_count, 2); /* canaries: one each ten seconds, then twenty */
    ck_assert_uint_le(story->world->grant_count, 3);
    ck_assert_int_eq(story->herds.quarantined, 0);
    story_pass(story, 42); /* they come back well: the probe did not tell the truth */
    ck_assert_ptr_nonnull(strstr(story->log, "from=blocked to=probing cohort=3 why=\"3 canaries came back well"));
    ck_assert_uint_gt(story->world->grant_count, 10);
    story_end(story);
    /* Canaries do not come back: the probe told the truth. */
    story = story_begin(simple, 1, " leader phase recovery probe store ");
    struct herd_options many = fleet_of_400;
    many.count = 1000;
    story->herds.down = true;
    world_probe(story->world, 0, false, "connection refused");
    story_pass(story, 1);
    release(story, &many);
    story_pass(story, 119);
    ck_assert_uint_le(story->world->grant_count, 8);
    story->herds.down = false;
    world_probe(story->world, 0, true, "connected");
    story_pass(story, 300);
    ck_assert_int_eq(story->herds.recovered, 1000);
    ck_assert_str_eq(
        course(story->log),
        "store up=true detail=\"in the world\"\n"
        "leader policy=p leading=true number=#\n"
        "probe policy=p dependency=db up=true why=\"answers\"\n"
        "probe policy=p dependency=db up=false why=\"connection refused\"\n"
        "phase policy=p dependency=db from=idle to=blocked cohort=# why=\"connection refused\"\n"
        "recovery policy=p dependency=db number=# state=began seconds=#.#\n"
        "probe policy=p dependency=db up=true why=\"connected\"\n"
        "phase policy=p dependency=db from=blocked to=probing cohort=# why=\"the dependency is back\"\n"
        "phase policy=p dependency=db from=probing to=ramping cohort=# why=\"# of # canaries came back well\"\n"
        "phase policy=p dependency=db from=ramping to=steady cohort=# why=\"the window has reached its ceiling of #\"\n"
        "phase policy=p dependency=db from=steady to=idle cohort=# why=\"nobody waits\"\n"
        "recovery policy=p dependency=db number=# state=ended seconds=#.#\n");
    story_end(story);
}
END_TEST

START_TEST(test_the_same_seed_the_same_story)
{
    static char first[STORY_LOG_MAX];
    for (int run = 0; run < 2; run++) {
        struct story *story = story_begin(simple, 2, " leader phase limit recovery ");
        release(story, &fleet_of_400);
        story_pass(story, 120);
        if (run == 0) {
            memcpy(first, story->log, sizeof(first));
        } else {
            ck_assert_str_eq(first, story->log);
        }
        story_end(story);
    }
}
END_TEST

START_TEST(test_power_cycled_under_a_healthy_dependency)
{
    struct story *story = story_begin(simple, 1, " phase ");
    release(story, &fleet_of_400);
    story_pass(story, 1);
    ck_assert_uint_le(story->world->grant_count, 20); /* first window, and what passed before the crowd was seen */
    story_pass(story, 200);
    ck_assert_int_eq(story->herds.recovered, 400);
    ck_assert_int_le(story->world->in_flight_peak[0], 60);
    ck_assert_str_eq(course(story->log),
                     "phase policy=p dependency=db from=idle to=probing cohort=# why=\"a crowd: # in line, # in flight\"\n"
                     "phase policy=p dependency=db from=probing to=ramping cohort=# why=\"# of # canaries came back well\"\n"
                     "phase policy=p dependency=db from=ramping to=steady cohort=# "
                     "why=\"the window has reached its ceiling of #\"\n"
                     "phase policy=p dependency=db from=steady to=idle cohort=# why=\"nobody waits\"\n");
    struct op op = {.kind = OP_NOTE_LIST, .key = "recovery/", .count = 10};
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_uint_eq(story->reply.note_count, 1);
    ck_assert_ptr_nonnull(strstr(story->notes, "{\"number\":1,\"dependency\":\"db\",\"policy\":\"p\",\"began_ms\":"));
    ck_assert_ptr_null(strstr(story->notes, "\"ended_ms\":null"));
    static const char *const timeline[] = {"\"phase\":\"probing\",\"why\":\"a crowd", "\"phase\":\"ramping\"",
                                           "\"phase\":\"steady\"", "\"phase\":\"idle\",\"why\":\"nobody waits\""};
    const char *at = strstr(story->notes, "\"timeline\":[");
    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, timeline[i]);
        ck_assert_ptr_nonnull(at);
    }
    story_end(story);
}
END_TEST

START_TEST(test_one_that_always_fails)
{
    struct story *story = story_begin(POLICY(PROBED("db", "100", "60"),
                                             FLEET("web", ",\"backoff\":{\"base\":\"1s\",\"max\":\"2s\",\"attempts\":4}")),
                                      1, " phase ");
    struct herd_options sound = fleet_of_400, broken = fleet_of_400;
    sound.count = 100;
    broken.count = 1;
    broken.fail_permille = 1000;
    release(story, &sound);
    release(story, &broken);
    story_pass(story, 300);
    ck_assert_int_eq(story->herds.recovered, 100);
    ck_assert_int_eq(story->herds.quarantined, 1);
    const char *name = story->herds.members[100].name;
    struct op op = about(OP_GET, name);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->reply.state, INSTANCE_QUARANTINED);
    ck_assert_int_eq(story->reply.attempt, 5);
    for (int i = 0; i < REASONS_KEPT; i++) {
        ck_assert_str_eq(story->reply.reasons[i], "did not start");
    }
    op = about(OP_ACQUIRE, name);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_QUARANTINED);
    op = about(OP_RELEASE, name);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.status, 0);
    op = about(OP_ACQUIRE, name);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED);
    story_end(story);
}
END_TEST

/* Down three minutes in the middle of it, seen by the probe or by outcomes alone. */
START_TEST(test_an_outage_quarantines_nobody)
{
    struct story *story = story_begin(POLICY(PROBED("db", "100", "60"),
                                             FLEET("web", ",\"backoff\":{\"base\":\"1s\",\"max\":\"4s\",\"attempts\":3}")),
                                      1, " phase ");
    release(story, &fleet_of_400);
    story_pass(story, 12);
    ck_assert_int_gt(story->herds.recovered, 20);
    story->herds.down = true;
    if (_i == 0) {
        story_pass(story, 2);
        world_probe(story->world, 0, false, "timed out");
    }
    story_pass(story, 180);
    story->herds.down = false;
    world_probe(story->world, 0, true, "answers");
    story_pass(story, 900);
    ck_assert_int_eq(story->herds.quarantined, 0);
    ck_assert_int_eq(story->herds.recovered, 400);
    ck_assert_ptr_nonnull(strstr(story->log, _i == 0 ? "to=blocked" : "to=frozen"));
    story_end(story);
}
END_TEST

START_TEST(test_a_poison_fleet_does_not_stop_the_ramp_for_good)
{
    struct story *story = story_begin(
        POLICY(PROBED("db", "100", "60"),
               FLEET("web", "") "," FLEET("bad", ",\"backoff\":{\"base\":\"1s\",\"max\":\"2s\",\"attempts\":3}")),
        1, " phase ");
    struct herd_options bad = fleet_of_400;
    bad.fleet = "bad";
    bad.fail_permille = 1000;
    bad.work_min_us = bad.work_max_us = 100000;
    release(story, &bad);
    release(story, &fleet_of_400);
    story_pass(story, 600);
    ck_assert_int_eq(story->herds.recovered, 400);
    ck_assert_int_gt(story->herds.quarantined, 300);
    ck_assert_ptr_nonnull(strstr(story->log, "to=ramping"));
    story_end(story);
}
END_TEST

START_TEST(test_the_leader_dies)
{
    struct story *story = story_begin(simple, 2, " leader ");
    struct herd_options options = fleet_of_400;
    options.count = 2000;
    options.work_min_us = options.work_max_us = 300000;
    release(story, &options);
    story_pass(story, 20);
    size_t leader = story->world->snapshot.leader_id[1] == '0' ? 0 : 1;
    int64_t number = story->world->snapshot.leader;
    world_kill(story->world, leader);
    story_pass(story, 2.6);
    ck_assert_int_eq(story->world->snapshot.leader, number + 1);
    ck_assert_int_eq(story->world->snapshot.leader_id[1], leader == 0 ? '1' : '0');
    story_pass(story, 200);
    ck_assert_int_ge(story->herds.recovered, 1990); /* those whose answer died with it come when their lease is over */
    int64_t gap_us = 0;
    for (size_t i = 1; i < story->world->grant_count && i < 1500; i++) {
        int64_t span_us = story->world->grants[i].at_us - story->world->grants[i - 1].at_us;
        gap_us = span_us > gap_us ? span_us : gap_us;
    }
    ck_assert_int_le(gap_us, 3 * WORLD_SECOND);
    ck_assert_int_le(world_excess(story->world, 100000, 50), 0);
    ck_assert_int_eq(story->world->in_flight_over, 0);
    story_end(story);
}
END_TEST

START_TEST(test_the_leader_resigns)
{
    struct story *story = story_begin(simple, 2, " leader ");
    size_t leader = story->world->snapshot.leader_id[1] == '0' ? 0 : 1;
    world_resign(story->world, leader);
    story_pass(story, 0.7); /* no need to wait until the lock runs out */
    ck_assert_int_eq(story->world->snapshot.leader_id[1], leader == 0 ? '1' : '0');
    struct op op = about(OP_ACQUIRE, "i1");
    ck_assert(story_ask(story, leader, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED);
    story_pass(story, 5);
    ck_assert_int_eq(story->world->snapshot.leader_id[1], leader == 0 ? '1' : '0');
    ck_assert_str_eq(strstr(story->log, "leading=false") == NULL ? "" : "lost", "lost");
    story_end(story);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_outage_and_return);
    tcase_add_test(tcase, test_the_same_seed_the_same_story);
    tcase_add_test(tcase, test_power_cycled_under_a_healthy_dependency);
    tcase_add_test(tcase, test_one_that_always_fails);
    tcase_add_loop_test(tcase, test_an_outage_quarantines_nobody, 0, 2);
    tcase_add_test(tcase, test_a_poison_fleet_does_not_stop_the_ramp_for_good);
    tcase_add_test(tcase, test_the_leader_dies);
    tcase_add_test(tcase, test_the_leader_resigns);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
