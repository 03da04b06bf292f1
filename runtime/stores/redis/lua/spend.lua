-- bucket, n, limit, window → 0 or how long to wait
local bucket, n, limit, window = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local spent = P .. 'b:' .. bucket
-- A member is <when it no longer counts>:<number>:<n>.
for _, member in ipairs(call('ZRANGEBYSCORE', spent, '-inf', now - window, 'LIMIT', 0, 100)) do
  if tonumber(string.match(member, '^(%d+):')) <= now then call('ZREM', spent, member) end
end

local wait = tonumber(call('GET', P .. 'h:' .. bucket) or 0) - now
local entries = call('ZRANGEBYSCORE', spent, string.format('(%.0f', now - window), '+inf', 'WITHSCORES')
local over = n - limit
for i = 1, #entries, 2 do over = over + tonumber(string.match(entries[i], ':(%d+)$')) end
if n > limit then
  wait = math.max(wait, window)
elseif over > 0 then
  for i = 1, #entries, 2 do
    over = over - tonumber(string.match(entries[i], ':(%d+)$'))
    if over <= 0 then
      wait = math.max(wait, tonumber(entries[i + 1]) + window - now)
      break
    end
  end
end
if wait > 0 then return wait end
if n > 0 then
  call('ZADD', spent, now, string.format('%.0f:%.0f:%.0f', now + window, nextNumber(), n))
  call('ZADD', P .. 'bx', 'GT', now + window, bucket)
end
return 0
