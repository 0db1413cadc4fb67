/* The whole state as pieces, and back. Each field is named once: the same walk writes it or reads it. */
#include "store/pack.h"
#include "store/state_internal.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_A_PIECE 1000
#define NOTES_A_PIECE   64
#define BUCKETS_LIMIT   (INT64_C(1) << 28)

enum piece { PIECE_POLICY, PIECE_RECORDS, PIECE_NOTES, PIECE_COUNT };

/* One of the two is set. */
struct archive {
    struct writer *writer;
    struct reader *reader;
};

static void field_int(struct archive *archive, int64_t *value)
{
    if (archive->writer != NULL) {
        put_int(archive->writer, *value);
    } else {
        *value = read_int(archive->reader);
    }
}

static int64_t field_within(struct archive *archive, int64_t value, int64_t low, int64_t high)
{
    field_int(archive, &value);
    if (value < low || value > high) {
        if (archive->reader != NULL) {
            archive->reader->failed = true;
        }
        return low;
    }
    return value;
}

static void field_size(struct archive *archive, size_t *value, size_t most)
{
    *value = (size_t)field_within(archive, (int64_t)*value, 0, (int64_t)most);
}

static void field_byte(struct archive *archive, uint8_t *value, int count)
{
    *value = (uint8_t)field_within(archive, *value, 0, count - 1);
}

static void field_bool(struct archive *archive, bool *value)
{
    if (archive->writer != NULL) {
        put_bool(archive->writer, *value);
    } else {
        *value = read_bool(archive->reader);
    }
}

static void field_text(struct archive *archive, char *text, size_t most)
{
    if (archive->writer != NULL) {
        put_text(archive->writer, text);
    } else {
        read_text(archive->reader, text, most);
    }
}

/* A text of its own, or NULL, which is kept as "". */
static void field_copy(struct archive *archive, char **text, size_t most)
{
    if (archive->writer != NULL) {
        put_text_cut(archive->writer, *text, most);
        return;
    }
    char *copy = read_copy(archive->reader, most);
    if (copy != NULL && copy[0] == '\0') {
        free(copy);
        copy = NULL;
    }
    *text = copy;
}

static void field_bucket(struct archive *archive, struct bucket *bucket)
{
    field_int(archive, &bucket->rate_milli);
    field_int(archive, &bucket->burst);
    field_int(archive, &bucket->tokens);
    field_int(archive, &bucket->rem);
    field_int(archive, &bucket->at_us);
}

static void field_cohort(struct archive *archive, struct cohort *cohort)
{
    int64_t *const counts[] = {&cohort->id,      &cohort->granted, &cohort->recovered, &cohort->failed,
                               &cohort->expired, &cohort->excused, &cohort->first_us,  &cohort->last_us};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        field_int(archive, counts[i]);
    }
    for (size_t i = 0; i < AGAIN_CLASSES; i++) {
        field_int(archive, &cohort->again[i]);
    }
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        cohort->histogram[i] = (int32_t)field_within(archive, cohort->histogram[i], 0, INT32_MAX);
    }
}

static void field_dependency(struct archive *archive, struct state_dependency *dependency)
{
    int64_t *const numbers[] = {&dependency->uid,           &dependency->in_flight_max,     &dependency->window,
                                &dependency->in_flight,     &dependency->reserve_burst,     &dependency->reserve_in_flight,
                                &dependency->cohort,        &dependency->excused_from_us,   &dependency->excused_to_us,
                                &dependency->spilled,       &dependency->granted,           &dependency->recovered,
                                &dependency->failed,        &dependency->expired};
    field_text(archive, dependency->name, HG_NAME_MAX);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        field_int(archive, numbers[i]);
    }
    field_bucket(archive, &dependency->ceiling);
    field_bucket(archive, &dependency->pace);
    field_bool(archive, &dependency->paced);
    dependency->phase = (enum phase)field_within(archive, dependency->phase, 0, PHASE_COUNT - 1);
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        field_cohort(archive, &dependency->cohorts[c]);
    }
}

static void field_line(struct archive *archive, struct state_line *line)
{
    int64_t *const numbers[] = {&line->tail,      &line->waiting,         &line->ready,        &line->granted,
                                &line->plan.base, &line->plan.rate_milli, &line->plan.from_us, &line->plan.until_us};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        field_int(archive, numbers[i]);
    }
}

