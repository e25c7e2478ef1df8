-- Publishes a batch, all of it or nothing: the one place where messages get their offsets.
--
-- KEYS  1 epoch           names the order that offsets belong to; made here when Redis has lost it
--       2 offset          the last offset that was given
--       3 guard           a partition's position, or an idempotency key, or an unused name
-- ARGV  1 guard's kind    'position', 'once' or 'none'
--       2 guard's value   position: the Kafka offset that the batch follows (-1: unknown); once: seconds to remember
--       3 new epoch       used only when there is none
--       4 room prefix     of channels:  <prefix><room>
--       5 history prefix  of streams:   <prefix><room>
--       6 history length  entries that a stream keeps, at least
--       7 retention       milliseconds that a stream is kept after its last entry, at least
--       8 publish         PUBLISH, or SPUBLISH in a cluster
--       9 ...             records and their messages, by their first character:
--                           @<Kafka offset>   a record begins
--                           +<room>           a message into a room; next argument: the bytes that follow the offset
--                           =<room>           the same message into another room, with bytes of its own: they name
--                                             the rooms before
--
-- Returns {status, position, messages published, position before, kept, reach}; status is 'ok', 'behind' or 'repeated'.
-- Of the last message's room: how many messages its history keeps, and, if it is full, how many microseconds it reaches
-- back; else -1.

local guard_kind, guard_value = ARGV[1], ARGV[2]
local position, before = -1, -1

if guard_kind == 'position' then
  position = tonumber(redis.call('GET', KEYS[3]) or -1)
  before = position
  if position < tonumber(guard_value) then
    return {'behind', position, 0, before, 0, -1}
  end
elseif guard_kind == 'once' then
  if not redis.call('SET', KEYS[3], '1', 'NX', 'EX', guard_value) then
    return {'repeated', -1, 0, -1, 0, -1}
  end
end

local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[3]
  redis.call('SET', KEYS[1], epoch)
end

-- An offset is the time in microseconds, or one more than the last if that is later. So no offset is ever given twice:
-- Redis may have forgotten the last ones (an old snapshot, a failover), but somebody has been told them, and must not
-- take what is published in their place for told. Up to the year 2255 such a number is exact in Lua and JavaScript.
-- ('%d' writes it as a C long, which has 64 bits wherever Redis runs today; '%.0f' would cost a tenth of the whole.)
local time = redis.call('TIME')
local offset = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), time[1] * 1000000 + time[2])
local room_prefix, history_prefix = ARGV[4], ARGV[5]
local history_length, retention_ms, publish = ARGV[6], tonumber(ARGV[7]), ARGV[8]
local call, byte, sub, format = redis.call, string.byte, string.sub, string.format
local RECORD, MESSAGE = byte('@'), byte('+')
local published = 0
local refreshed = {}
local skip, id, head, history = false, nil, nil, nil

local words = ARGV
local at, last = 9, #words
while at <= last do
  local kind, room = byte(words[at]), sub(words[at], 2)
  if kind == RECORD then
    local record_offset = tonumber(room)
    skip = record_offset <= position
    if not skip then
      position = record_offset
    end
    at = at + 1
  else
    if not skip then
      if kind == MESSAGE then
        offset = offset + 1
        published = published + 1
        id = format('%d', offset)
        head = '1 ' .. epoch .. ' ' .. id .. ' '
        id = id .. '-0'
      end
      history = history_prefix .. room
      local payload = head .. words[at + 1]
      call('XADD', history, 'MAXLEN', '~', history_length, id, 'm', payload)
      -- Twice the retention, and refreshed only when half of it has gone: most entries cost no PEXPIRE.
      if not refreshed[room] then
        refreshed[room] = true
        if call('PTTL', history) < retention_ms then
          call('PEXPIRE', history, 2 * retention_ms)
        end
      end
      call(publish, room_prefix .. room, payload)
    end
    at = at + 2
  end
end

if published > 0 then
  redis.call('SET', KEYS[2], format('%d', offset))
end
if guard_kind == 'position' then
  redis.call('SET', KEYS[3], format('%d', position))
end
local kept, reach = 0, -1
if history then
  kept = call('XLEN', history)
  if kept >= tonumber(history_length) then
    local first = call('XRANGE', history, '-', '+', 'COUNT', 1)[1]
    reach = offset - tonumber(string.match(first[1], '^%d+'))
  end
end
return {'ok', position, published, before, kept, reach}
