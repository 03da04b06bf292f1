-- queues… → {pending, dead, oldest or nothing} for each
local stats = {}
for i = 3, #ARGV do
  local oldest = call('ZRANGEBYSCORE', P .. 'q:' .. ARGV[i], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
  local pending = tonumber(call('HGET', P .. 'c', ARGV[i]) or 0)
  stats[#stats + 1] = { pending, call('ZCARD', P .. 'z:' .. ARGV[i]), oldest[2] }
end
return stats
