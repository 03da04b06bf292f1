-- bucket, wait
local ends = now + tonumber(ARGV[4])
if ends > tonumber(call('GET', P .. 'h:' .. ARGV[3]) or 0) then
  call('SET', P .. 'h:' .. ARGV[3], string.format('%.0f', ends))
  call('ZADD', P .. 'bx', 'GT', ends, ARGV[3])
end
return 1
