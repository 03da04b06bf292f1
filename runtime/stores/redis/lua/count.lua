-- set → number of its keys that have not expired
return call('ZCARD', P .. 's:' .. ARGV[3]) - call('ZCOUNT', P .. 'e:' .. ARGV[3], '-inf', now)
