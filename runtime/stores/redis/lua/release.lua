-- key, fence → 1 when the lease was held with this fence
if not holds(ARGV[3], tonumber(ARGV[4])) then return 0 end
call('HSET', P .. 'l:' .. ARGV[3], 'u', 0)
return 1
