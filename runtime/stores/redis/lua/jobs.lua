-- Scripts of queues. Each begins with a line "-- script: <name>".

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
