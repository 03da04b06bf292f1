-- Scripts of values, sets and leases. Each begins with a line "-- script: <name>".

-- script: now
return now

-- script: read
-- keys… → {value, rev} or {} for each
local found = {}
for i = 3, #ARGV do
  local kept = call('HMGET', P .. 'k:' .. ARGV[i], 'v', 'r', 'x')
  local live = kept[1] and (not kept[3] or tonumber(kept[3]) > now)
  found[#found + 1] = live and { kept[1], kept[2] } or {}
end
return found

-- script: scan
-- set, after or '', limit → {key, value, rev} for each, one more than the limit when there are more
local set, after, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
local rows = {}
repeat
  local from = after == '' and '-' or '(' .. after
  local keys = call('ZRANGEBYLEX', P .. 's:' .. set, from, '+', 'LIMIT', 0, limit + 1)
  for _, key in ipairs(keys) do
    after = key
    local kept = call('HMGET', P .. 'k:' .. key, 'v', 'r', 'x')
    if not kept[3] or tonumber(kept[3]) > now then rows[#rows + 1] = { key, kept[1], kept[2] } end
    if #rows > limit then return rows end
  end
until #keys <= limit
return rows

-- script: count
-- set → number of its keys that have not expired
return call('ZCARD', P .. 's:' .. ARGV[3]) - call('ZCOUNT', P .. 'e:' .. ARGV[3], '-inf', now)

-- script: commit
-- [{e: [[key, rev]], f?: [key, fence], p: [{k, v?: true, x?, s?}], j: [{q, i, l, a?}]}] → the outcome of each commit,
-- each based on the state after the previous one. The further arguments are, commit by commit, the text of each put
-- that has one and of each job: values never pass through cjson, because it would change numbers and empty arrays.
local commits = cjson.decode(ARGV[3])
local text = 3
local rev

local function nextText()
  text = text + 1
  return ARGV[text]
end

-- Sweeps and reserves numbers once for all commits, before the first one that is stored.
local function begin()
  if rev then return end
  sweep()
  local count = 0
  for _, commit in ipairs(commits) do count = count + 1 + #commit.j end
  rev = newNumbers(count)
end

local function findRefusal(commit)
  if commit.f and not holds(commit.f[1], commit.f[2]) then return 'fenced' end
  for _, expected in ipairs(commit.e) do
    if liveRev(expected[1]) ~= expected[2] then return 'stale' end
  end
end

local function skipTexts(commit)
  for _, put in ipairs(commit.p) do text = text + (put.v and 1 or 0) end
  text = text + #commit.j
end

local function store(commit)
  begin()
  for _, put in ipairs(commit.p) do
    forget(put.k)
    if put.v then
      local key = P .. 'k:' .. put.k
      call('HSET', key, 'v', nextText(), 'r', rev)
      if put.x then
        call('HSET', key, 'x', now + put.x)
        call('ZADD', P .. 'x', now + put.x, put.k)
      end
      if put.s then call('HSET', key, 's', cjson.encode(put.s)) end
      for _, name in ipairs(put.s or {}) do
        call('ZADD', P .. 's:' .. name, 0, put.k)
        if put.x then call('ZADD', P .. 'e:' .. name, now + put.x, put.k) end
      end
    end
  end
  rev = rev + 1

  for _, job in ipairs(commit.j) do
    local body = nextText()
    local forgotten = call('ZSCORE', P .. 'd', job.q .. ':' .. job.i)
    local seen = forgotten and tonumber(forgotten) > now or call('EXISTS', P .. 'j:' .. job.q .. ':' .. job.i) == 1
    if not seen then
      append(job.q, job.i, job.l, job.a or now, body, rev)
      rev = rev + 1
    end
  end
end

local outcomes = {}
for i, commit in ipairs(commits) do
  local refusal = findRefusal(commit)
  if refusal then skipTexts(commit) else store(commit) end
  outcomes[i] = refusal or 'committed'
end
return outcomes

-- script: trim
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

-- script: lease
-- key, owner, ttl, remember → {1, fence, until} or {0, owner, until}
local key, owner, ttl = ARGV[3], ARGV[4], tonumber(ARGV[5])
local lease = call('HMGET', P .. 'l:' .. key, 'o', 'f', 'u')
local held = lease[1] and tonumber(lease[3]) > now
if held and lease[1] ~= owner then return { 0, lease[1], tonumber(lease[3]) } end
local fence = tonumber(lease[2] or 0)
if not held then fence = math.max(fence + 1, now) end
call('HSET', P .. 'l:' .. key, 'o', owner, 'f', fence, 'u', now + ttl)
call('ZADD', P .. 'lx', now + ttl + tonumber(ARGV[6]), key)
return { 1, fence, now + ttl }

-- script: release
-- key, fence → 1 when the lease was held with this fence
local key, fence = ARGV[3], tonumber(ARGV[4])
if not holds(key, fence) then return 0 end
call('HSET', P .. 'l:' .. key, 'u', 0)
return 1
