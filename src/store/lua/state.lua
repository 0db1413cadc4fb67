-- The policy's small state: one packed table, read at the start of a group and written at its end.
local K_STATE, K_DUE, K_NOTES = KEYS[1], KEYS[2], KEYS[3]
local K_RECORDS = KEYS[4] -- prefix; one hash a fleet, all in the policy's hash slot
local GROUP = unpack_text(ARGV[1]) -- {seen fence, injected time or -1, operations}
local S, NOW
local dependencies, by_uid, fleets = {}, {}, {} -- by name, by uid, by name; into S

local function load_state()
    local text = call('GET', K_STATE)
    if text then
        S = unpack_text(text)
    else
        S = {schema = 1, epoch = 0, last = 0, offset = 0, returned = 0, uids = 0, fence = 0, generation = -1, learning = 0, lease = 0,
             leader = {id = '', number = 0, until_us = 0, generation = -1}, notes_version = 0, notes_next = 0,
             dependencies = {}, fleets = {}}
    end
    for i, d in ipairs(S.dependencies) do dependencies[d.name], by_uid[d.uid], d.index = d, d, i - 1 end
    for _, f in ipairs(S.fleets) do fleets[f.name] = f end
end

local function start_clock()
    local raw = GROUP[2]
    if raw < 0 then
        local t = call('TIME')
        raw = tonumber(t[1]) * MICRO + tonumber(t[2])
    end
    local now = raw + S.offset
    if now < S.last then
        if S.last - now > CLOCK_STEP_CAP_US then S.offset = S.offset + S.last - now end
        now = S.last
    end
    if S.last ~= 0 and now - S.last > STORE_GAP_US then S.returned = now end
    S.last, NOW = now, now
    if GROUP[1] == SEEN_RETURN then S.returned = now end
    if GROUP[1] > S.fence then -- writes were lost
        S.epoch, S.fence, S.learning = S.epoch + 1, GROUP[1], now + S.lease
    end
end

local function room_of(d) return min(d.window, d.in_flight_max) end

local function settle_all()
    for _, d in ipairs(S.dependencies) do
        local ceiling = bucket_settle(d.bucket, NOW)
        local pace = d.paced and bucket_settle(d.pace, NOW)
        if d.in_flight < room_of(d) then
            d.spilled = (d.spilled + (d.paced and pace or ceiling)) % SPILLED_MODULUS
        end
    end
end
