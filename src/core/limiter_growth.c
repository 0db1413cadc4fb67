#include "core/limiter_growth.h"

#include <math.h>

#define HURRY_S             1800.0 /* and grows by GROW_BACK at least up to what this takes */
#define TIMEOUT_UNKNOWN_S   5.0
#define QUEUE_SHARE         0.5    /* of the time-out that one step may add in queue */
#define GROW_MIN            0.03
#define GROW_MAX            0.5    /* a relaunch */
#define GROW_BACK           0.4   /* a relaunch: up to that, and back to a level that was good */
#define GENTLE_FROM         0.9    /* of the level that was good */
#define GENTLE              0.04
#define GENTLE_DOUBLES      4.0    /* relaunches without alarm */
#define GAUGE_GROW_MAX      1.4    /* ln 4 a relaunch */
#define GAUGE_SHRINK_MAX    0.5
#define SHORTEST_S          1.0    /* a relaunch faster than this is taken as this */

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

double adaptive_relaunch_s(const struct adaptive *law)
{
    double duration = baseline_duration_s(&law->baseline);
    return duration < SHORTEST_S ? SHORTEST_S : duration;
}

/* Growth a relaunch that is safe when nothing but outcomes is known. */
static double blind_growth(const struct adaptive *law, const struct limiter_input *input)
{
    double timeout_s = input->request_timeout_us > 0 ? (double)input->request_timeout_us / 1e6 : TIMEOUT_UNKNOWN_S;
    return log(1 + clamp(QUEUE_SHARE * timeout_s / adaptive_relaunch_s(law), GROW_MIN, GROW_MAX));
}

/* What the gauge allows: the level that its soft mark stands for, seen by the least that can have caused its reading. */
static double gauge_growth(const struct adaptive *law, const struct limiter_input *input)
{
    double flight = law->flight_now < law->flight_before ? law->flight_now : law->flight_before;
    if (input->gauge.load < GAUGE_MUTE) {
        return log(1.25);
    }
    if (input->gauge.load > 1) {
        return -clamp(log(input->gauge.load), 0, GAUGE_SHRINK_MAX);
    }
    double target = flight / input->gauge.load;
    return clamp(log((target < 1 ? 1 : target) / law->limit), 0, GAUGE_GROW_MAX);
}

/* Below this, slower makes no sense. */
static double hurry_limit(const struct adaptive *law, const struct limiter_input *input)
{
    return (double)input->size / HURRY_S * adaptive_relaunch_s(law);
}

double limiter_growth(const struct adaptive *law, const struct limiter_input *input, double alarm)
{
    double rate = blind_growth(law, input);
    double hurry = law->limit < hurry_limit(law, input) && rate < GROW_BACK ? GROW_BACK : rate;
    if (input->gauge.known) {
        return gauge_growth(law, input);
    }
    double calm = (double)(input->now_us - law->calm_us) / 1e6 / adaptive_relaunch_s(law);
    if (law->good > 0 && law->limit > GENTLE_FROM * law->good) {
        double gentle = log(1 + GENTLE) * pow(2, clamp(calm / GENTLE_DOUBLES, 0, 8));
        rate = hurry < gentle ? hurry : gentle;
    } else {
        rate = law->good > 0 && rate < GROW_BACK ? GROW_BACK : hurry;
    }
    return rate * (1 - alarm);
}
