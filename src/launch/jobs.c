/* The commands under way: as many as there are places, each with the last lines of what it writes.
 *
 * stdout and stderr are one pipe. A command's end is that of its process, whoever still holds the pipe: what
 * it left there is read, then the pipe is closed. */
#include "launch/relaunch_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/child.h"
#include "launch/words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE      16384
#define DRAIN_MAX      (1 << 20) /* bytes read after the end: more than a pipe holds */
#define SPAWN_PAUSE_US INT64_C(1000000)
#define KEEP_EACH      1024              /* bytes of a failed command's output */
#define KEEP_ALL       (4 * 1024 * 1024) /* of all of them */

int jobs_init(struct relaunch *relaunch)
{
    const char *output = relaunch->options->output;
    size_t count = (size_t)relaunch->options->parallel;
    relaunch->jobs = calloc(count, sizeof(*relaunch->jobs));
    if (relaunch->jobs == NULL) {
        return HG_E_NOMEM;
    }
    relaunch->job_count = count;
    for (size_t i = 0; i < relaunch->job_count; i++) {
        relaunch->jobs[i].unit = UNIT_NONE;
        relaunch->jobs[i].output = relaunch->jobs[i].log = -1;
    }
    if (output != NULL && mkdir(output, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "headgate relaunch: %s: %s\n", output, strerror(errno));
        return HG_E_IO;
    }
    return 0;
}

void jobs_finish(struct relaunch *relaunch)
{
    free(relaunch->jobs);
    relaunch->jobs = NULL;
}

static void keep(struct job *job, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        job->tail[(job->tail_size + i) % JOB_TAIL_MAX] = text[i];
    }
    job->tail_size += size;
    while (job->log >= 0 && size > 0) {
        ssize_t written = write(job->log, text, size);
        if (written <= 0 && errno != EINTR) {
            return; /* a full disk must not stop the fleet; what matters is in the tail */
        }
        text += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

/* Reads what is there; false at the end of the pipe. */
static bool drain(struct job *job, size_t most)
{
    char text[READ_SIZE];
    for (size_t done = 0; done < most;) {
        ssize_t size = read(job->output, text, sizeof(text));
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        if (size < 0 && errno == EAGAIN) {
            return true;
        }
        keep(job, text, size > 0 ? (size_t)size : 0);
        done += size > 0 ? (size_t)size : 0;
    }
    return true;
}

static void on_output_cb(uv_poll_t *poll, int status, int events)
{
    struct job *job = poll->data;
    (void)events;
    if (status < 0 || !drain(job, READ_SIZE)) {
        uv_poll_stop(poll);
    }
}

static void on_closed_cb(uv_handle_t *handle)
{
    struct job *job = handle->data;
    close(job->output);
    job->output = -1;
    job->closing = false;
}

/* The end of the ring, from the start of a line if it can be, without control characters; at most `most`
 * bytes. */
static char *copy_tail(const struct job *job, size_t most)
{
    size_t held = job->tail_size < JOB_TAIL_MAX ? job->tail_size : JOB_TAIL_MAX;
    size_t size = held < most ? held : most;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)job->tail[(job->tail_size - size + i) % JOB_TAIL_MAX];
        text[i] = byte == '\n' ? '\n' : byte < 0x20 || byte == 0x7f ? ' ' : (char)byte;
    }
    text[size] = '\0';
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' ')) {
        text[--size] = '\0';
    }
    char *line = size == 0 || held == job->tail_size ? NULL : strchr(text, '\n');
    if (line != NULL) {
        memmove(text, line + 1, strlen(line));
    }
    return text;
}

