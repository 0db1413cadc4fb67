-- LEAD, CONFIGURE, PLAN: the check of the leader's number and the write are one step.
local function leads(number)
    return number ~= 0 and number == S.leader.number and NOW < S.leader.until_us
end

local function on_lead(op, reply)
    local l = S.leader
    local free_now = NOW >= l.until_us
    local mine = l.id == op.id
    if op.generation < S.generation or not (free_now or mine or op.generation > l.generation) then return 0 end
    if free_now or not mine then l.number = l.number + 1 end
    l.id, l.until_us, l.generation = op.id, NOW + op.lease, op.generation
    reply.leader = l.number
    return 0
end

local function dependency_new(name)
    S.uids = S.uids + 1
    return {name = name, uid = S.uids, phase = 0, cohort = 0, paced = false, window = 0, excused_from = 0, excused_to = 0,
            in_flight = 0, spilled = 0, granted = 0, recovered = 0, failed = 0, expired = 0, cohorts = {},
            pace = bucket_new(0, 0, 0, NOW)}
end

local function fleet_new(name)
    local function line()
        return {tail = 0, waiting = 0, ready = 0, granted = 0, base = 0, rate = 0, from = 0, until_us = 0}
    end
    return {name = name, paused = false, held = false, lines = {line(), line()}, count = {}, cursor = '0',
            granted = 0, recovered = 0, failed = 0, expired = 0, superseded = 0}
end

local function configure_dependencies(list, fresh)
    local kept = {}
    for i, w in ipairs(list) do
        local d = dependencies[w[1]]
        if d then
            bucket_reconfigure(d.bucket, w[2], w[3] * MICRO, NOW)
        else
            d = dependency_new(w[1])
            d.bucket = bucket_new(w[2], w[3] * MICRO, fresh and w[3] * MICRO or 0, NOW)
        end
        d.in_flight_max, d.reserve_burst, d.reserve_in_flight, d.index = w[4], w[5], w[6], i - 1
        d.window = min(d.window, w[4])
        kept[i] = d
    end
    S.dependencies, dependencies, by_uid = kept, {}, {}
    for _, d in ipairs(kept) do dependencies[d.name], by_uid[d.uid] = d, d end
end

local function records_in(fleet)
    local n = 0
    for state = WAITING, DONE do n = n + (fleet.count[state] or 0) end
    return n
end

-- Those the policy no longer has and that still hold records: they drain.
local function draining(list)
    local named, drain = {}, {}
    for _, w in ipairs(list) do named[w[1]] = true end
    for _, f in ipairs(S.fleets) do
        if not named[f.name] and records_in(f) > 0 then drain[#drain + 1] = f end
    end
    return drain
end

local function configure_fleets(list, drain)
    local kept, known = {}, fleets
    fleets, S.lease = {}, 0
    for i, w in ipairs(list) do
        local f = known[w[1]] or fleet_new(w[1])
        f.lease, f.base_ms, f.max_ms, f.jitter, f.attempts = w[2], w[3], w[4], w[5], w[6]
        f.forget, f.quarantine_max, f.needs, f.gone = w[7], w[8], w[9], nil
        for n = 1, #f.needs, 2 do f.needs[n] = dependencies[f.needs[n]].uid end
        kept[i] = f
        S.lease = max(S.lease, f.lease)
    end
    for _, f in ipairs(drain) do
        f.gone = true
        kept[#kept + 1] = f
    end
    S.fleets = kept
    for _, f in ipairs(kept) do fleets[f.name] = f end
end

local function on_configure(op)
    if not leads(op.leader) or op.generation < S.generation then return E_STALE end
    local drain = draining(op.fleets)
    if #drain + #op.fleets > FLEETS_MAX then return E_FULL end
    local first = S.generation < 0
    configure_dependencies(op.dependencies, op.fresh)
    configure_fleets(op.fleets, drain)
    S.generation = op.generation
    if first then S.epoch = max(S.epoch, 1) end
    if op.fresh then S.learning = 0 elseif first then S.learning = NOW + S.lease end
    return 0
end

local function plan_pace(d, paced, rate, burst)
    if paced and not d.paced then
        d.pace = bucket_new(rate, burst, MICRO, NOW)
    else
        bucket_reconfigure(d.pace, rate, burst, NOW)
    end
    d.paced = paced
end

local function plan_cohort(d, id)
    if id <= d.cohort then return end
    d.cohort = id
    local c = {id = id, granted = 0, recovered = 0, failed = 0, expired = 0, excused = 0, first = 0, last = 0,
               again = {0, 0, 0}, histogram = {}}
    for i = 1, 48 do c.histogram[i] = 0 end
    table.insert(d.cohorts, 1, c)
    d.cohorts[COHORTS_KEPT + 1] = nil
end

local function on_plan(op)
    if not leads(op.leader) then return E_STALE end
    for _, w in ipairs(op.dependencies) do
        local d = dependencies[w[1]]
        if d then
            d.phase = w[2]
            plan_cohort(d, w[3])
            bucket_reconfigure(d.bucket, w[4], w[5] * MICRO, NOW)
            d.in_flight_max, d.window, d.excused_from, d.excused_to = w[6], w[10], w[11], w[12]
            plan_pace(d, w[7], w[8], w[9])
        end
    end
    for _, w in ipairs(op.fleets) do
        local f = fleets[w[1]]
        if f and not f.gone then
            f.paused, f.held = w[2], w[3]
            for i, line in ipairs(f.lines) do
                line.base, line.rate, line.from, line.until_us = w[4 * i], w[4 * i + 1], w[4 * i + 2], w[4 * i + 3]
            end
        end
    end
    return 0
end
