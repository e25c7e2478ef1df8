-- Carries out what one pod has to say of sessions that can be resumed, in order.
--
-- KEYS  1 keeper          string, expires: how often this pod has called
-- ARGV  1 lifetime        milliseconds, of all that is written here
--       2 session prefix  of strings: <prefix><pid> -> '<moves> <session id> <json>'
--       3 calls           of this pod, before this one, that it knows of: if there are others, Redis has lost some
--       4 ...             one word that says what to do, and its arguments:
--                           keep <pid> <moves> <session id> <json>   -> 1, or 0 where another session holds it
--                           find <pid>                               -> json, or ''
--                           forget <pid> <session id>                -> 1
--                           beat                                     -> 1
--
-- Returns {1 if no call was lost, calls, {answers}}.

local call, match = redis.call, string.match
local lifetime_ms, prefix = ARGV[1], ARGV[2]
local calls = call('GET', KEYS[1])
local kept = calls == ARGV[3] and 1 or 0
calls = (tonumber(calls) or 0) + 1
call('SET', KEYS[1], calls, 'PX', lifetime_ms)

local function read(pid)
  local moves, holder, json = match(call('GET', prefix .. pid) or '', '^(%d+) (%S+) (.*)$')
  return tonumber(moves), holder, json
end

local does = {}

function does.keep(at)
  local pid, moves, session_id = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local held_moves, holder = read(pid)
  if held_moves and holder ~= session_id and held_moves >= tonumber(moves) then
    return 5, 0
  end
  call('SET', prefix .. pid, moves .. ' ' .. session_id .. ' ' .. ARGV[at + 4], 'PX', lifetime_ms)
  return 5, 1
end

function does.find(at)
  local _, _, json = read(ARGV[at + 1])
  return 2, json or ''
end

function does.forget(at)
  local _, holder = read(ARGV[at + 1])
  if holder == ARGV[at + 2] then call('DEL', prefix .. ARGV[at + 1]) end
  return 3, 1
end

function does.beat()
  return 1, 1
end

local answers = {}
local at = 4
while at <= #ARGV do
  local width, answer = does[ARGV[at]](at)
  answers[#answers + 1] = answer
  at = at + width
end
return {kept, calls, answers}
