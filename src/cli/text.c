#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MINUTE_US  INT64_C(60000000)
#define HOUR_US    (60 * MINUTE_US)
#define DAY_US     (24 * HOUR_US)
#define ESCAPE_MAX 16 /* bytes of a colour sequence */

const char *cli_time_text(int64_t us, char *ret_text, size_t size)
{
    int64_t s = (us + 500000) / 1000000;
    if (us < 0) {
        snprintf(ret_text, size, "?");
    } else if (us < 50000) {
        snprintf(ret_text, size, "0 s");
    } else if (us < 950000) {
        snprintf(ret_text, size, "%.1f s", (double)us / 1e6);
    } else if (us < MINUTE_US) {
        snprintf(ret_text, size, "%" PRId64 " s", s);
    } else if (us < 10 * MINUTE_US && s % 60 != 0) {
        snprintf(ret_text, size, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    } else if (us < HOUR_US) {
        snprintf(ret_text, size, "%" PRId64 " min", (s + 30) / 60);
    } else if (us < 2 * DAY_US) {
        snprintf(ret_text, size, "%" PRId64 " h %02" PRId64 " min", s / 3600, s % 3600 / 60);
    } else {
        snprintf(ret_text, size, "%" PRId64 " days", us / DAY_US);
    }
    return ret_text;
}

const char *cli_clock_text(int64_t wall_us, int64_t now_wall_us, char *ret_text, size_t size)
{
    time_t then = (time_t)(wall_us / 1000000), now = (time_t)(now_wall_us / 1000000);
    struct tm then_parts, now_parts;
    localtime_r(&then, &then_parts);
    localtime_r(&now, &now_parts);
    bool today = then_parts.tm_yday == now_parts.tm_yday && then_parts.tm_year == now_parts.tm_year;
    if (strftime(ret_text, size, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then_parts) == 0) {
        snprintf(ret_text, size, "?");
    }
    return ret_text;
}

const char *cli_count_text(int64_t count, char *ret_text, size_t size)
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, count), used = 0;
    size_t sign = digits[0] == '-' ? 1 : 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i > sign && (length - i) % 3 == 0) {
            ret_text[used++] = ',';
        }
        ret_text[used++] = digits[i];
    }
    ret_text[used] = '\0';
    return ret_text;
}

const char *cli_number_text(double number, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.3f", number);
    for (size_t end = strlen(ret_text); end > 0 && strchr("0.", ret_text[end - 1]) != NULL; end--) {
        bool point = ret_text[end - 1] == '.';
        ret_text[end - 1] = '\0';
        if (point) {
            break;
        }
    }
    return ret_text;
}

static int terminal_size(FILE *out, bool rows)
{
    struct winsize window;
    const char *type = getenv("TERM");
    if (!isatty(fileno(out)) || type == NULL || strcmp(type, "dumb") == 0) {
        return 0;
    }
    bool known = ioctl(fileno(out), TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0;
    return rows ? (known ? window.ws_row : 24) : known ? window.ws_col : 80;
}

int cli_terminal_columns(FILE *out)
{
    return terminal_size(out, false);
}

int cli_terminal_rows(FILE *out)
{
    return terminal_size(out, true);
}

bool cli_colors_wanted(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return cli_terminal_columns(out) > 0 && (no == NULL || no[0] == '\0');
}

void cli_print_colored(FILE *out, bool colors, enum cli_color color, const char *text)
{
    static const char *const codes[CLI_COLOR_COUNT] = {"",         "\033[1m",  "\033[32m",
                                                       "\033[33m", "\033[31m", "\033[2m"};
    bool colored = colors && color != CLI_PLAIN && text[0] != '\0';
    fprintf(out, "%s%s%s", colored ? codes[color] : "", text, colored ? "\033[0m" : "");
}

/* Columns that the text takes: UTF-8 characters, one each. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

void cli_table_init(struct cli_table *table, size_t column_count, const char *const *titles,
                    const bool *right)
{
    *table = (struct cli_table){.column_count = column_count, .right = right};
    cli_table_row(table);
    for (size_t i = 0; i < column_count; i++) {
        cli_table_cell(table, i, CLI_BOLD, "%s", titles[i]);
    }
}

void cli_table_row(struct cli_table *table)
{
    size_t count = (table->row_count + 1) * table->column_count;
    struct cli_cell *cells =
        table->row_count == CLI_TABLE_ROWS_MAX ? NULL : realloc(table->cells, count * sizeof(*cells));
    if (cells == NULL) {
        table->failed = true;
        return;
    }
    memset(cells + count - table->column_count, 0, table->column_count * sizeof(*cells));
    table->cells = cells;
    table->row_count++;
}

void cli_table_cell(struct cli_table *table, size_t column, enum cli_color color, const char *format, ...)
{
    va_list arguments;
    if (table->failed || table->row_count == 0) {
        return;
    }
    struct cli_cell *cell = &table->cells[(table->row_count - 1) * table->column_count + column];
    char *text = NULL;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size < 0) {
        table->failed = true;
        return;
    }
    free(cell->text);
    *cell = (struct cli_cell){text, color};
}

void cli_table_print(const struct cli_table *table, FILE *out, bool colors)
{
    size_t widths[CLI_TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        size_t width = table->cells[i].text == NULL ? 0 : text_width(table->cells[i].text);
        size_t *widest = &widths[i % table->column_count];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            const struct cli_cell *cell = &table->cells[row * table->column_count + i];
            const char *text = cell->text == NULL ? "" : cell->text;
            int pad = (int)(widths[i] - text_width(text));
            bool last = i + 1 == table->column_count;
            fprintf(out, "%*s", table->right[i] ? pad : 0, "");
            cli_print_colored(out, colors, cell->color, text);
            fprintf(out, "%*s", last ? 0 : (table->right[i] ? 0 : pad) + 2, "");
        }
        fputc('\n', out);
    }
}

void cli_table_finish(struct cli_table *table)
{
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    *table = (struct cli_table){0};
}

/* One line, cut at `columns`; colour sequences take none. Returns what follows it. */
static const char *print_line(FILE *out, const char *text, int columns)
{
    int used = 0;
    while (*text != '\0' && *text != '\n') {
        size_t escape = *text == '\033' ? strcspn(text, "m\n") + 1 : 0;
        if (escape > 0 && escape <= ESCAPE_MAX) {
            fwrite(text, 1, escape, out);
            text += escape;
            continue;
        }
        used += ((unsigned char)*text & 0xc0) != 0x80;
        if (used <= columns) {
            fputc(*text, out);
        }
        text++;
    }
    fputs("\033[K\n", out);
    return *text == '\n' ? text + 1 : text;
}

size_t cli_redraw(FILE *out, const char *text, int columns, int rows, size_t drawn)
{
    size_t lines = 0;
    if (drawn > 0) {
        fprintf(out, "\033[%zuA\r", drawn);
    }
    while (*text != '\0' && lines + 1 < (size_t)rows) {
        text = print_line(out, text, columns);
        lines++;
    }
    fputs("\033[J", out);
    fflush(out);
    return lines;
}

void cli_sleep_us(int64_t us)
{
    struct timespec delay = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    if (us > 0) {
        nanosleep(&delay, NULL);
    }
}
