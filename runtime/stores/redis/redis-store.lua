-- The scripts of the store. Each begins with a line "-- script: <name>"; what comes before the first one is prepended to
-- every script. ARGV[1] is the prefix of all keys, ARGV[2] the time in milliseconds or '' for the server's
-- clock. The stored keys, after the prefix:
--   n                  the last used number of the sequence
--   k:<key>            hash: v value (JSON text), r revision, x expires, s its sets (JSON)
--   s:<set> e:<set>    zset of members; zset of members that expire, by expiry time
--   x                  zset of keys that expire, by expiry time
--   l:<key>  lx        hash: o owner, f fence, u until; zset of leases by the time when their fence is forgotten
--   q:<queue>          zset of lanes that have jobs, by the time when their first job may be taken
--   w:<queue>:<lane>   zset of waiting and taken job ids, by their position
--   j:<queue>:<id>     hash: l lane, a at, b body, t tries, f failures, k token; of a dead job also r reason, z time
--   c  z:<queue>       hash of pending counts; zset of dead job ids, oldest first
--   d                  zset of <queue>:<id> of done jobs, by the time when they are forgotten
--   sw                 time of the last sweep of expired data
--   b:<bucket> h:<bucket> bx   zset of spent entries, by time; end of the pause; zset of buckets by the time when both are over
--   p:<bucket>         'needed' or 'sent': the pause needs a probe at its end, or its probe is under way; absent: it needs none
local P = ARGV[1]
local call = redis.call

local now = tonumber(ARGV[2])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Reserves `count` consecutive numbers and returns the first. It is at least the time, so that numbers are not used
-- again after all data was lost.
local function newNumbers(count)
  local first = math.max(tonumber(call('GET', P .. 'n') or 0) + 1, now)
  call('SET', P .. 'n', string.format('%.0f', first + count - 1))
  return first
end

local function nextNumber() return newNumbers(1) end

local function liveRev(key)
  local kept = call('HMGET', P .. 'k:' .. key, 'r', 'x')
  if kept[1] and (not kept[2] or tonumber(kept[2]) > now) then return tonumber(kept[1]) end
  return 0
end

local function forget(key)
  local sets = call('HGET', P .. 'k:' .. key, 's')
  for _, name in ipairs(sets and cjson.decode(sets) or {}) do
    call('ZREM', P .. 's:' .. name, key)
    call('ZREM', P .. 'e:' .. name, key)
  end
  call('DEL', P .. 'k:' .. key)
  call('ZREM', P .. 'x', key)
end

-- A pause whose probe was never sent is forgotten after a day (see shared/store/sql/buckets.ts).
local UNUSED_PROBE_RETENTION = 86400000

-- Returns the end of a bucket's pause (0: there is none) and its probe: 'none', 'needed' or 'sent'.
local function readPause(bucket)
  local kept = call('MGET', P .. 'h:' .. bucket, P .. 'p:' .. bucket)
  local ends, probe = tonumber(kept[1] or 0), kept[2] or 'none'
  local forgotten = probe == 'none' and ends or ends + UNUSED_PROBE_RETENTION
  if forgotten <= now then return 0, 'none' end
  return ends, probe
end

local function writePause(bucket, ends, probe)
  call('SET', P .. 'h:' .. bucket, string.format('%.0f', ends))
  if probe == 'none' then
    call('DEL', P .. 'p:' .. bucket)
    call('ZADD', P .. 'bx', 'GT', ends, bucket)
  else
    call('SET', P .. 'p:' .. bucket, probe)
    call('ZADD', P .. 'bx', 'GT', ends + UNUSED_PROBE_RETENTION, bucket)
  end
end

local function holds(key, fence)
  local lease = call('HMGET', P .. 'l:' .. key, 'f', 'u')
  return tonumber(lease[1]) == fence and tonumber(lease[2]) > now
end

