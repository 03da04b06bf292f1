-- bucket
local _, probe = readHold(ARGV[3])
if probe == 'sent' then call('DEL', P .. 'h:' .. ARGV[3], P .. 'p:' .. ARGV[3]) end
return 1
