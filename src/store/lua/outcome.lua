-- RENEW, COMPLETE, LEAVE, GET, RELEASE.
local function on_renew(op, fleet, r)
    if r.state == GRANTED then
        if op.fence == r.fence then
            r.until_us = NOW + fleet.lease
            r.due = r.until_us
            return 0
        end
        return op.fence < r.fence and E_SUPERSEDED or E_CONFLICT
    end
    if r.state == NONE then return E_EXPIRED end
    if op.fence == r.fence and r.outcome == EXPIRED then return E_EXPIRED end
    if op.fence == r.fence and r.superseded then return E_SUPERSEDED end
    return E_CONFLICT
end

local function recover(fleet, r)
    record_move(fleet, r, DONE)
    r.failures, r.outcome, r.superseded, r.since, r.failed = 0, RECOVERED, false, NOW, 0
    r.until_us = NOW + remember_us(fleet)
    r.due = r.until_us
    fleet.recovered = fleet.recovered + 1
end

local function on_complete(op, fleet, r, reply)
    if r.state == NONE then return op.fence ~= 0 and E_EXPIRED or E_NOT_FOUND end
    local own = r.fence ~= 0 and (op.fence == 0 or op.fence == r.fence)
    if r.state == GRANTED and own then
        if op.outcome == RECOVERED then
            free(r, 'recovered', 'recovered')
            recover(fleet, r)
        else
            fail(fleet, r, FAILED, op.reason)
        end
        return 0
    end
    if own and r.outcome ~= NO_OUTCOME then
        if r.outcome == op.outcome or r.outcome == EXPIRED and op.outcome == FAILED then
            reply.already = true
            return 0
        end
        if r.outcome == EXPIRED and op.outcome == RECOVERED then
            recover(fleet, r)
            return 0
        end
        return E_CONFLICT
    end
    if op.fence ~= 0 and op.fence == r.done_fence then
        reply.already = r.done_outcome == op.outcome
        return reply.already and 0 or E_CONFLICT
    end
    return r.state == GRANTED and op.fence < r.fence and E_SUPERSEDED or E_CONFLICT
end

local function on_leave(op, fleet, r, reply)
    if r.state == GRANTED then
        if op.fence ~= 0 and op.fence ~= r.fence then return E_SUPERSEDED end
        free(r, 'excused', nil)
    elseif r.state ~= WAITING then
        reply.already = true
        return 0
    end
    if r.failures == 0 then
        record_move(fleet, r, NONE)
        return 0
    end
    record_move(fleet, r, BACKOFF)
    r.until_us, r.due = NOW, NOW + remember_us(fleet)
    return 0
end

local function on_get(_, fleet, r, reply)
    if r.state ~= WAITING then return 0 end
    reply.called = r.number <= serving(fleet.lines[r.line + 1]) and not fleet.paused and not fleet.held
    reply.limit = reply.called and LIMIT.none or fleet.paused and LIMIT.paused or fleet.held and LIMIT.after or LIMIT.line
    return 0
end

local function on_release(_, fleet, r)
    if r.state ~= QUARANTINED then return E_NOT_FOUND end
    record_move(fleet, r, NONE)
    return 0
end
