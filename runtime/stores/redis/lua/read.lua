-- keys… → {value, rev} or {} for each
local found = {}
for i = 3, #ARGV do
  local kept = call('HMGET', P .. 'k:' .. ARGV[i], 'v', 'r', 'x')
  local live = kept[1] and (not kept[3] or tonumber(kept[3]) > now)
  found[#found + 1] = live and { kept[1], kept[2] } or {}
end
return found
