/* Reading files that may be anything, a line at a time, in bounded memory. */
#ifndef LAUNCH_LINES_H
#define LAUNCH_LINES_H

#include <stdio.h>

enum lines_end {
    LINES_WHOLE,    /* a line, its end taken off */
    LINES_TORN,     /* the file ends without a line's end */
    LINES_OVERLONG, /* longer than there is room, or with a NUL byte in it: this is no text */
    LINES_EOF       /* nothing is left; or an error, see ferror() */
};

/* Reads one line into ret_text, which has `size` bytes; NUL-terminated with LINES_WHOLE and LINES_TORN. */
enum lines_end lines_read(FILE *file, char *ret_text, size_t size);

#endif
