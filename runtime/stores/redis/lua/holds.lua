-- → {bucket, end, probe} for each
local found = {}
for _, bucket in ipairs(call('ZRANGEBYSCORE', P .. 'bx', string.format('(%.0f', now), '+inf')) do
  local ends, probe = readHold(bucket)
  if ends > 0 then found[#found + 1] = { bucket, string.format('%.0f', ends), probe } end
end
return found