static void field_fleet(struct archive *archive, struct state_fleet *fleet)
{
    int64_t *const numbers[] = {&fleet->lease_us,  &fleet->base_ms,        &fleet->max_ms,    &fleet->attempts,
                                &fleet->forget_us, &fleet->quarantine_max, &fleet->in_flight, &fleet->backoff,
                                &fleet->quarantined, &fleet->granted,      &fleet->recovered, &fleet->failed,
                                &fleet->expired,   &fleet->superseded};
    field_bool(archive, &fleet->used);
    if (!fleet->used) {
        return;
    }
    field_bool(archive, &fleet->gone);
    field_text(archive, fleet->name, HG_NAME_MAX);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        field_int(archive, numbers[i]);
    }
    field_size(archive, &fleet->need_count, HG_NEEDS_MAX);
    for (size_t n = 0; n < fleet->need_count; n++) {
        field_int(archive, &fleet->needs[n].dependency);
        field_int(archive, &fleet->needs[n].cost);
    }
    fleet->jitter = (enum hg_jitter)field_within(archive, fleet->jitter, 0, HG_JITTER_COUNT - 1);
    field_bool(archive, &fleet->paused);
    field_bool(archive, &fleet->held);
    for (size_t l = 0; l < LINE_COUNT; l++) {
        field_line(archive, &fleet->lines[l]);
    }
}

/* All but records and notes; the table's size too, so that a SWEEP walks it the same way afterwards. */
static void field_policy(struct archive *archive, struct state *state)
{
    int64_t *const numbers[] = {&state->last_us,           &state->offset_us,        &state->returned_us, &state->epoch,
                                &state->fence,             &state->generation,       &state->learning_until_us,
                                &state->longest_lease_us,  &state->leader,           &state->leader_until_us,
                                &state->leader_generation, &state->notes_version,    &state->next_uid};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        field_int(archive, numbers[i]);
    }
    state->now_us = state->last_us;
    field_text(archive, state->leader_id, LEADER_ID_MAX);
    field_size(archive, &state->dependency_count, HG_DEPENDENCIES_MAX);
    for (size_t d = 0; d < state->dependency_count; d++) {
        field_dependency(archive, &state->dependencies[d]);
    }
    for (size_t f = 0; f < STATE_FLEETS_MAX; f++) {
        field_fleet(archive, &state->fleets[f]);
    }
    field_size(archive, &state->fleet_count, HG_FLEETS_MAX);
    for (size_t f = 0; f < state->fleet_count; f++) {
        field_size(archive, &state->fleet_order[f], STATE_FLEETS_MAX - 1);
    }
    field_size(archive, &state->bucket_count, BUCKETS_LIMIT);
    field_size(archive, &state->sweep_cursor, (size_t)TIME_NEVER_US);
}

static void field_lease(struct archive *archive, struct lease *lease)
{
    field_int(archive, &lease->dependency);
    field_int(archive, &lease->cost);
    field_int(archive, &lease->cohort);
}

/* All but the name, the fleet, and what hangs on them. Returns when it is due. */
static int64_t field_record(struct archive *archive, struct record *record)
{
    int64_t *const numbers[] = {&record->number,     &record->failures, &record->fence,    &record->done_fence,
                                &record->granted_us, &record->since_us, &record->until_us, &record->failed_us};
    int64_t due_us = record->due_us;
    field_int(archive, &due_us);
    field_byte(archive, &record->state, INSTANCE_STATE_COUNT);
    field_byte(archive, &record->line, LINE_COUNT);
    field_byte(archive, &record->outcome, OUTCOME_COUNT);
    field_byte(archive, &record->done_outcome, OUTCOME_COUNT);
    field_bool(archive, &record->ready);
    field_bool(archive, &record->final);
    field_bool(archive, &record->superseded);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        field_int(archive, numbers[i]);
    }
    field_copy(archive, &record->boot_id, BOOT_ID_MAX);
    for (size_t i = 0; i < REASONS_KEPT; i++) {
        field_copy(archive, &record->reasons[i], REASON_MAX);
    }
    field_byte(archive, &record->lease_count, HG_NEEDS_MAX + 1);
    if (archive->reader != NULL && record->lease_count > 0) {
        record->leases = calloc(record->lease_count, sizeof(*record->leases));
        if (record->leases == NULL) {
            record->lease_count = 0;
            archive->reader->failed = archive->reader->no_memory = true;
        }
    }
    for (size_t i = 0; i < record->lease_count; i++) {
        field_lease(archive, &record->leases[i]);
    }
    return due_us;
}

static int hand_over(struct writer *writer, state_piece_fn on_piece, void *user_data)
{
    int status = writer->failed ? HG_E_NOMEM : writer->size == 0 ? 0 : on_piece(user_data, writer->data, writer->size);
    writer->size = 0;
    return status;
}

