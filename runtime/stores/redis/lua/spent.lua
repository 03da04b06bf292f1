-- bucket, window → what was spent in the window; nothing changes
local spent = 0
local after = string.format('(%.0f', now - tonumber(ARGV[4]))
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'b:' .. ARGV[3], after, '+inf')) do
  spent = spent + tonumber(string.match(member, ':(%d+)$'))
end
return spent
