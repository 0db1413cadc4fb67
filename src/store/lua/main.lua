-- One group: read, settle, due, operations in order, write, snapshot. Nothing is written before every operation
-- has run, but notes and stale due entries: a script that fails half way leaves the permits as they were.
local function instance_op(handler, fields)
    return {about = 'instance', handler = handler, fields = fields}
end
local function policy_op(handler, unconfigured, fields)
    return {handler = handler, unconfigured = unconfigured, fields = fields}
end

local OPERATIONS = { -- by enum op_kind + 1; the fields after the kind, in the order group_encode.c writes them
    instance_op(on_acquire, {'fleet', 'instance', 'boot', 'priority', 'observe'}),
    instance_op(on_renew, {'fleet', 'instance', 'fence'}),
    instance_op(on_complete, {'fleet', 'instance', 'fence', 'outcome', 'reason'}),
    instance_op(on_leave, {'fleet', 'instance', 'fence'}),
    instance_op(on_get, {'fleet', 'instance'}),
    instance_op(on_release, {'fleet', 'instance'}),
    policy_op(on_lead, true, {'id', 'lease', 'generation'}),
    policy_op(on_configure, true, {'leader', 'generation', 'fresh', 'dependencies', 'fleets'}),
    policy_op(on_plan, false, {'leader', 'dependencies', 'fleets'}),
    policy_op(on_note_put, true, {'leader', 'key', 'value', 'until_us'}),
    policy_op(on_note_list, true, {'prefix', 'count'}),
    policy_op(on_list, false, {'fleet', 'state', 'cursor', 'count'}),
    policy_op(on_sweep, false, {'fleet', 'leader', 'number', 'number_retry'}),
}

local function read_operations()
    local list, wanted = {}, {}
    for i, w in ipairs(GROUP[3]) do
        local kind = OPERATIONS[w[1] + 1]
        local op = {kind = kind}
        for k, name in ipairs(kind.fields) do op[name] = w[k + 1] end
        list[i] = op
        if kind.about and fleets[op.fleet] then
            wanted[op.fleet] = wanted[op.fleet] or {}
            table.insert(wanted[op.fleet], op.instance)
        end
    end
    return list, wanted
end

local function run(op)
    local reply = {already = false, called = false, limit = LIMIT.none, limit_dependency = 0, wait = 0, leader = 0,
                   dropped = 0}
    local r, status
    if S.generation < 0 and not op.kind.unconfigured then
        status, reply.limit = E_NOT_READY, LIMIT.store
    elseif not op.kind.about then
        status = op.kind.handler(op, reply)
    elseif not fleets[op.fleet] then
        status = E_NOT_FOUND
    else
        local fleet = fleets[op.fleet]
        r = record_of(fleet, op.instance)
        status = op.kind.handler(op, fleet, r, reply)
    end
    r = r or record_new()
    local out = {status, r.state, r.line, r.state == WAITING and r.number or 0, r.fence, r.state == NONE and 0 or r.failures + 1, r.since,
                 r.until_us, reply.already, reply.called, reply.limit, reply.limit_dependency, reply.wait, r.outcome,
                 reply.leader, reply.dropped, r.reasons}
    if reply.items then out[18], out[19] = reply.cursor, reply.items end
    if reply.notes then out[18] = reply.notes end
    return out
end

load_state()
start_clock()
settle_all()
local operations, wanted = read_operations()
records_read(wanted)
run_due()
drop_old_notes()
local replies = {}
for i, op in ipairs(operations) do replies[i] = run(op) end
for _, out in ipairs(replies) do -- a CONFIGURE may have moved them since
    local d = by_uid[out[12]]
    out[12] = d and d.index or -1
end
records_write()
call('SET', K_STATE, pack(S))
return pack({snapshot(), replies})
