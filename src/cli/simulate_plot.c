#include "cli/simulate_plot.h"

#include <math.h>

#define LEFT   52.0
#define RIGHT  10.0
#define TOP    48.0
#define BOTTOM 30.0
#define TICKS  4.0
#define BAR    6.0

void plot_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
            break;
        }
    }
}

static double x_at(const struct plot *plot, double x)
{
    double share = plot->x_max > 0 ? x / plot->x_max : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return LEFT + share * (plot->width - LEFT - RIGHT);
}

static double y_at(const struct plot *plot, double y)
{
    double share = plot->y_max > 0 ? y / plot->y_max : 0;
    share = share < 0 ? 0 : share > 1.04 ? 1.04 : share;
    return plot->height - BOTTOM - share * (plot->height - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, about a TICKS-th of the whole. */
static double step_of(double whole)
{
    double rough = whole / TICKS, power = pow(10, floor(log10(rough > 0 ? rough : 1))), times = rough / power;
    return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

/* Whole minutes or hours where the axis is long. */
static double time_step(double whole_s)
{
    static const double steps[] = {1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (whole_s / steps[i] <= TICKS + 2) {
            return steps[i];
        }
    }
    return step_of(whole_s);
}

static void print_number(FILE *out, double number)
{
    if (number >= 1e6) {
        fprintf(out, "%.4gM", number / 1e6);
    } else if (number >= 1e4) {
        fprintf(out, "%.4gk", number / 1e3);
    } else {
        fprintf(out, "%.4g", number);
    }
}

static void print_time(FILE *out, double x, double whole_s)
{
    if (whole_s > 2 * 3600) {
        fprintf(out, "%.3g h", x / 3600);
    } else if (whole_s > 180) {
        fprintf(out, "%.3g min", x / 60);
    } else {
        fprintf(out, "%.3g s", x);
    }
}

void plot_begin(const struct plot *plot)
{
    FILE *out = plot->out;
    fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\"><title>", plot->width,
            plot->height, plot->width, plot->height);
    plot_text(out, plot->title);
    fprintf(out, "</title><text x=\"4\" y=\"13\" class=\"head\">");
    plot_text(out, plot->title);
    fputs("</text>", out);
    double step = step_of(plot->y_max);
    for (double y = 0; y <= plot->y_max * 1.001 && step > 0; y += step) {
        fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>", LEFT, plot->width - RIGHT,
                y_at(plot, y), y_at(plot, y));
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick end\">", LEFT - 5, y_at(plot, y) + 3.5);
        print_number(out, y);
        fprintf(out, "%s</text>", plot->unit);
    }
    step = time_step(plot->x_max);
    for (double x = 0; x <= plot->x_max * 1.001; x += step) {
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick mid\">", x_at(plot, x), plot->height - BOTTOM + 22);
        print_time(out, x, plot->x_max);
        fputs("</text>", out);
    }
}

void plot_line(const struct plot *plot, const void *points, size_t count, plot_value_fn x, plot_value_fn y, const char *style,
               const char *name, int place)
{
    size_t together = (count + PLOT_LINE_POINTS - 1) / PLOT_LINE_POINTS;
    fprintf(plot->out, "<polyline class=\"line %s\" points=\"", style);
    for (size_t i = 0; i < count && together > 0; i += together) {
        double sum = 0;
        size_t n = 0;
        for (; n < together && i + n < count; n++) {
            sum += y(points, i + n);
        }
        if (x(points, i) > plot->x_max) {
            break;
        }
        fprintf(plot->out, "%.1f,%.1f ", x_at(plot, x(points, i + n / 2)), y_at(plot, sum / (double)n));
    }
    fputs("\"/>", plot->out);
    double at = LEFT + 102.0 * (place % 6), line = 26.0 + 12.0 * (place / 6);
    fprintf(plot->out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"line %s\"/>", at, at + 14, line - 3.5,
            line - 3.5, style);
    fprintf(plot->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\">", at + 18, line);
    plot_text(plot->out, name);
    fputs("</text>", plot->out);
}

void plot_mark(const struct plot *plot, double x, const char *word)
{
    if (x > plot->x_max) {
        return;
    }
    fprintf(plot->out,
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"mark\"/><text x=\"%.1f\" y=\"%.1f\" "
            "class=\"tick end\">",
            x_at(plot, x), x_at(plot, x), TOP, plot->height - BOTTOM, x_at(plot, x) - 3, plot->height - BOTTOM - 4);
    plot_text(plot->out, word);
    fputs("</text>", plot->out);
}

void plot_stretch(const struct plot *plot, double from, double to, const char *style, const char *name)
{
    if (from >= plot->x_max) {
        return;
    }
    fprintf(plot->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"><title>", x_at(plot, from),
            plot->height - BOTTOM + 4, x_at(plot, to) - x_at(plot, from) + 0.3, BAR, style);
    plot_text(plot->out, name);
    fputs("</title></rect>", plot->out);
}

void plot_end(const struct plot *plot)
{
    fputs("</svg>\n", plot->out);
}
