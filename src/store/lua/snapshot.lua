-- What every reply ends with: the policy's counters, in the order redis_reply.c reads them.
local function snapshot_dependency(d)
    local cohorts = {}
    for i, c in ipairs(d.cohorts) do
        cohorts[i] = {c.id, c.granted, c.recovered, c.failed, c.expired, c.excused, c.first, c.last, c.again, c.histogram}
    end
    return {d.name, d.phase, d.cohort, d.bucket.rate, d.bucket.burst / MICRO, d.in_flight_max, d.paced, d.paced and d.pace.rate or 0,
            d.paced and d.pace.burst or 0, d.window, d.excused_from, d.excused_to, d.bucket.tokens, d.in_flight, d.spilled, d.granted,
            d.recovered, d.failed, d.expired, cohorts}
end

local function snapshot_fleet(f)
    local lines = {}
    for i, l in ipairs(f.lines) do
        lines[i] = {l.tail, serving(l), l.waiting, l.ready, l.granted, l.base, l.rate, l.from, l.until_us}
    end
    return {f.name, f.paused, f.held, lines, f.count[GRANTED] or 0, f.count[BACKOFF] or 0, f.count[QUARANTINED] or 0,
            f.granted, f.recovered, f.failed, f.expired, f.superseded}
end

local function snapshot()
    local l, ds, fs = S.leader, {}, {}
    local led = NOW < l.until_us
    for i, d in ipairs(S.dependencies) do ds[i] = snapshot_dependency(d) end
    for _, f in ipairs(S.fleets) do
        if not f.gone then fs[#fs + 1] = snapshot_fleet(f) end
    end
    return {NOW, S.epoch, S.fence, S.generation, S.learning, S.lease, led and l.number or 0, led and l.until_us or 0,
            led and l.id or '', S.notes_version, ds, fs}
end