/* In the table's order, chain by chain, so that loading makes the same chains. */
static int dump_records(const struct state *state, struct writer *writer, state_piece_fn on_piece, void *user_data)
{
    struct archive archive = {.writer = writer};
    size_t count = 0;
    int status = 0;
    for (size_t b = 0; b < state->bucket_count && status == 0; b++) {
        for (struct record *record = state->buckets[b]; record != NULL && status == 0; record = record->next) {
            if (count++ % RECORDS_A_PIECE == 0) {
                status = hand_over(writer, on_piece, user_data);
                put_int(writer, PIECE_RECORDS);
            }
            put_int(writer, (int64_t)record->fleet);
            put_text(writer, record->instance);
            (void)field_record(&archive, record);
        }
    }
    return status != 0 ? status : hand_over(writer, on_piece, user_data);
}

static int dump_notes(const struct state *state, struct writer *writer, state_piece_fn on_piece, void *user_data)
{
    int status = 0;
    for (size_t i = 0; i < state->note_count && status == 0; i++) {
        if (i % NOTES_A_PIECE == 0) {
            status = hand_over(writer, on_piece, user_data);
            put_int(writer, PIECE_NOTES);
        }
        put_text(writer, state->notes[i].key);
        put_text(writer, state->notes[i].value);
        put_int(writer, state->notes[i].until_us);
    }
    return status != 0 ? status : hand_over(writer, on_piece, user_data);
}

int state_dump(struct state *state, state_piece_fn on_piece, void *user_data)
{
    struct writer writer = {0};
    struct archive archive = {.writer = &writer};
    put_int(&writer, PIECE_POLICY);
    field_policy(&archive, state);
    int status = hand_over(&writer, on_piece, user_data);
    if (status == 0) {
        status = dump_records(state, &writer, on_piece, user_data);
    }
    if (status == 0) {
        status = dump_notes(state, &writer, on_piece, user_data);
    }
    free(writer.data);
    return status;
}

static void load_policy(struct state *state, struct reader *reader)
{
    struct archive archive = {.reader = reader};
    field_policy(&archive, state);
    bool power_of_two = (state->bucket_count & (state->bucket_count - 1)) == 0;
    if (reader->failed || !power_of_two) {
        state->bucket_count = 0;
        reader->failed = true;
        return;
    }
    state->buckets = state->bucket_count == 0 ? NULL : calloc(state->bucket_count, sizeof(struct record *));
    if (state->buckets == NULL && state->bucket_count > 0) {
        state->bucket_count = 0;
        reader->failed = reader->no_memory = true;
    }
}

static void load_record(struct state *state, struct reader *reader)
{
    struct archive archive = {.reader = reader};
    char instance[HG_INSTANCE_MAX + 1];
    size_t fleet = (size_t)read_within(reader, 0, STATE_FLEETS_MAX - 1);
    read_text(reader, instance, HG_INSTANCE_MAX);
    if (reader->failed || state->bucket_count == 0 || !state->fleets[fleet].used) {
        reader->failed = true;
        return;
    }
    struct record *record = record_append(state, fleet, instance);
    if (record == NULL) {
        reader->failed = reader->no_memory = true;
        return;
    }
    int64_t due_us = field_record(&archive, record);
    if (!reader->failed && !record_set_due(state, record, due_us)) {
        reader->failed = reader->no_memory = true;
    }
}

static void load_note(struct state *state, struct reader *reader)
{
    if (state->notes == NULL) {
        state->notes = calloc(NOTES_MAX, sizeof(*state->notes));
    }
    if (state->notes == NULL || state->note_count == NOTES_MAX) {
        reader->failed = true;
        reader->no_memory = state->notes == NULL;
        return;
    }
    struct note *note = &state->notes[state->note_count++];
    note->key = read_copy(reader, NOTE_KEY_MAX);
    note->value = read_copy(reader, NOTE_VALUE_MAX);
    note->until_us = read_int(reader);
}

int state_load(struct state *state, const unsigned char *data, size_t size)
{
    struct reader reader = {.at = data, .left = size};
    enum piece piece = (enum piece)read_within(&reader, 0, PIECE_COUNT - 1);
    if (piece == PIECE_POLICY && !reader.failed) {
        load_policy(state, &reader);
    }
    while (piece != PIECE_POLICY && reader.left > 0 && !reader.failed) {
        if (piece == PIECE_RECORDS) {
            load_record(state, &reader);
        } else {
            load_note(state, &reader);
        }
    }
    if (reader.no_memory) {
        return HG_E_NOMEM;
    }
    return reader.failed || reader.left > 0 ? HG_E_STORE_CORRUPT : 0;
}
