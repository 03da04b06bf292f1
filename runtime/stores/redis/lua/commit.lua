-- [{e: [[key, rev]], f?: [key, fence], p: [{k, v?: true, x?, s?}], j: [{q, i, l, a?}]}] → the outcome of each commit,
-- each based on the state after the previous one. The further arguments are, commit by commit, the text of each put that
-- has one and of each job: values never pass through cjson, because it would change numbers and empty arrays.
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
  outcomes[i] = refusal or 'kept'
end
return outcomes
