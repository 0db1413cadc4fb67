-- How a permit ends and what follows: excused, free, fail, leaving backoff, and the due-queue.
local function remember_us(fleet) return max(fleet.lease, REMEMBER_MIN_US) end

local function excused(fleet, r, t)
    local list, step = r.leases, 3
    if #list == 0 then list, step = fleet.needs, 2 end
    for i = 1, #list, step do
        local d = by_uid[list[i]]
        if d and d.excused_from <= t and t <= d.excused_to then return true end
    end
    return false
end

local function cohort_of(d, id)
    for _, c in ipairs(d.cohorts) do
        if c.id == id then return c end
    end
end

-- Gives back what the record holds. `count` is the cohort's counter, `total` the dependency's (nil: none).
local function free(r, count, total)
    for i = 1, #r.leases, 3 do
        local d = by_uid[r.leases[i]]
        if d then
            d.in_flight = max(d.in_flight - r.leases[i + 1], 0)
            if total then d[total] = d[total] + 1 end
            local c = cohort_of(d, r.leases[i + 2])
            if c then
                c[count] = c[count] + 1
                if count == 'recovered' then
                    local h = histogram_index(NOW - r.granted)
                    c.histogram[h] = c.histogram[h] + 1
                elseif total and count == total and r.failures > 0 then
                    local n = min(r.failures, #c.again)
                    c.again[n] = c.again[n] + 1
                end
            end
        end
    end
    r.leases = {}
end

local function fail(fleet, r, outcome, reason, superseded)
    local name = outcome == EXPIRED and 'expired' or 'failed'
    local pardoned = excused(fleet, r, NOW)
    free(r, pardoned and 'excused' or name, name)
    fleet[name] = fleet[name] + 1
    local reasons = {reason ~= '' and reason or 'no reason given'} -- a new table: replies of this group hold the old one
    for i = 2, REASONS_KEPT do reasons[i] = r.reasons[i - 1] end
    r.reasons = reasons
    record_move(fleet, r, BACKOFF)
    r.outcome, r.superseded, r.since, r.failed = outcome, superseded or false, NOW, NOW
    if pardoned then
        r.until_us, r.failed = NOW, 0
    else
        r.failures = r.failures + 1
        r.until_us = NOW + backoff_ms(fleet, r.failures, r.fence) * 1000
    end
    r.final = not pardoned and r.failures >= fleet.attempts
    r.due = r.final and r.until_us or r.until_us + remember_us(fleet)
end

-- A backoff is over: forgive and forget, or quarantine. True when the record was quarantined.
local function leave_backoff(fleet, r)
    if r.failed ~= 0 and excused(fleet, r, r.failed) then r.failures, r.failed = max(r.failures - 1, 0), 0 end
    if r.failed ~= 0 and NOW - r.failed > fleet.forget then r.failures = 0 end
    if r.failures >= fleet.attempts and (fleet.count[QUARANTINED] or 0) < fleet.quarantine_max then
        record_move(fleet, r, QUARANTINED)
        r.since = NOW
        return true
    end
    return false
end

local function on_due(fleet, r)
    if r.state == GRANTED then
        local grace = min(fleet.lease, RETURN_GRACE_US)
        if S.returned ~= 0 and S.returned + grace > NOW then
            r.until_us = S.returned + grace
            r.due = r.until_us
        else
            fail(fleet, r, EXPIRED, 'the lease ran out')
        end
    elseif r.state == BACKOFF and r.final then
        if not leave_backoff(fleet, r) then r.final, r.due = false, NOW + remember_us(fleet) end
    else
        record_move(fleet, r, NONE)
    end
end

local function run_due()
    local members = call('ZRANGEBYSCORE', K_DUE, '-inf', digits(NOW), 'LIMIT', 0, DUE_MAX)
    local wanted = {}
    for i, member in ipairs(members) do
        local slash = string.find(member, '/', 1, true)
        local name = string.sub(member, 1, slash - 1)
        wanted[name] = wanted[name] or {}
        table.insert(wanted[name], string.sub(member, slash + 1))
        members[i] = {name, string.sub(member, slash + 1)}
    end
    records_read(wanted)
    for _, m in ipairs(members) do
        local fleet = fleets[m[1]]
        local r = records[m[1]][m[2]]
        if fleet and r.due > 0 then on_due(fleet, r) else call('ZREM', K_DUE, m[1] .. '/' .. m[2]) end
    end
end
