/* What people read: times, tables, a status line on a terminal.
 *
 * The story of one table: cli_table_row() copies the cells as they come; cli_table_print() finds the widths
 * and writes the lines, numbers to the right, colours only where the reader is a terminal. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_TABLE_COLUMNS_MAX 16
#define CLI_TABLE_ROWS_MAX    2048

enum cli_color { CLI_PLAIN, CLI_BOLD, CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_DIM, CLI_COLOR_COUNT };

struct cli_cell {
    char *text;
    enum cli_color color;
};

struct cli_table {
    size_t column_count;
    const bool *right; /* for each column: numbers */
    struct cli_cell *cells;
    size_t row_count;
    bool failed; /* memory ran out, or CLI_TABLE_ROWS_MAX was reached: what is there is printed */
};

/* Begins with the row of titles; `right` must outlive the table. */
void cli_table_init(struct cli_table *table, size_t column_count, const char *const *titles,
                    const bool *right);
/* Opens a row of empty cells; the calls below fill it from the left. */
void cli_table_row(struct cli_table *table);
void cli_table_cell(struct cli_table *table, size_t column, enum cli_color color, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void cli_table_print(const struct cli_table *table, FILE *out, bool colors);
void cli_table_finish(struct cli_table *table);

/* `text` in the colour, or as it is. */
void cli_print_colored(FILE *out, bool colors, enum cli_color color, const char *text);

/* "0.4 s", "38 s", "6 min 20 s", "2 h 05 min", "3 days"; "?" for a negative one. */
const char *cli_time_text(int64_t us, char *ret_text, size_t size);
/* Local time of the day, with the date when it is not today's. */
const char *cli_clock_text(int64_t wall_us, int64_t now_wall_us, char *ret_text, size_t size);
/* "12,480". */
const char *cli_count_text(int64_t count, char *ret_text, size_t size);
/* At most three places behind the point, none that are zero. */
const char *cli_number_text(double number, char *ret_text, size_t size);

/* Columns and rows of the terminal behind `out`; 0 when it is none. */
int cli_terminal_columns(FILE *out);
int cli_terminal_rows(FILE *out);
/* Whether to write colours: a terminal, NO_COLOR not set, TERM not dumb. */
bool cli_colors_wanted(FILE *out);

/* Writes the lines of `text`, at most `columns` wide and `rows` many, over what is there: `drawn` lines that
 * the last call wrote. Returns how many were written. */
size_t cli_redraw(FILE *out, const char *text, int columns, int rows, size_t drawn);

/* Waits; returns early when a signal comes. */
void cli_sleep_us(int64_t us);

#endif
