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
