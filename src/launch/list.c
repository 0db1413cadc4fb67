#include "launch/list.h"

#include "headgate/errors.h"
#include "headgate/policy.h"

#include "launch/lines.h"
#include "launch/words.h"

#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u
#define LINE_SIZE  4096
#define BLANKS     " \t\r\n\f\v"

static uint64_t fnv(uint64_t hash, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * FNV_PRIME;
    }
    return hash;
}

const char *list_name(const struct list *list, size_t index)
{
    return list->text + list->offsets[index];
}

/* Where `name` is in the table, or where it would be. */
static size_t slot_of(const struct list *list, const char *name)
{
    size_t slot = fnv(FNV_OFFSET, name, strlen(name)) & (list->table_size - 1);
    while (list->table[slot] != LIST_NONE && strcmp(list_name(list, list->table[slot]), name) != 0) {
        slot = (slot + 1) & (list->table_size - 1);
    }
    return slot;
}

uint32_t list_find(const struct list *list, const char *name)
{
    return list->table_size == 0 ? LIST_NONE : list->table[slot_of(list, name)];
}

uint64_t list_hash(const struct list *list)
{
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < list->count; i++) {
        hash = fnv(hash, list_name(list, i), strlen(list_name(list, i)) + 1);
    }
    return hash;
}

static bool grow_table(struct list *list)
{
    size_t size = list->table_size == 0 ? 1024 : list->table_size * 2;
    uint32_t *table = malloc(size * sizeof(*table));
    if (table == NULL) {
        return false;
    }
    memset(table, 0xff, size * sizeof(*table));
    free(list->table);
    list->table = table;
    list->table_size = size;
    for (size_t i = 0; i < list->count; i++) {
        list->table[slot_of(list, list_name(list, i))] = (uint32_t)i;
    }
    return true;
}

static bool grow(void **array, size_t *room, size_t wanted, size_t each)
{
    if (wanted <= *room) {
        return true;
    }
    size_t size = *room * 2 > wanted ? *room * 2 : wanted + 1023;
    void *grown = realloc(*array, size * each);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *room = size;
    return true;
}

static bool add(struct list *list, const char *name, uint32_t line)
{
    size_t size = strlen(name) + 1, lines_room = list->room;
    if ((list->count + 1) * 2 > list->table_size && !grow_table(list)) {
        return false;
    }
    if (!grow((void **)&list->text, &list->text_room, list->text_size + size, 1) ||
        !grow((void **)&list->lines, &lines_room, list->count + 1, sizeof(*list->lines)) ||
        !grow((void **)&list->offsets, &list->room, list->count + 1, sizeof(*list->offsets))) {
        return false;
    }
    memcpy(list->text + list->text_size, name, size);
    list->offsets[list->count] = (uint32_t)list->text_size;
    list->lines[list->count] = line;
    list->text_size += size;
    list->table[slot_of(list, name)] = (uint32_t)list->count;
    list->count++;
    return true;
}

struct reader {
    struct list *list;
    const char *file;
    FILE *errors;
    size_t wrong;
};

static void complain(struct reader *reader, uint32_t line, const char *name, const char *what)
{
    if (++reader->wrong <= LIST_ERRORS_MAX) {
        fprintf(reader->errors, "%s:%u: %.140s: %s\n", reader->file, line, name, what);
    }
}

/* The name on one line, NULL if there is none. */
static char *name_on(char *line)
{
    char *name = line + strspn(line, BLANKS);
    char *end = name + strcspn(name, "#");
    while (end > name && strchr(BLANKS, end[-1]) != NULL) {
        end--;
    }
    *end = '\0';
    return *name == '\0' ? NULL : name;
}

static int read_name(struct reader *reader, const char *name, uint32_t line)
{
    char what[160];
    uint32_t known = list_find(reader->list, name);
    if (strlen(name) > HG_INSTANCE_MAX) {
        snprintf(what, sizeof(what), "too long: an instance's name has at most %d bytes", HG_INSTANCE_MAX);
        complain(reader, line, name, what);
    } else if (strpbrk(name, BLANKS) != NULL) {
        complain(reader, line, name,
                 "more than one word: write one instance a line, and a comment behind a #");
    } else if (!words_instance_ok(name)) {
        complain(reader, line, name,
                 "no instance's name: use letters, digits and . _ : @ -, beginning with a letter or digit");
    } else if (known != LIST_NONE) {
        snprintf(what, sizeof(what), "named in line %u already; remove one of them",
                 reader->list->lines[known]);
        complain(reader, line, name, what);
    } else if (reader->list->count == LIST_MAX) {
        snprintf(what, sizeof(what), "too many: a list has at most %d instances; split it", LIST_MAX);
        complain(reader, line, name, what);
        return HG_E_POLICY;
    } else if (!add(reader->list, name, line)) {
        return HG_E_NOMEM;
    }
    return 0;
}

int list_read(FILE *file, const char *name, FILE *errors, struct list *ret_list)
{
    struct list list = {.text = NULL};
    struct reader reader = {&list, name, errors, 0};
    char line[LINE_SIZE];
    enum lines_end end = LINES_WHOLE;
    int status = 0;
    for (uint32_t number = 1; status == 0 && end == LINES_WHOLE; number++) {
        end = lines_read(file, line, sizeof(line));
        char *found = end == LINES_WHOLE || end == LINES_TORN ? name_on(line) : NULL;
        status = found == NULL ? 0 : read_name(&reader, found, number);
        if (end == LINES_OVERLONG) {
            complain(&reader, number, "?", "a line far too long, or a NUL byte: this is no list of names");
        }
    }
    if (status == 0 && ferror(file)) {
        status = HG_E_IO;
    }
    if (reader.wrong > LIST_ERRORS_MAX) {
        fprintf(errors, "%s: and %zu more\n", name, reader.wrong - LIST_ERRORS_MAX);
    } else if (status == 0 && reader.wrong == 0 && list.count == 0) {
        fprintf(errors, "%s: names no instance; write one a line\n", name);
        reader.wrong = 1;
    }
    status = status == 0 && reader.wrong > 0 ? HG_E_POLICY : status;
    if (status != 0) {
        list_finish(&list);
        return status;
    }
    *ret_list = list;
    return 0;
}

void list_finish(struct list *list)
{
    free(list->text);
    free(list->offsets);
    free(list->lines);
    free(list->table);
    memset(list, 0, sizeof(*list));
}
