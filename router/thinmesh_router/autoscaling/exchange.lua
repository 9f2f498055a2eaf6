-- Keeps what one router says for the others, and gives what all say. All times are the store's own.
--
-- KEYS[1]  routers: a sorted set by the millisecond until which their word counts
-- KEYS[2]  their words: a hash
-- ARGV[1]  the router, ARGV[2] how long its word counts, in ms (0: it leaves), ARGV[3] its word
-- Gives the hash: router, word, router, word ...

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local KEPT = 60000

redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
redis.call('PEXPIRE', KEYS[1], KEPT)
redis.call('PEXPIRE', KEYS[2], KEPT)
return redis.call('HGETALL', KEYS[2])
