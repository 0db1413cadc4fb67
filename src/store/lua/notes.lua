-- Notes: small named texts. S.notes_next is the earliest time one of them goes by itself (0: none does).
local function less_bytes(a, b) -- `<` would follow the server's locale
    for i = 1, min(#a, #b) do
        local x, y = string.byte(a, i), string.byte(b, i)
        if x ~= y then return x < y end
    end
    return #a < #b
end

local function notes_all()
    local flat, list = call('HGETALL', K_NOTES), {}
    for i = 1, #flat, 2 do
        local value, until_us = unpack_text(flat[i + 1])
        list[#list + 1] = {flat[i], value, until_us}
    end
    return list
end

local function drop_old_notes()
    if S.notes_next == 0 or NOW < S.notes_next then return end
    S.notes_next = 0
    for _, n in ipairs(notes_all()) do
        if n[3] <= NOW then
            call('HDEL', K_NOTES, n[1])
            S.notes_version = S.notes_version + 1
        elseif S.notes_next == 0 or n[3] < S.notes_next then
            S.notes_next = max(n[3], 1)
        end
    end
end

local function on_note_put(op)
    if op.leader ~= 0 and not leads(op.leader) then return E_STALE end
    if op.value == false then
        if call('HDEL', K_NOTES, op.key) == 0 then return 0 end
    else
        if call('HEXISTS', K_NOTES, op.key) == 0 and call('HLEN', K_NOTES) >= NOTES_MAX then return E_FULL end
        call('HSET', K_NOTES, op.key, pack(op.value, op.until_us))
        local next_us = max(op.until_us, 1)
        if S.notes_next == 0 or next_us < S.notes_next then S.notes_next = next_us end
    end
    S.notes_version = S.notes_version + 1
    return 0
end

local function on_note_list(op, reply)
    local list = {}
    for _, n in ipairs(notes_all()) do
        if string.sub(n[1], 1, #op.prefix) == op.prefix then list[#list + 1] = n end
    end
    table.sort(list, function(a, b) return less_bytes(a[1], b[1]) end)
    for i = #list, op.count + 1, -1 do list[i] = nil end
    reply.notes = list
    return 0
end
