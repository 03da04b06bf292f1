-- set, keep, max → number of deleted keys: the last ones beyond the first `keep` keys that have not expired
local set, keep, max = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local expired = call('ZCOUNT', P .. 'e:' .. set, '-inf', now)
local excess = math.min(call('ZCARD', P .. 's:' .. set) - expired - keep, max)
if excess <= 0 then return 0 end
-- Expired keys among the last ones do not count. They are swept up to 1000 at a time, so there are rarely more.
local keys = call('ZREVRANGEBYLEX', P .. 's:' .. set, '+', '-', 'LIMIT', 0, excess + math.min(expired, 1000))
local deleted = 0
for _, key in ipairs(keys) do
  if deleted == excess then break end
  if liveRev(key) > 0 then
    forget(key)
    deleted = deleted + 1
  end
end
return deleted