local function append(queue, id, lane, at, body, place)
  call('HSET', P .. 'j:' .. queue .. ':' .. id, 'l', lane, 'a', at, 'b', body, 't', 0)
  call('ZADD', P .. 'w:' .. queue .. ':' .. lane, place, id)
  -- An existing lane has an earlier first job, which stays its head.
  call('ZADD', P .. 'q:' .. queue, 'NX', at, lane)
  call('HINCRBY', P .. 'c', queue, 1)
end

-- Deletes expired data, at most ten times a second, so that not every change has to search every index. It deletes more
-- entries at once than are added in a tenth of a second.
local function sweep()
  if now < tonumber(call('GET', P .. 'sw') or 0) + 100 then return end
  call('SET', P .. 'sw', string.format('%.0f', now))
  local function findExpired(index)
    return call('ZRANGEBYSCORE', P .. index, '-inf', now, 'LIMIT', 0, 1000)
  end
  for _, key in ipairs(findExpired('x')) do forget(key) end
  for _, key in ipairs(findExpired('lx')) do
    call('DEL', P .. 'l:' .. key)
    call('ZREM', P .. 'lx', key)
  end
  for _, bucket in ipairs(findExpired('bx')) do
    call('DEL', P .. 'b:' .. bucket, P .. 'h:' .. bucket, P .. 'p:' .. bucket)
    call('ZREM', P .. 'bx', bucket)
  end
  local done = findExpired('d')
  if #done > 0 then call('ZREM', P .. 'd', unpack(done)) end
end

-- script: <name>".

-- script: now
return now

