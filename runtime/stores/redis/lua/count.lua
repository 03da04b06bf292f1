-- set → how many live keys it has
return call('ZCARD', P .. 's:' .. ARGV[3]) - call('ZCOUNT', P .. 'e:' .. ARGV[3], '-inf', now)
