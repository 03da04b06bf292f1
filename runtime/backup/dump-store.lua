-- Returns all keys that begin with ARGV[1], each followed by its dump. One script, so it is the state of one moment.
local rows, seen, cursor = {}, {}, '0'
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1] .. '*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    -- A scan may return a key twice.
    if not seen[key] then
      seen[key] = true
      rows[#rows + 1] = key
      rows[#rows + 1] = redis.call('DUMP', key)
    end
  end
until cursor == '0'
return rows
