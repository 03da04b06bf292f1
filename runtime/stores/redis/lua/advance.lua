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
