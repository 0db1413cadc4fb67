-- Integer token bucket, the twin of core/bucket.c: every product stays below 2^53, where doubles are exact.
local function bucket_new(rate, burst, tokens, now)
    return {rate = rate, burst = burst, tokens = min(tokens, burst), rem = 0, at = now}
end

-- Refills up to now; returns what spilled, counted over at most one second.
local function bucket_settle(b, now)
    if now <= b.at then return 0 end
    local elapsed = now - b.at
    b.at = now
    if b.rate == 0 then return 0 end
    local missing = (b.burst - b.tokens) * 1000 - b.rem
    local full = missing <= 0 and 0 or floor((missing + b.rate - 1) / b.rate)
    if elapsed >= full then
        b.tokens, b.rem = b.burst, 0
        return floor(b.rate * min(elapsed - full, MICRO) / 1000)
    end
    local gained = b.rate * elapsed + b.rem
    b.tokens, b.rem = b.tokens + floor(gained / 1000), gained % 1000
    return 0
end

local function bucket_reconfigure(b, rate, burst, now)
    bucket_settle(b, now)
    b.rate, b.burst = rate, burst
    if b.tokens >= burst then b.tokens, b.rem = burst, 0 end
end

-- Microseconds until cost is there beyond reserve; nil: never.
local function bucket_wait(b, cost, reserve)
    local missing = cost + reserve - b.tokens
    if missing <= 0 then return 0 end
    if b.rate == 0 or cost + reserve > b.burst then return nil end
    return floor((missing * 1000 - b.rem + b.rate - 1) / b.rate)
end

-- Delay in ms after `failures` failures, the twin of core/backoff.c; the draw is three rounds of MINSTD.
local function backoff_ms(fleet, failures, fence)
    local ceiling = max(fleet.base_ms, 1)
    for _ = 2, failures do
        if ceiling >= fleet.max_ms then break end
        ceiling = ceiling * 2
    end
    ceiling = min(ceiling, fleet.max_ms)
    if fleet.jitter == 0 then return ceiling end
    local x = fence % (MINSTD_MODULUS - 1) + 1
    for _ = 1, 3 do x = x * MINSTD_MULTIPLIER % MINSTD_MODULUS end
    local low = fleet.jitter == 1 and floor(ceiling / 2) or 0
    return low + floor((ceiling - low + 1) * floor(x / 2048) / 1048576)
end

-- Bucket of core/histogram.c: bounds 64, 80, 101, 128, 160, 202, ... ms; from 1.
local function histogram_index(duration)
    local ms = duration <= 0 and 0 or floor((duration + 999) / 1000)
    local index, octave = 1, 1
    while true do
        if index >= 48 or ms <= 64 * octave then return min(index, 48) end
        if ms <= 80 * octave then return index + 1 end
        if ms <= 101 * octave then return min(index + 2, 48) end
        index, octave = index + 3, octave * 2
    end
end
