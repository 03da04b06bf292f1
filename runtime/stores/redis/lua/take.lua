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
