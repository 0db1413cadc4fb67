-- ACQUIRE: the same permit again, a place in line, or a grant.
local function serving(line)
    local elapsed = min(max(min(NOW, line.until_us) - line.from, 0), PLAN_SPAN_US)
    -- rate * elapsed / 1e9 in two halves, exact where the product would not be
    local high, low = floor(elapsed / MICRO), elapsed % MICRO
    local whole = line.rate * high
    local called = line.base + floor(whole / 1000) + floor((whole % 1000 * MICRO + line.rate * low) / 1e9)
    return min(called, line.tail)
end

local function enqueue(fleet, r)
    if r.state == DONE then
        r.done_fence, r.done_outcome = r.fence, r.outcome
    end
    record_move(fleet, r, WAITING)
    r.line = r.failures > 0 and 1 or 0
    local line = fleet.lines[r.line + 1]
    line.tail, line.waiting = line.tail + 1, line.waiting + 1
    r.number, r.since = line.tail, NOW
end

-- What a bucket lacks: nil nothing, else the wait (0: never).
local function lack(bucket, cost, reserve)
    if bucket.tokens - reserve >= cost then return nil end
    return bucket_wait(bucket, cost, reserve) or 0
end

-- What is kept for priority: the reserve, but at most half of the limit in force.
local function reserve_in_force(reserve, limit)
    return min(reserve, floor(limit / 2))
end

-- The first limit that does not hold, its dependency's uid, and the longest wait; LIMIT.none when all hold.
local function check(fleet, priority)
    local limit, at, wait, endless = LIMIT.none, 0, 0, false
    local function refuse(d, why, wait_us)
        if limit == LIMIT.none then
            if d.phase == PAUSED_PHASE then why = LIMIT.paused end
            if d.phase == BLOCKED_PHASE then why = LIMIT.blocked end
            limit, at = why, d.uid
        end
        endless = endless or wait_us == 0
        wait = max(wait, wait_us)
    end
    for i = 1, #fleet.needs, 2 do
        local d, cost = by_uid[fleet.needs[i]], fleet.needs[i + 1]
        local most = d.in_flight_max
        if not priority then most = most - reserve_in_force(d.reserve_in_flight, most) end
        if d.in_flight + cost > (priority and most or min(d.window, most)) then
            refuse(d, d.in_flight + cost > most and LIMIT.in_flight or LIMIT.window, 0)
        end
        local pace = d.paced and not priority and lack(d.pace, cost * MICRO, 0)
        if pace then refuse(d, LIMIT.pace, pace) end
        local kept = priority and 0 or reserve_in_force(d.reserve_burst, floor(d.bucket.burst / MICRO))
        local rate = lack(d.bucket, cost * MICRO, kept * MICRO)
        if rate then refuse(d, LIMIT.rate, rate) end
    end
    return limit, at, endless and 0 or wait
end

local function grant(fleet, r, priority)
    local line = fleet.lines[r.line + 1]
    S.fence = max(S.fence + 1, NOW)
    record_move(fleet, r, GRANTED)
    r.fence, r.granted, r.since, r.until_us, r.due = S.fence, NOW, NOW, NOW + fleet.lease, NOW + fleet.lease
    r.outcome, r.superseded = NO_OUTCOME, false
    for i = 1, #fleet.needs, 2 do
        local d, cost = by_uid[fleet.needs[i]], fleet.needs[i + 1]
        d.bucket.tokens = max(d.bucket.tokens - cost * MICRO, 0)
        if d.paced then d.pace.tokens = max(d.pace.tokens - cost * MICRO, 0) end
        d.in_flight, d.granted = d.in_flight + cost, d.granted + 1
        local n = #r.leases
        r.leases[n + 1], r.leases[n + 2], r.leases[n + 3] = d.uid, cost, d.cohort
        local c = cohort_of(d, d.cohort)
        if c then
            c.granted, c.last = c.granted + 1, NOW
            if c.first == 0 then c.first = NOW end
        end
    end
    fleet.granted = fleet.granted + 1
    line.granted = line.granted + 1
end

local function on_waiting(fleet, r, op, reply)
    local line = fleet.lines[r.line + 1]
    local own_turn = r.number <= serving(line) and not fleet.paused and not fleet.held
    local limit, at, wait = LIMIT.line, 0, 0
    if own_turn or op.priority then
        limit, at, wait = check(fleet, op.priority)
    elseif fleet.paused then
        limit = LIMIT.paused
    elseif fleet.held then
        limit = LIMIT.after
    end
    reply.called, reply.limit, reply.limit_dependency, reply.wait = own_turn or op.priority, limit, at, wait
    if limit == LIMIT.none or op.observe then
        grant(fleet, r, op.priority)
        reply.called = false
    elseif own_turn and not r.ready then
        r.ready, line.ready = true, line.ready + 1
    end
    if op.observe then reply.wait = 0 end
end

local function on_acquire(op, fleet, r, reply)
    local boot = #op.boot <= 16 and op.boot or '#' .. string.sub(redis.sha1hex(op.boot), 1, 15)
    if r.state == GRANTED then
        if r.boot == boot or r.boot == '' or boot == '' then
            if r.boot == '' then r.boot = boot end
            reply.already = true
            return 0
        end
        fail(fleet, r, FAILED, string.sub('superseded by boot_id ' .. op.boot, 1, 200), true)
        fleet.superseded = fleet.superseded + 1
    end
    if fleet.gone then return E_NOT_FOUND end
    if r.state == BACKOFF then
        if NOW < r.until_us then
            reply.limit = LIMIT.backoff
            return 0
        end
        leave_backoff(fleet, r)
    end
    if r.state == QUARANTINED then
        reply.limit = LIMIT.quarantine
        return 0
    end
    if r.state ~= WAITING then
        enqueue(fleet, r)
        r.boot = boot
    elseif boot ~= '' then
        r.boot = boot -- the life that asked last is the one that is granted
    end
    on_waiting(fleet, r, op, reply)
    return 0
end
