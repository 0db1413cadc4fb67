#include "command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 40
#define LOOK_MS  10

static int command_number;

void command_start(struct command *command, const char *directory, const char *const *argv)
{
    const char *full[ARGS_MAX] = {HEADGATE_BINARY};
    size_t count = 1;
    for (size_t i = 0; argv[i] != NULL && count < ARGS_MAX - 1; i++) {
        full[count++] = argv[i];
    }
    full[count] = NULL;
    *command = (struct command){.process = {.pid = 0}};
    snprintf(command->log, sizeof(command->log), "%s/output-%d", directory, command_number++);
    if (chdir(directory) != 0 || server_start_logged(&command->process, full, 0, command->log) != 0) {
        perror(directory);
        abort();
    }
}

static void show(const struct command *command)
{
    char line[1024];
    FILE *file = fopen(command->log, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        fputs(line, stderr);
    }
    if (file != NULL) {
        fclose(file);
    }
}

int command_wait(struct command *command)
{
    int code = server_wait(&command->process, COMMAND_WAIT_MS);
    if (code < 0) {
        fprintf(stderr, "the command has not ended in time; it said:\n");
        show(command);
        abort();
    }
    return code;
}

int command_run(struct command *command, const char *directory, const char *const *argv)
{
    command_start(command, directory, argv);
    return command_wait(command);
}

void command_stop(struct command *command)
{
    if (command->process.pid > 0) {
        server_signal(&command->process, SIGKILL);
        (void)server_wait(&command->process, COMMAND_WAIT_MS);
    }
}

int command_count_said(const struct command *command, const char *words)
{
    char line[1024];
    int count = 0;
    FILE *file = fopen(command->log, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        count += strstr(line, words) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

bool command_said(const struct command *command, const char *words)
{
    return command_count_said(command, words) > 0;
}

void command_wait_said(const struct command *command, const char *words)
{
    int64_t deadline_ms = server_now_ms() + COMMAND_WAIT_MS;
    while (!command_said(command, words)) {
        if (server_now_ms() >= deadline_ms) {
            fprintf(stderr, "it never said '%s', but:\n", words);
            show(command);
            abort();
        }
        server_pause(LOOK_MS);
    }
}

void file_touch(const char *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        abort();
    }
    fclose(file);
}

static int count_lines(const char *directory, const char *name, const char *wanted)
{
    char path[512], line[1024];
    int count = 0;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        count += wanted == NULL || strcmp(line, wanted) == 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

int file_count_lines(const char *directory, const char *name)
{
    return count_lines(directory, name, NULL);
}

int file_count(const char *directory, const char *name, const char *line)
{
    return count_lines(directory, name, line);
}

void file_wait_lines(const char *directory, const char *name, int count)
{
    int64_t deadline_ms = server_now_ms() + COMMAND_WAIT_MS;
    while (count_lines(directory, name, NULL) < count) {
        if (server_now_ms() >= deadline_ms) {
            fprintf(stderr, "%s/%s has never had %d lines\n", directory, name, count);
            abort();
        }
        server_pause(LOOK_MS);
    }
}