static void set_outcome(struct relaunch *relaunch, uint32_t index, const char *how, char *output)
{
    struct unit *unit = &relaunch->units.all[index];
    char reason[UNIT_REASON_MAX + 1];
    unit->recovered = how == NULL;
    free(unit->output);
    unit->output = NULL;
    if (how == NULL) {
        unit->settled_ms = relaunch_now_ms(relaunch);
        unit_set_reason(unit, NULL);
        free(output);
    } else {
        const char *last = output == NULL || output[0] == '\0' ? NULL : strrchr(output, '\n');
        last = last != NULL ? last + 1 : output;
        snprintf(reason, sizeof(reason), "%s%s%s", how, last == NULL || last[0] == '\0' ? "" : ": ",
                 last == NULL ? "" : last);
        unit_set_reason(unit, reason);
        bool room = output != NULL && relaunch->output_kept + strlen(output) <= KEEP_ALL;
        unit->output = room ? output : NULL;
        relaunch->output_kept += room ? strlen(output) : 0;
        if (!room) {
            free(output);
        }
        relaunch->units.failures++;
    }
    unit_set_state(&relaunch->units, index, UNIT_ENDED);
    relaunch_note(relaunch, how == NULL ? RELAUNCH_RECOVERED : RELAUNCH_FAILED, index);
    if (how != NULL) {
        screen_failure(relaunch, index);
    }
}

static void on_job_exit(struct relaunch *relaunch, struct job *job, int wait_status)
{
    char how[WORDS_MAX], after[WORDS_MAX], text[96];
    uint32_t index = job->unit;
    (void)drain(job, DRAIN_MAX);
    job->closing = true;
    job->unit = UNIT_NONE;
    job->pid = 0;
    uv_close((uv_handle_t *)&job->poll, on_closed_cb);
    if (job->log >= 0) {
        close(job->log);
        job->log = -1;
    }
    relaunch->running--;
    struct unit *unit = &relaunch->units.all[index];
    relaunch->output_kept -= unit->output != NULL ? strlen(unit->output) : 0;
    words_status(wait_status, how);
    snprintf(text, sizeof(text), "timed out after %s (%s)",
             words_duration(relaunch->options->timeout_us, after), how);
    bool failed = wait_status != 0 || job->timed_out;
    set_outcome(relaunch, index,
                !failed          ? NULL
                : job->timed_out ? text
                                 : how,
                failed ? copy_tail(job, KEEP_EACH) : NULL);
}

void jobs_on_exit(struct relaunch *relaunch, pid_t pid, int wait_status)
{
    for (size_t i = 0; i < relaunch->job_count; i++) {
        if (relaunch->jobs[i].unit != UNIT_NONE && relaunch->jobs[i].pid == pid) {
            on_job_exit(relaunch, &relaunch->jobs[i], wait_status);
            return;
        }
    }
}

/* `text` with every {} replaced; to be freed. */
static char *fill_in(const char *text, const char *name)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, "{}")) != NULL; at += 2) {
        count++;
    }
    char *filled = malloc(strlen(text) + count * strlen(name) + 1);
    char *end = filled;
    while (filled != NULL && *text != '\0') {
        if (text[0] == '{' && text[1] == '}') {
            end = stpcpy(end, name);
            text += 2;
        } else {
            *end++ = *text++;
        }
    }
    if (filled != NULL) {
        *end = '\0';
    }
    return filled;
}

static void free_argv(char **argv)
{
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        free(argv[i]);
    }
    free(argv);
}

static char **make_argv(const struct relaunch *relaunch, const char *name)
{
    size_t count = 0;
    while (relaunch->options->argv[count] != NULL) {
        count++;
    }
    char **argv = calloc(count + 1, sizeof(*argv));
    for (size_t i = 0; argv != NULL && i < count; i++) {
        argv[i] = fill_in(relaunch->options->argv[i], name);
        if (argv[i] == NULL) {
            free_argv(argv);
            return NULL;
        }
    }
    return argv;
}

static int spawn(struct relaunch *relaunch, struct job *job, uint32_t index, int null, int write_end)
{
    const struct unit *unit = &relaunch->units.all[index];
    const char *name = list_name(&relaunch->list, index);
    const struct child_permit permit = {
        .fleet = relaunch->options->fleet, .instance = name, .fence = unit->fence, .attempt = unit->attempt};
    char **argv = make_argv(relaunch, name), **env = child_env_make(&permit);
    const struct child_options options = {.argv = argv,
                                          .env = env,
                                          .mask = &relaunch->signals.before,
                                          .input = null,
                                          .output = write_end,
                                          .error = write_end,
                                          .own_session = true,
                                          .parent_death_signal = SIGTERM,
                                          .files = relaunch->files.rlim_max > 0 ? &relaunch->files : NULL};
    int status = argv == NULL || env == NULL ? -ENOMEM : child_spawn(&options, &job->pid);
    free_argv(argv);
    child_env_free(env);
    return status;
}

