-- One instance's record: a few packed values in its fleet's hash, about 30 bytes while it waits.
local records = {} -- fleet name -> instance -> record, those this group has touched

local function record_new()
    return {state = NONE, line = 0, number = 0, ready = false, failures = 0, fence = 0, boot = '', granted = 0,
            since = 0, until_us = 0, failed = 0, outcome = NO_OUTCOME, superseded = false, final = false, due = 0,
            done_fence = 0, done_outcome = NO_OUTCOME, reasons = {}, leases = {}, due_was = 0}
end

local function record_pack(r)
    return pack(r.state, r.line, r.number, r.ready, r.failures, r.fence, r.boot, r.granted, r.since, r.until_us,
                r.failed, r.outcome, r.superseded, r.final, r.due, r.done_fence, r.done_outcome, r.reasons, r.leases)
end

local function record_unpack(text)
    local r = {}
    r.state, r.line, r.number, r.ready, r.failures, r.fence, r.boot, r.granted, r.since, r.until_us,
        r.failed, r.outcome, r.superseded, r.final, r.due, r.done_fence, r.done_outcome, r.reasons, r.leases =
        unpack_text(text)
    r.due_was = r.due
    return r
end

-- Reads the wanted {fleet name -> list of instances} with one call a fleet.
local function records_read(wanted)
    for fleet, names in pairs(wanted) do
        local known = records[fleet] or {}
        records[fleet] = known
        local texts = call('HMGET', K_RECORDS .. fleet, unpack(names))
        for i, name in ipairs(names) do
            if not known[name] then
                known[name] = texts[i] and record_unpack(texts[i]) or record_new()
                known[name].new = not texts[i] -- not in the hash yet
            end
        end
    end
end

local function record_of(fleet, instance)
    local known = records[fleet.name]
    if not (known and known[instance]) then records_read({[fleet.name] = {instance}}) end
    return records[fleet.name][instance]
end

-- The one place where a record changes state: the fleet's counts follow.
local function record_move(fleet, r, state)
    local from, line = r.state, fleet.lines[r.line + 1]
    fleet.count[from] = (fleet.count[from] or 0) - 1
    fleet.count[state] = (fleet.count[state] or 0) + 1
    if from == WAITING then
        line.waiting = line.waiting - 1
        if r.ready then line.ready = line.ready - 1 end
        r.ready = false
    end
    r.state, r.final, r.due, r.until_us, r.since = state, false, 0, 0, NOW
    if state == NONE then
        r.failures, r.fence, r.boot, r.number, r.line, r.since = 0, 0, '', 0, 0, 0
        r.outcome, r.done_fence, r.done_outcome, r.reasons = NO_OUTCOME, 0, NO_OUTCOME, {}
        r.superseded, r.failed = false, 0
    end
end

local function write_many(command, key, list)
    for i = 1, #list, 1000 do call(command, key, unpack(list, i, min(i + 999, #list))) end
end

local function records_write()
    local due, undue = {}, {}
    for fleet, known in pairs(records) do
        local set, gone = {}, {}
        for name, r in pairs(known) do
            if r.state ~= NONE then
                set[#set + 1], set[#set + 2] = name, record_pack(r)
            else
                gone[#gone + 1] = name
            end
            if r.due ~= r.due_was then
                if r.due > 0 then
                    due[#due + 1], due[#due + 2] = digits(r.due), fleet .. '/' .. name
                else
                    undue[#undue + 1] = fleet .. '/' .. name
                end
            end
        end
        write_many('HSET', K_RECORDS .. fleet, set)
        write_many('HDEL', K_RECORDS .. fleet, gone)
    end
    write_many('ZADD', K_DUE, due)
    write_many('ZREM', K_DUE, undue)
end
