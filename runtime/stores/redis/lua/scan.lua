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
