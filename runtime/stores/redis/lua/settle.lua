-- queue, id, token, 'done' | 'retry' | 'dead', remember | at, failures to add | reason → 1 unless the lease was lost
-- A late settle still counts until the job is taken again, because its token stays until then.
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
