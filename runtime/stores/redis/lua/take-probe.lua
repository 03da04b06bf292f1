-- bucket, n, window, lease → 1 when the probe is granted
local bucket, n, window, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local heldUntil, probe = readHold(bucket)
if probe == 'none' or heldUntil > now then return 0 end
writeHold(bucket, now + lease, 'sent')
call('ZADD', P .. 'b:' .. bucket, now, string.format('%.0f:%.0f:%.0f', now + window, nextNumber(), n))
return 1
