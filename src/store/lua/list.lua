-- LIST and SWEEP: bounded steps of HSCAN. What this group has touched is newer than what the hash holds.
local function scan(fleet, cursor, count)
    local page = call('HSCAN', K_RECORDS .. fleet.name, cursor, 'COUNT', count)
    local known, list = records[fleet.name] or {}, {}
    for i = 1, #page[2], 2 do
        local name = page[2][i]
        list[#list + 1] = {name, known[name] or record_unpack(page[2][i + 1])}
    end
    if page[1] == '0' then -- the last page: and those the hash does not hold yet
        for name, r in pairs(known) do
            if r.new then list[#list + 1] = {name, r} end
        end
    end
    return page[1], list
end

-- A cursor is "SCAN:NAME": the page of HSCAN, and the name in it that was handed out last.
local function on_list(op, reply)
    local fleet = fleets[op.fleet]
    if not fleet then return E_NOT_FOUND end
    local at, after = string.match(op.cursor, '^(%d+):(.*)$')
    at, after = at or '0', after or ''
    local next_at, list = scan(fleet, at, 1000)
    table.sort(list, function(a, b) return less_bytes(a[1], b[1]) end)
    local items = {}
    reply.cursor = next_at == '0' and '' or next_at .. ':'
    for _, entry in ipairs(list) do
        local r = entry[2]
        if r.state == op.state and less_bytes(after, entry[1]) then
            if #items == op.count then
                reply.cursor = at .. ':' .. items[#items][1]
                break
            end
            items[#items + 1] = {entry[1], r.fence, r.failures + 1, r.since, r.until_us, r.reasons}
        end
    end
    reply.items = items
    return 0
end

local function on_sweep(op, reply)
    local fleet = fleets[op.fleet]
    if not fleet then return E_NOT_FOUND end
    if not leads(op.leader) then return E_STALE end
    local list
    fleet.cursor, list = scan(fleet, fleet.cursor, SWEEP_STEP)
    for _, entry in ipairs(list) do
        local r = entry[2]
        if r.state == WAITING and r.number <= (r.line == 0 and op.number or op.number_retry) then
            record_move(fleet, record_of(fleet, entry[1]), NONE)
            reply.dropped = reply.dropped + 1
        end
    end
    return 0
end
