#include "launch/lines.h"

enum lines_end lines_read(FILE *file, char *ret_text, size_t size)
{
    size_t used = 0;
    int byte;
    while ((byte = getc_unlocked(file)) != EOF && byte != '\n') {
        if (byte == '\0' || used + 1 == size) {
            return LINES_OVERLONG;
        }
        ret_text[used++] = (char)byte;
    }
    ret_text[used] = '\0';
    return byte == '\n' ? LINES_WHOLE : used > 0 ? LINES_TORN : LINES_EOF;
}
