/* The daemon's log: one line an event, logfmt or JSON, to stderr. Control characters never get through, so no
 * caller can forge a line. */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 4096 /* bytes; longer ones are cut */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_COUNT };

void log_init(bool json);

/* `event` is a stable name; `text` holds logfmt pairs: key=value or key="value". */
void log_line(enum log_level level, const char *event, const char *text);

/* One line into `out`, without a newline: what log_line writes. Cut where it does not fit. */
void log_render(char *ret_out, unsigned long size, bool json, long long wall_us, enum log_level level,
                const char *event, const char *text);

#endif
