-- Says how far publishing has come, and that nothing will ever be published before that.
--
-- KEYS  1 epoch           names the order that offsets belong to; made here when Redis has lost it
--       2 offset          the last offset that was given
-- ARGV  1 new epoch       used only when there is none
--
-- Returns {epoch, offset}. The offset is the time in microseconds: a place that is named today must not seem old
-- tomorrow only because nothing was published since. It is kept, so that a clock that is set back gives nobody a lower one.

local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local time = redis.call('TIME')
local offset = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), time[1] * 1000000 + time[2])
redis.call('SET', KEYS[2], string.format('%d', offset))
return {epoch, offset}
