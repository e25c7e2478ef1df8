-- Says how far publishing has come, and that nothing will ever be published before that.
--
-- KEYS  1 epoch           names the order that offsets belong to; made here when Redis has lost it
--       2 offset          the last offset that was given
-- ARGV  1 new epoch       used only when there is none
--       2 publish         PUBLISH, or SPUBLISH in a cluster; '': tell nobody
--       3 channel         whom to tell
--
-- Returns {epoch, offset, how many hear of it on this server}. The offset is the time in microseconds: a place that is
-- named today must not seem old tomorrow only because nothing was published since. It is kept, so that a clock that is
-- set back gives nobody a lower one.

local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local time = redis.call('TIME')
local offset = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), time[1] * 1000000 + time[2])
redis.call('SET', KEYS[2], string.format('%d', offset))
local hear = 0
if ARGV[2] ~= '' then
  hear = redis.call(ARGV[2], ARGV[3], 'H' .. epoch .. ':' .. string.format('%d', offset))
end
return {epoch, offset, hear}
