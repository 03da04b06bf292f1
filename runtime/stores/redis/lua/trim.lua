-- set, keep, max → number of deleted keys: the last ones beyond the first `keep` keys that have not expired
local set, keep, max = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local live = call('ZCARD', P .. 's:' .. set) - call('ZCOUNT', P .. 'e:' .. set, '-inf', now)
local excess = math.min(live - keep, max)
if excess <= 0 then return 0 end
local keys = call('ZREVRANGEBYLEX', P .. 's:' .. set, '+', '-', 'LIMIT', 0, excess)
for _, key in ipairs(keys) do forget(key) end
return #keys
