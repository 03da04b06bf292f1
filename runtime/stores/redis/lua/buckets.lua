-- Scripts of rate limits. Each begins with a line "-- script: <name>".

-- script: consume
-- bucket, n, limit, window for each → 0, or the milliseconds to wait
local function computeWait(bucket, n, limit, window)
  local spent = P .. 'b:' .. bucket
  -- A member is <time when it no longer counts>:<number>:<n>.
  for _, member in ipairs(call('ZRANGEBYSCORE', spent, '-inf', now - window, 'LIMIT', 0, 100)) do
    if tonumber(string.match(member, '^(%d+):')) <= now then call('ZREM', spent, member) end
  end

  local ends, probe = readPause(bucket)
  local wait = math.max(0, ends - now)
  -- While a probe is needed or under way, callers check every second for its result (see shared/store/sql/buckets.ts).
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

-- script: count-consumed
-- bucket, window → what was spent in the window; nothing changes
local consumed = 0
local after = string.format('(%.0f', now - tonumber(ARGV[4]))
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'b:' .. ARGV[3], after, '+inf')) do
  consumed = consumed + tonumber(string.match(member, ':(%d+)$'))
end
return consumed

-- script: pause
-- bucket, wait, 1 when a probe is needed
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local pausedUntil, probe = readPause(bucket)
-- The answer to a probe replaces its lease; otherwise the later end counts.
if probe ~= 'sent' then ends = math.max(ends, pausedUntil) end
writePause(bucket, ends, (probe ~= 'none' or ARGV[5] == '1') and 'needed' or 'none')
return 1

-- script: limit-pause
-- bucket, max → 1 when the pause ended later than that
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local pausedUntil = readPause(bucket)
if pausedUntil <= ends then return 0 end
writePause(bucket, ends, 'needed')
return 1

-- script: take-probe
-- bucket, n, window, lease → 1 when the probe is granted
local bucket, n, window, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local pausedUntil, probe = readPause(bucket)
if probe == 'none' or pausedUntil > now then return 0 end
writePause(bucket, now + lease, 'sent')
call('ZADD', P .. 'b:' .. bucket, now, string.format('%.0f:%.0f:%.0f', now + window, nextNumber(), n))
return 1

-- script: end-probe
-- bucket
local _, probe = readPause(ARGV[3])
if probe == 'sent' then call('DEL', P .. 'h:' .. ARGV[3], P .. 'p:' .. ARGV[3]) end
return 1

-- script: pauses
-- → {bucket, end, probe} for each
local found = {}
for _, bucket in ipairs(call('ZRANGEBYSCORE', P .. 'bx', string.format('(%.0f', now), '+inf')) do
  local ends, probe = readPause(bucket)
  if ends > 0 then found[#found + 1] = { bucket, string.format('%.0f', ends), probe } end
end
return found
