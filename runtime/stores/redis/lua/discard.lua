-- queue, id, remember → 1 when the job was dead
local queue, id = ARGV[3], ARGV[4]
if call('ZREM', P .. 'z:' .. queue, id) == 0 then return 0 end
call('DEL', P .. 'j:' .. queue .. ':' .. id)
call('ZADD', P .. 'd', now + tonumber(ARGV[5]), queue .. ':' .. id)
return 1
