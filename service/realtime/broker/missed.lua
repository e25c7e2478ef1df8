-- Reads what was published into rooms behind the places up to which somebody has been told.
--
-- KEYS  1 epoch           names the order that offsets belong to; made here when Redis has lost it
--       2 offset          the last offset that was given
-- ARGV  1 new epoch       used only when there is none
--       2 history prefix  of streams: <prefix><room>
--       3 what            'all', or 'newest': of each room the newest, and one more if there are more
--       4 most            messages that are asked for: of all rooms together, or of each room
--       5 age             all: milliseconds that a stream is kept after its last entry, at least; newest: that a message
--                         may be old
--       6 epoch           of the offsets that follow; '': there are none. If it is another one by now, offsets mean
--                         nothing
--       7 ...             pairs: a room, and the offset behind which to read
--
-- Returns {epoch, newest offset, gap, room number (from 1), messages, room number, messages, ...}; gap is '', or why
-- something is missing: 'epoch', 'trimmed', 'expired' or 'too_many'. All up to the newest offset is among it, nothing
-- behind.

local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- See newest.lua.
local newest = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), now)
redis.call('SET', KEYS[2], string.format('%d', newest))

local what, most, oldest = ARGV[3], tonumber(ARGV[4]), now - tonumber(ARGV[5]) * 1000
local gap, left, is_comparable = '', most, ARGV[6] == '' or ARGV[6] == epoch

-- Whether entries behind the offset are gone. None are if an older entry is still there (a stream loses its oldest
-- first), or if this stream has never lost any, and none before it can have expired since.
local function find_gap(history, after)
  local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 1)[1]
  if first and tonumber(string.match(first[1], '^%d+')) <= after then
    return ''
  end
  if after < oldest then
    return 'expired'
  end
  if first then
    local info = redis.call('XINFO', 'STREAM', history)
    local about = {}
    for at = 1, #info, 2 do
      about[info[at]] = info[at + 1]
    end
    if about['entries-added'] > about['length'] then
      return 'trimmed'
    end
  end
  return ''
end

local function read_all(history, after)
  gap = is_comparable and find_gap(history, after) or 'epoch'
  if gap ~= '' then
    return {}
  end
  local entries = redis.call('XRANGE', history, '(' .. string.format('%d', after) .. '-0', '+', 'COUNT', left + 1)
  left = left - #entries
  if left < 0 then
    gap = 'too_many'
  end
  return entries
end

local function read_newest(history, after)
  local from = '(' .. string.format('%d', math.max(is_comparable and after or 0, oldest, 0)) .. '-0'
  local reversed, entries = redis.call('XREVRANGE', history, '+', from, 'COUNT', most + 1), {}
  for at = #reversed, 1, -1 do
    entries[#entries + 1] = reversed[at]
  end
  return entries
end

local read = what == 'all' and read_all or read_newest
local reply = {epoch, newest, gap}
for at = 7, #ARGV, 2 do
  local messages = {}
  for number, entry in ipairs(read(ARGV[2] .. ARGV[at], math.min(tonumber(ARGV[at + 1]), newest))) do
    messages[number] = entry[2][2]
  end
  if what == 'all' and gap ~= '' then
    break
  end
  if #messages > 0 then
    reply[#reply + 1] = (at - 5) / 2
    reply[#reply + 1] = messages
  end
end
reply[3] = gap
return reply
