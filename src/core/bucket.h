/* Integer token bucket.
 *
 * Tokens are held in micro-tokens, rates in milli-tokens per second, time in microseconds; what a settlement
 * cannot express in whole micro-tokens is carried to the next, so no refill is lost however often it settles.
 * A step of the clock back refills nothing and moves nothing; a step forward refills at most up to `burst`.
 * The bounds keep every product below 2^53, so a store that computes in doubles agrees to the last unit.
 *
 * In any window [a,b] the tokens taken are at most burst + rate*(b-a): the classic (r,b) bound. */
#ifndef CORE_BUCKET_H
#define CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define TOKEN_MICRO          INT64_C(1000000)      /* micro-tokens in a token */
#define BUCKET_BURST_MAX     INT64_C(1000000)      /* tokens */
#define BUCKET_RATE_MILLI_MAX INT64_C(1000000000)  /* milli-tokens per second: 1e6 tokens/s */

struct bucket {
    int64_t rate_milli; /* milli-tokens per second, 0..BUCKET_RATE_MILLI_MAX; 0 never refills */
    int64_t burst;      /* micro-tokens, 0..BUCKET_BURST_MAX * TOKEN_MICRO */
    int64_t tokens;     /* micro-tokens, 0..burst */
    int64_t rem;        /* carried remainder, nano-tokens, 0..999 */
    int64_t at_us;      /* when `tokens` was settled */
};

/* Sets the bucket up with `tokens` micro-tokens, clamped to 0..burst, settled at `now_us`. */
void bucket_init(struct bucket *bucket, int64_t rate_milli, int64_t burst, int64_t tokens, int64_t now_us);

/* Refills up to `now_us`. Returns the micro-tokens that spilled over a full bucket (at most one second of rate
 * per call, enough to prove that nobody came). */
int64_t bucket_settle(struct bucket *bucket, int64_t now_us);

/* Settles at the old rate, then switches rate and burst and clamps what is held. */
void bucket_reconfigure(struct bucket *bucket, int64_t rate_milli, int64_t burst, int64_t now_us);

/* Whether `cost` micro-tokens can be taken while leaving `reserve` behind. The bucket must be settled. */
bool bucket_can_take(const struct bucket *bucket, int64_t cost, int64_t reserve);

/* Takes `cost` micro-tokens; the caller has checked that they are there. */
void bucket_take(struct bucket *bucket, int64_t cost);

/* Microseconds until `cost` micro-tokens beyond `reserve` are there, rounded up; 0 if they are, INT64_MAX if
 * they never will be. The bucket must be settled. */
int64_t bucket_wait_us(const struct bucket *bucket, int64_t cost, int64_t reserve);

/* What of a limit (tokens of burst, or units in flight) is kept for priority requests: the policy's reserve, but at most
 * half of the limit in force, so that an override which lowers the limit below the reserve lets the others through. */
int64_t reserve_in_force(int64_t reserve, int64_t limit);

#endif
