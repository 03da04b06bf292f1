-- bucket, max → 1 when the hold ended later than that
local bucket, ends = ARGV[3], now + tonumber(ARGV[4])
local heldUntil = readHold(bucket)
if heldUntil <= ends then return 0 end
writeHold(bucket, ends, 'needed')
return 1
