/* exec: whether a command ends with status 0. It runs in a process group of its own, which is killed as a
 * whole when the attempt is over, so that nothing it started outlives it. */
#include "probe/check.h"
#include "headgate/errors.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 512

struct check_exec {
    struct check check;
    uv_timer_t begin; /* spawns from the loop, so that a failure to is said from there too */
    uv_process_t process;
    uv_pipe_t output;
    pid_t group;  /* 0: none runs */
    bool spawned; /* process is a handle */
    bool closing;
    size_t handle_count;
    size_t text_size;
    char text[PROBE_OUTPUT_MAX];
    char discard[READ_SIZE]; /* output beyond the bound is read, so that the command never blocks, and dropped
                              */
};

static void handle_closed_cb(uv_handle_t *handle)
{
    struct check_exec *exec = handle->data;
    if (--exec->handle_count == 0) {
        check_closed(&exec->check);
    }
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct check_exec *exec = handle->data;
    (void)suggested;
    size_t room = sizeof(exec->text) - exec->text_size;
    *ret_buffer = room > 0 ? uv_buf_init(exec->text + exec->text_size, (unsigned)room)
                           : uv_buf_init(exec->discard, sizeof(exec->discard));
}

static void read_cb(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct check_exec *exec = stream->data;
    if (size < 0) {
        (void)uv_read_stop(stream);
    } else if (buffer->base != exec->discard) {
        exec->text_size += (size_t)size;
    }
}

/* The command's end can be known before its last words were read; they are in the pipe by then. */
static void read_rest(struct check_exec *exec)
{
    int fd;
    if (uv_fileno((uv_handle_t *)&exec->output, &fd) != 0) {
        return;
    }
    while (exec->text_size < sizeof(exec->text)) {
        ssize_t size = read(fd, exec->text + exec->text_size, sizeof(exec->text) - exec->text_size);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return;
        }
        exec->text_size += (size_t)size;
    }
}

static int first_line_size(const struct check_exec *exec)
{
    const char *end = memchr(exec->text, '\n', exec->text_size);
    size_t size = end != NULL ? (size_t)(end - exec->text) : exec->text_size;
    return size < PROBE_TEXT_MAX ? (int)size : PROBE_TEXT_MAX;
}

static void kill_group(struct check_exec *exec)
{
    if (exec->group > 0) {
        (void)kill(-exec->group, SIGKILL);
        exec->group = 0;
    }
}

static void exit_cb(uv_process_t *process, int64_t exit_status, int signal_number)
{
    struct check_exec *exec = process->data;
    kill_group(exec);
    if (exec->closing) {
        uv_close((uv_handle_t *)process, handle_closed_cb);
        return;
    }
    (void)uv_read_stop((uv_stream_t *)&exec->output);
    read_rest(exec);
    struct check_result result;
    int size = first_line_size(exec);
    const char *colon = size > 0 ? ": " : "";
    if (signal_number != 0) {
        check_say(&result, PROBE_VERDICT_BAD_ANSWER, "exec: killed by signal %d%s%.*s", signal_number, colon,
                  size, exec->text);
    } else {
        check_say(&result, exit_status == 0 ? PROBE_VERDICT_UP : PROBE_VERDICT_BAD_ANSWER,
                  "exec: exit %lld%s%.*s", (long long)exit_status, colon, size, exec->text);
    }
    check_done(&exec->check, &result);
}

static int spawn(struct check_exec *exec)
{
    const struct hg_probe *probe = exec->check.options.probe;
    uv_file ends[2];
    int status = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);
    if (status != 0) {
        return status;
    }
    status = uv_pipe_open(&exec->output, ends[0]);
    if (status != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return status;
    }
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
                                     {.flags = UV_INHERIT_FD, .data.fd = ends[1]},
                                     {.flags = UV_INHERIT_FD, .data.fd = ends[1]}};
    uv_process_options_t options = {.exit_cb = exit_cb,
                                    .file = probe->argv[0],
                                    .args = probe->argv,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    /* hiredis and libcurl open sockets that a command would inherit. A kernel before 5.11 cannot mark them: harmless. */
    (void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    exec->spawned = true; /* a handle to close even when spawning fails */
    exec->handle_count++;
    status = uv_spawn(exec->check.options.loop, &exec->process, &options);
    exec->process.data = exec;
    (void)close(ends[1]);
    if (status == 0) {
        exec->group = exec->process.pid;
        status = uv_read_start((uv_stream_t *)&exec->output, alloc_cb, read_cb);
    }
    return status;
}

static void begin_cb(uv_timer_t *timer)
{
    struct check_exec *exec = timer->data;
    int status = spawn(exec);
    if (status != 0) {
        struct check_result result;
        check_say(&result, PROBE_VERDICT_NOT_TRIED, "exec: %s: %s", exec->check.options.probe->argv[0],
                  uv_strerror(status));
        check_done(&exec->check, &result);
    }
}

static int exec_start(const struct check_options *options, struct check **ret_check,
                      struct check_result *ret_result)
{
    struct check_exec *exec = calloc(1, sizeof(*exec));
    if (exec == NULL) {
        return check_not_tried(ret_result, "exec", HG_E_NOMEM);
    }
    exec->check.options = *options;
    (void)uv_timer_init(options->loop, &exec->begin);
    (void)uv_pipe_init(options->loop, &exec->output, 0);
    exec->begin.data = exec;
    exec->output.data = exec;
    exec->handle_count = 2;
    (void)uv_timer_start(&exec->begin, begin_cb, 0, 0);
    *ret_check = &exec->check;
    return 0;
}

static void exec_explain_silence(const struct check *check, struct check_result *ret_result)
{
    const struct check_exec *exec = (const struct check_exec *)check;
    int size = first_line_size(exec);
    check_say(ret_result, PROBE_VERDICT_SILENT, "exec: %s did not end in %lld ms and was killed%s%.*s",
              check->options.probe->argv[0], (long long)check_ms(check->options.probe->timeout_us),
              size > 0 ? ": " : "", size, exec->text);
}

static void exec_close(struct check *check, void (*on_closed)(void *user_data), void *user_data)
{
    struct check_exec *exec = (struct check_exec *)check;
    check->on_closed = on_closed;
    check->closed_data = user_data;
    exec->closing = true;
    bool runs = exec->group > 0;
    kill_group(exec);
    uv_close((uv_handle_t *)&exec->begin, handle_closed_cb);
    uv_close((uv_handle_t *)&exec->output, handle_closed_cb);
    /* A killed command is waited for (exit_cb closes the handle), or it would stay as a zombie. */
    if (exec->spawned && !runs) {
        uv_close((uv_handle_t *)&exec->process, handle_closed_cb);
    }
}

const struct check_ops check_exec_ops = {
    .name = "exec", .start = exec_start, .explain_silence = exec_explain_silence, .close = exec_close};
