-- queue, id → 1 when the job was dead
local queue, id = ARGV[3], ARGV[4]
if call('ZREM', P .. 'z:' .. queue, id) == 0 then return 0 end
local job = call('HMGET', P .. 'j:' .. queue .. ':' .. id, 'l', 'b')
call('DEL', P .. 'j:' .. queue .. ':' .. id)
append(queue, id, job[1], now, job[2], nextNumber())
return 1
