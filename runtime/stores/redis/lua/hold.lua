-- bucket, wait, 1 when a probe is needed
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local heldUntil, probe = readHold(bucket)
-- The answer to a probe replaces its lease; otherwise the later end counts.
if probe ~= 'sent' then ends = math.max(ends, heldUntil) end
writeHold(bucket, ends, (probe ~= 'none' or ARGV[5] == '1') and 'needed' or 'none')
return 1
