-- The numbers C gives these words (core/group.h, headgate/errors.h); tests/contract holds them equal.
local PAUSED_PHASE, BLOCKED_PHASE = 6, 1
local NONE, WAITING, GRANTED, BACKOFF, QUARANTINED, DONE = 0, 1, 2, 3, 4, 5
local RECOVERED, FAILED, EXPIRED, NO_OUTCOME = 0, 1, 2, 3
local LIMIT = {none = 0, line = 1, rate = 2, pace = 3, in_flight = 4, window = 5, paused = 6, blocked = 7,
               backoff = 8, quarantine = 9, after = 10, store = 11}
local E_NOT_FOUND, E_FULL, E_NOT_READY, E_EXPIRED = -4, -8, -11, -12
local E_SUPERSEDED, E_CONFLICT, E_STALE = -13, -14, -16
local MICRO = 1000000
local MINSTD_MODULUS, MINSTD_MULTIPLIER = 2147483647, 48271
local CLOCK_STEP_CAP_US, REMEMBER_MIN_US = 1000000, 600 * MICRO
local PLAN_SPAN_US = 5 * MICRO -- a plan's rate counts for at most so long
local STORE_GAP_US, RETURN_GRACE_US = 3 * MICRO, 30 * MICRO
local SEEN_RETURN = -1
local SPILLED_MODULUS = 2 ^ 50
local FLEETS_MAX = 64 -- with those that drain
local COHORTS_KEPT, REASONS_KEPT, NOTES_MAX, DUE_MAX, SWEEP_STEP = 16, 3, 512, 200, 200

local floor, min, max = math.floor, math.min, math.max
local pack, unpack_text, call = cmsgpack.pack, cmsgpack.unpack, redis.call
-- tostring() would keep 14 digits of a number; times have 16.
local function digits(n) return string.format('%.0f', n) end
