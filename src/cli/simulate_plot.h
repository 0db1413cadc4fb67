/* Small SVG line plots for the report. */
#ifndef CLI_SIMULATE_PLOT_H
#define CLI_SIMULATE_PLOT_H

#include <stddef.h>
#include <stdio.h>

#define PLOT_LINE_POINTS 240 /* drawn at most; more are averaged */

struct plot {
    FILE *out;
    const char *title;
    const char *unit; /* of y */
    double x_max;     /* seconds */
    double y_max;
    double width;
    double height;
};

/* One value of one point of whatever is plotted. */
typedef double (*plot_value_fn)(const void *points, size_t index);

void plot_begin(const struct plot *plot);
/* `x` and `y` of `count` points; `style` is a class of the page's CSS, `name` the legend's word, `place` its place there. */
void plot_line(const struct plot *plot, const void *points, size_t count, plot_value_fn x, plot_value_fn y, const char *style,
               const char *name, int place);
/* A vertical mark at `x` with a word. */
void plot_mark(const struct plot *plot, double x, const char *word);
/* A coloured stretch of the bar below the axis. */
void plot_stretch(const struct plot *plot, double from, double to, const char *style, const char *name);
void plot_end(const struct plot *plot);

void plot_text(FILE *out, const char *text); /* escaped */

#endif