-- script: read
-- keys… → {value, rev} or {} for each
local found = {}
for i = 3, #ARGV do
  local kept = call('HMGET', P .. 'k:' .. ARGV[i], 'v', 'r', 'x')
  local live = kept[1] and (not kept[3] or tonumber(kept[3]) > now)
  found[#found + 1] = live and { kept[1], kept[2] } or {}
end
return found

-- script: scan
-- set, after or '', limit → {key, value, rev} for each, one more than the limit when there are more
local set, after, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
local rows = {}
repeat
  local from = after == '' and '-' or '(' .. after
  local keys = call('ZRANGEBYLEX', P .. 's:' .. set, from, '+', 'LIMIT', 0, limit + 1)
  for _, key in ipairs(keys) do
    after = key
    local kept = call('HMGET', P .. 'k:' .. key, 'v', 'r', 'x')
    if not kept[3] or tonumber(kept[3]) > now then rows[#rows + 1] = { key, kept[1], kept[2] } end
    if #rows > limit then return rows end
  end
until #keys <= limit
return rows

-- script: count
-- set → number of its keys that have not expired
return call('ZCARD', P .. 's:' .. ARGV[3]) - call('ZCOUNT', P .. 'e:' .. ARGV[3], '-inf', now)

-- script: commit
-- [{e: [[key, rev]], f?: [key, fence], p: [{k, v?: true, x?, s?}], j: [{q, i, l, a?}]}] → the outcome of each commit,
-- each based on the state after the previous one. The further arguments are, commit by commit, the text of each put
-- that has one and of each job: values never pass through cjson, because it would change numbers and empty arrays.
local commits = cjson.decode(ARGV[3])
local text = 3
local rev

local function nextText()
  text = text + 1
  return ARGV[text]
end

-- Sweeps and reserves numbers once for all commits, before the first one that is stored.
local function begin()
  if rev then return end
  sweep()
  local count = 0
  for _, commit in ipairs(commits) do count = count + 1 + #commit.j end
  rev = newNumbers(count)
end

local function findRefusal(commit)
  if commit.f and not holds(commit.f[1], commit.f[2]) then return 'fenced' end
  for _, expected in ipairs(commit.e) do
    if liveRev(expected[1]) ~= expected[2] then return 'stale' end
  end
end

local function skipTexts(commit)
  for _, put in ipairs(commit.p) do text = text + (put.v and 1 or 0) end
  text = text + #commit.j
end

local function store(commit)
  begin()
  for _, put in ipairs(commit.p) do
    forget(put.k)
    if put.v then
      local key = P .. 'k:' .. put.k
      call('HSET', key, 'v', nextText(), 'r', rev)
      if put.x then
        call('HSET', key, 'x', now + put.x)
        call('ZADD', P .. 'x', now + put.x, put.k)
      end
      if put.s then call('HSET', key, 's', cjson.encode(put.s)) end
      for _, name in ipairs(put.s or {}) do
        call('ZADD', P .. 's:' .. name, 0, put.k)
        if put.x then call('ZADD', P .. 'e:' .. name, now + put.x, put.k) end
      end
    end
  end
  rev = rev + 1

  for _, job in ipairs(commit.j) do
    local body = nextText()
    local forgotten = call('ZSCORE', P .. 'd', job.q .. ':' .. job.i)
    local seen = forgotten and tonumber(forgotten) > now or call('EXISTS', P .. 'j:' .. job.q .. ':' .. job.i) == 1
    if not seen then
      append(job.q, job.i, job.l, job.a or now, body, rev)
      rev = rev + 1
    end
  end
end

local outcomes = {}
for i, commit in ipairs(commits) do
  local refusal = findRefusal(commit)
  if refusal then skipTexts(commit) else store(commit) end
  outcomes[i] = refusal or 'committed'
end
return outcomes

-- script: trim
-- set, keep, max → number of deleted keys: the last ones beyond the first `keep` keys that have not expired
local set, keep, max = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local expired = call('ZCOUNT', P .. 'e:' .. set, '-inf', now)
local excess = math.min(call('ZCARD', P .. 's:' .. set) - expired - keep, max)
if excess <= 0 then return 0 end
-- Expired keys among the last ones do not count. They are swept up to 1000 at a time, so there are rarely more.
local keys = call('ZREVRANGEBYLEX', P .. 's:' .. set, '+', '-', 'LIMIT', 0, excess + math.min(expired, 1000))
local deleted = 0
for _, key in ipairs(keys) do
  if deleted == excess then break end
  if liveRev(key) > 0 then
    forget(key)
    deleted = deleted + 1
  end
end
return deleted

-- script: lease
-- key, owner, ttl, remember → {1, fence, until} or {0, owner, until}
local key, owner, ttl = ARGV[3], ARGV[4], tonumber(ARGV[5])
local lease = call('HMGET', P .. 'l:' .. key, 'o', 'f', 'u')
local held = lease[1] and tonumber(lease[3]) > now
if held and lease[1] ~= owner then return { 0, lease[1], tonumber(lease[3]) } end
local fence = tonumber(lease[2] or 0)
if not held then fence = math.max(fence + 1, now) end
call('HSET', P .. 'l:' .. key, 'o', owner, 'f', fence, 'u', now + ttl)
call('ZADD', P .. 'lx', now + ttl + tonumber(ARGV[6]), key)
return { 1, fence, now + ttl }

-- script: release
-- key, fence → 1 when the lease was held with this fence
local key, fence = ARGV[3], tonumber(ARGV[4])
if not holds(key, fence) then return 0 end
call('HSET', P .. 'l:' .. key, 'u', 0)
return 1

-- script: <name>".

-- script: take
-- queue, ttl, max → until, then {id, lane, body, tries, failures, token} for each
local queue, ttl = ARGV[3], tonumber(ARGV[4])
sweep()
local taken = { now + ttl }
for _, lane in ipairs(call('ZRANGEBYSCORE', P .. 'q:' .. queue, '-inf', now, 'LIMIT', 0, ARGV[5])) do
  local id = call('ZRANGE', P .. 'w:' .. queue .. ':' .. lane, 0, 0)[1]
  local job = P .. 'j:' .. queue .. ':' .. id
  local tries = call('HINCRBY', job, 't', 1)
  local token = string.format('%.0f', nextNumber())
  call('HSET', job, 'k', token)
  call('ZADD', P .. 'q:' .. queue, now + ttl, lane)
  local kept = call('HMGET', job, 'b', 'f')
  taken[#taken + 1] = { id, lane, kept[1], tries, kept[2] or 0, token }
end
return taken

-- script: acknowledge
-- queue, id, token, 'done' | 'retry' | 'dead', remember | at, failures to add | reason → 1 unless the lease was lost
-- A late acknowledgement still counts until the job is taken again, because its token stays until then.
local queue, id, token, how = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local job = P .. 'j:' .. queue .. ':' .. id
local kept = call('HMGET', job, 'k', 'l')
if kept[1] ~= token then return 0 end
local lanes, lane = P .. 'q:' .. queue, kept[2]

if how == 'retry' then
  call('HDEL', job, 'k')
  call('HSET', job, 'a', ARGV[7])
  if ARGV[8] ~= '0' then call('HINCRBY', job, 'f', ARGV[8]) end
  call('ZADD', lanes, ARGV[7], lane)
  return 1
end

local waiting = P .. 'w:' .. queue .. ':' .. lane
call('ZREM', waiting, id)
call('HINCRBY', P .. 'c', queue, -1)
local head = call('ZRANGE', waiting, 0, 0)[1]
if head then
  call('ZADD', lanes, call('HGET', P .. 'j:' .. queue .. ':' .. head, 'a'), lane)
else
  call('ZREM', lanes, lane)
end
if how == 'dead' then
  call('HDEL', job, 'k')
  call('HSET', job, 'r', ARGV[7], 'z', now)
  call('ZADD', P .. 'z:' .. queue, nextNumber(), id)
else
  call('DEL', job)
  call('ZADD', P .. 'd', now + tonumber(ARGV[7]), queue .. ':' .. id)
end
return 1

-- script: dead
-- queue, limit → {id, lane, body, reason, at} for each
local jobs = {}
if tonumber(ARGV[4]) < 1 then return jobs end
for _, id in ipairs(call('ZRANGE', P .. 'z:' .. ARGV[3], 0, tonumber(ARGV[4]) - 1)) do
  local job = call('HMGET', P .. 'j:' .. ARGV[3] .. ':' .. id, 'l', 'b', 'r', 'z')
  jobs[#jobs + 1] = { id, job[1], job[2], job[3], job[4] }
end
return jobs

-- script: replay
-- queue, id → 1 when the job was dead
local queue, id = ARGV[3], ARGV[4]
if call('ZREM', P .. 'z:' .. queue, id) == 0 then return 0 end
local job = call('HMGET', P .. 'j:' .. queue .. ':' .. id, 'l', 'b')
call('DEL', P .. 'j:' .. queue .. ':' .. id)
append(queue, id, job[1], now, job[2], nextNumber())
return 1

-- script: discard
-- queue, id, remember → 1 when the job was dead
local queue, id = ARGV[3], ARGV[4]
if call('ZREM', P .. 'z:' .. queue, id) == 0 then return 0 end
call('DEL', P .. 'j:' .. queue .. ':' .. id)
call('ZADD', P .. 'd', now + tonumber(ARGV[5]), queue .. ':' .. id)
return 1

-- script: advance
-- queue, latest → number of changed jobs
local lanes, latest, advanced = P .. 'q:' .. ARGV[3], ARGV[4], 0
for _, lane in ipairs(call('ZRANGEBYSCORE', lanes, '(' .. latest, '+inf')) do
  local job = P .. 'j:' .. ARGV[3] .. ':' .. call('ZRANGE', P .. 'w:' .. ARGV[3] .. ':' .. lane, 0, 0)[1]
  local kept = call('HMGET', job, 't', 'k')
  if tonumber(kept[1]) > 0 and not kept[2] then
    call('HSET', job, 'a', latest)
    call('ZADD', lanes, latest, lane)
    advanced = advanced + 1
  end
end
return advanced

-- script: stats
-- queues… → {pending, dead, oldest or nothing} for each
local stats = {}
for i = 3, #ARGV do
  local oldest = call('ZRANGEBYSCORE', P .. 'q:' .. ARGV[i], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
  local pending = tonumber(call('HGET', P .. 'c', ARGV[i]) or 0)
  stats[#stats + 1] = { pending, call('ZCARD', P .. 'z:' .. ARGV[i]), oldest[2] }
end
return stats

-- script: <name>".

-- script: consume
-- bucket, n, limit, window for each → 0, or the milliseconds to wait
local function computeWait(bucket, n, limit, window)
  local spent = P .. 'b:' .. bucket
  -- A member is <time when it no longer counts>:<number>:<n>.
  for _, member in ipairs(call('ZRANGEBYSCORE', spent, '-inf', now - window, 'LIMIT', 0, 100)) do
    if tonumber(string.match(member, '^(%d+):')) <= now then call('ZREM', spent, member) end
  end

  local ends, probe = readPause(bucket)
  local wait = math.max(0, ends - now)
  -- While a probe is needed or under way, callers check every second for its result (see shared/store/sql/buckets.ts).
  if probe ~= 'none' and wait == 0 then wait = 1000 elseif probe == 'sent' then wait = math.min(wait, 1000) end
  local entries = call('ZRANGEBYSCORE', spent, string.format('(%.0f', now - window), '+inf', 'WITHSCORES')
  local over = n - limit
  for i = 1, #entries, 2 do
    over = over + tonumber(string.match(entries[i], ':(%d+)$'))
    -- After the clock was set back, a future entry counts as spent now; else it would count until the clock has caught up.
    if tonumber(entries[i + 1]) > now then
      entries[i + 1] = now
      call('ZADD', spent, now, entries[i])
    end
  end
  if n > limit then return math.max(wait, window) end
  if over <= 0 then return wait end
  for i = 1, #entries, 2 do
    over = over - tonumber(string.match(entries[i], ':(%d+)$'))
    if over <= 0 then return math.max(wait, tonumber(entries[i + 1]) + window - now) end
  end
  return wait
end

local wait = 0
for i = 3, #ARGV, 4 do
  wait = math.max(wait, computeWait(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])))
end
if wait > 0 then return wait end
for i = 3, #ARGV, 4 do
  local bucket, n, ends = ARGV[i], tonumber(ARGV[i + 1]), now + tonumber(ARGV[i + 3])
  if n > 0 then
    call('ZADD', P .. 'b:' .. bucket, now, string.format('%.0f:%.0f:%.0f', ends, nextNumber(), n))
    call('ZADD', P .. 'bx', 'GT', ends, bucket)
  end
end
return 0

-- script: count-consumed
-- bucket, window → what was spent in the window; nothing changes
local consumed = 0
local after = string.format('(%.0f', now - tonumber(ARGV[4]))
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'b:' .. ARGV[3], after, '+inf')) do
  consumed = consumed + tonumber(string.match(member, ':(%d+)$'))
end
return consumed

-- script: pause
-- bucket, wait, 1 when a probe is needed
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local pausedUntil, probe = readPause(bucket)
-- The answer to a probe replaces its lease; otherwise the later end counts.
if probe ~= 'sent' then ends = math.max(ends, pausedUntil) end
writePause(bucket, ends, (probe ~= 'none' or ARGV[5] == '1') and 'needed' or 'none')
return 1

-- script: limit-pause
-- bucket, max → 1 when the pause ended later than that
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local pausedUntil = readPause(bucket)
if pausedUntil <= ends then return 0 end
writePause(bucket, ends, 'needed')
return 1

-- script: take-probe
-- bucket, n, window, lease → 1 when the probe is granted
local bucket, n, window, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local pausedUntil, probe = readPause(bucket)
if probe == 'none' or pausedUntil > now then return 0 end
writePause(bucket, now + lease, 'sent')
call('ZADD', P .. 'b:' .. bucket, now, string.format('%.0f:%.0f:%.0f', now + window, nextNumber(), n))
return 1

-- script: end-probe
-- bucket
local _, probe = readPause(ARGV[3])
if probe == 'sent' then call('DEL', P .. 'h:' .. ARGV[3], P .. 'p:' .. ARGV[3]) end
return 1

-- script: pauses
-- → {bucket, end, probe} for each
local found = {}
for _, bucket in ipairs(call('ZRANGEBYSCORE', P .. 'bx', string.format('(%.0f', now), '+inf')) do
  local ends, probe = readPause(bucket)
  if ends > 0 then found[#found + 1] = { bucket, string.format('%.0f', ends), probe } end
end
return found
