-- queue, limit → {id, lane, body, reason, at} for each
local jobs = {}
if tonumber(ARGV[4]) < 1 then return jobs end
for _, id in ipairs(call('ZRANGE', P .. 'z:' .. ARGV[3], 0, tonumber(ARGV[4]) - 1)) do
  local job = call('HMGET', P .. 'j:' .. ARGV[3] .. ':' .. id, 'l', 'b', 'r', 'z')
  jobs[#jobs + 1] = { id, job[1], job[2], job[3], job[4] }
end
return jobs
