-- Prepended to every script. ARGV[1] is the prefix of all keys, ARGV[2] the time in milliseconds or '' for the server's
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
