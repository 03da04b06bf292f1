-- bucket, n, limit, window for each → 0, or the milliseconds to wait
local function computeWait(bucket, n, limit, window)
  local spent = P .. 'b:' .. bucket
  -- A member is <time when it no longer counts>:<number>:<n>.
  for _, member in ipairs(call('ZRANGEBYSCORE', spent, '-inf', now - window, 'LIMIT', 0, 100)) do
    if tonumber(string.match(member, '^(%d+):')) <= now then call('ZREM', spent, member) end
  end

  local ends, probe = readHold(bucket)
  local wait = math.max(0, ends - now)
  -- While a probe is needed or under way, callers check every second for its result (see shared/store/hold.ts).
  if probe ~= 'none' and wait == 0 then wait = 1000 elseif probe == 'sent' then wait = math.min(wait, 1000) end
  local entries = call('ZRANGEBYSCORE', spent, string.format('(%.0f', now - window), '+inf', 'WITHSCORES')
  local over = n - limit
  for i = 1, #entries, 2 do
    over = over + tonumber(string.match(entries[i], ':(%d+)$'))
    -- After the clock was set back, a future entry counts as spent now; else it would count until the clock has caught up.
    if tonumber(entries[i + 1]) > now then
      entries[i + 1] = now
      call('ZADD', spent, now, entries[i])
    end
  end
  if n > limit then return math.max(wait, window) end
  if over <= 0 then return wait end
  for i = 1, #entries, 2 do
    over = over - tonumber(string.match(entries[i], ':(%d+)$'))
    if over <= 0 then return math.max(wait, tonumber(entries[i + 1]) + window - now) end
  end
  return wait
end

local wait = 0
for i = 3, #ARGV, 4 do
  wait = math.max(wait, computeWait(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])))
end
if wait > 0 then return wait end
for i = 3, #ARGV, 4 do
  local bucket, n, ends = ARGV[i], tonumber(ARGV[i + 1]), now + tonumber(ARGV[i + 3])
  if n > 0 then
    call('ZADD', P .. 'b:' .. bucket, now, string.format('%.0f:%.0f:%.0f', ends, nextNumber(), n))
    call('ZADD', P .. 'bx', 'GT', ends, bucket)
  end
end
return 0
