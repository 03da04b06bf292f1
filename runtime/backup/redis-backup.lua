-- Scripts of the backup of Redis. Each begins with a line "-- script: <name>".

-- script: read-store
-- Returns {key, value, sets, expires} for each record of the store with the prefix ARGV[1], and the ids of done jobs with
-- their times. One script, so it is the state of one moment.
local P = ARGV[1]
local records, seen, cursor = {}, {}, '0'
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', P .. 'k:*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    -- A scan may return a key twice.
    if not seen[key] then
      seen[key] = true
      local kept = redis.call('HMGET', key, 'v', 's', 'x')
      records[#records + 1] = { string.sub(key, #P + 3), kept[1], kept[2], kept[3] }
    end
  end
until cursor == '0'
return { records, redis.call('ZRANGE', P .. 'd', 0, -1, 'WITHSCORES') }

-- script: exchange-store
-- Replaces the store with the prefix ARGV[1] by the keys that begin with ARGV[2], and adds their records to their sets.
-- The stored keys are described in runtime/stores/redis/redis-store.lua.
local call = redis.call

local function list(prefix)
  local keys, cursor = {}, '0'
  repeat
    local page = call('SCAN', cursor, 'MATCH', prefix .. '*', 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do keys[key] = true end
  until cursor == '0'
  return keys
end

local P, staging = ARGV[1], ARGV[2]
local staged = list(staging)
for key in pairs(list(P)) do call('UNLINK', key) end
for key in pairs(staged) do
  local name = string.sub(key, #staging + 1)
  call('RENAME', key, P .. name)
  if string.sub(name, 1, 2) == 'k:' then
    local record = string.sub(name, 3)
    local kept = call('HMGET', P .. name, 's', 'x')
    if kept[2] then call('ZADD', P .. 'x', kept[2], record) end
    for _, set in ipairs(kept[1] and cjson.decode(kept[1]) or {}) do
      call('ZADD', P .. 's:' .. set, 0, record)
      if kept[2] then call('ZADD', P .. 'e:' .. set, kept[2], record) end
    end
  end
end

-- script: delete-keys
-- Deletes all keys that begin with ARGV[1].
local keys, cursor = {}, '0'
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1] .. '*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do keys[#keys + 1] = key end
until cursor == '0'
for _, key in ipairs(keys) do redis.call('UNLINK', key) end