static int open_log(const struct relaunch *relaunch, uint32_t index)
{
    char path[4096];
    if (relaunch->options->output == NULL) {
        return -1;
    }
    int size = snprintf(path, sizeof(path), "%s/%s.log", relaunch->options->output,
                        list_name(&relaunch->list, index));
    return size < (int)sizeof(path) ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
}

/* 0, or the negative errno; nothing is left behind then. */
static int start_job(struct relaunch *relaunch, struct job *job, uint32_t index)
{
    int pipes[2];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || pipe2(pipes, O_CLOEXEC) != 0) {
        int error = errno;
        if (null >= 0) {
            close(null);
        }
        return -error;
    }
    int status = spawn(relaunch, job, index, null, pipes[1]);
    close(null);
    close(pipes[1]);
    if (status != 0) {
        close(pipes[0]);
        return status;
    }
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    job->output = pipes[0];
    job->log = open_log(relaunch, index);
    job->unit = index;
    job->tail_size = 0;
    job->timed_out = false;
    job->deadline_us = relaunch->options->timeout_us > 0
                           ? clock_monotonic_us() + relaunch->options->timeout_us
                           : RELAUNCH_NEVER_US;
    job->poll.data = job;
    uv_poll_init(&relaunch->loop, &job->poll, job->output);
    uv_poll_start(&job->poll, UV_READABLE, on_output_cb);
    relaunch->running++;
    return 0;
}

static bool is_shortage(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

static void fill_places(struct relaunch *relaunch, int64_t now_us)
{
    struct units *units = &relaunch->units;
    for (size_t i = 0; i < relaunch->job_count && now_us >= relaunch->spawn_us; i++) {
        struct job *job = &relaunch->jobs[i];
        uint32_t index = units_granted(units);
        if (index == UNIT_NONE || relaunch->stopping) {
            return;
        }
        if (job->unit != UNIT_NONE || job->closing) {
            continue;
        }
        int status = start_job(relaunch, job, index);
        if (is_shortage(-status)) {
            screen_say(relaunch, "no room for another command (%s): trying again", strerror(-status));
            relaunch->spawn_us = now_us + SPAWN_PAUSE_US;
            return;
        }
        units->all[index].attempts += units->all[index].fresh;
        units->all[index].fresh = false;
        relaunch_note(relaunch, RELAUNCH_GRANTED, index);
        if (status == 0) {
            unit_set_state(units, index, UNIT_RUNNING);
        } else {
            char how[96];
            snprintf(how, sizeof(how), "cannot start: %s", strerror(-status));
            set_outcome(relaunch, index, how, NULL);
        }
    }
}

void jobs_kill(struct relaunch *relaunch, int signal_number)
{
    for (size_t i = 0; i < relaunch->job_count; i++) {
        if (relaunch->jobs[i].unit != UNIT_NONE) {
            kill(-relaunch->jobs[i].pid, signal_number);
        }
    }
}

void jobs_pump(struct relaunch *relaunch, int64_t now_us)
{
    for (size_t i = 0; i < relaunch->job_count && relaunch->running > 0; i++) {
        struct job *job = &relaunch->jobs[i];
        if (job->unit != UNIT_NONE && now_us >= job->deadline_us) {
            kill(-job->pid, job->timed_out ? SIGKILL : SIGTERM);
            job->deadline_us = job->timed_out ? RELAUNCH_NEVER_US : now_us + RELAUNCH_KILL_US;
            job->timed_out = true;
        }
    }
    if (units_granted(&relaunch->units) != UNIT_NONE) {
        fill_places(relaunch, now_us);
    }
}
