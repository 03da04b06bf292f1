-- {e: [[key, rev]], f?: [key, fence], p: [{k, v?: true, x?, s?}], j: [{q, i, l, a?}]}, then the text of each put
-- that has one and of each job, in order: values never pass through cjson, which would change numbers and empty arrays.
local commit = cjson.decode(ARGV[3])
if commit.f and not holds(commit.f[1], commit.f[2]) then return 'fenced' end
for _, expected in ipairs(commit.e) do
  if liveRev(expected[1]) ~= expected[2] then return 'stale' end
end
sweep()

local text = 3
local rev = #commit.p > 0 and nextNumber()
for _, put in ipairs(commit.p) do
  forget(put.k)
  if put.v then
    text = text + 1
    local key = P .. 'k:' .. put.k
    call('HSET', key, 'v', ARGV[text], 'r', rev)
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

for _, job in ipairs(commit.j) do
  text = text + 1
  local forgotten = call('ZSCORE', P .. 'd', job.q .. ':' .. job.i)
  local seen = forgotten and tonumber(forgotten) > now or call('EXISTS', P .. 'j:' .. job.q .. ':' .. job.i) == 1
  if not seen then append(job.q, job.i, job.l, job.a or now, ARGV[text]) end
end
return 'kept'
