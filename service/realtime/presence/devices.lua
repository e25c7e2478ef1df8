-- Carries out what one pod has to say of its devices, in order, and renews the pod's lease.
--
-- KEYS  1 pods            hash: pod id -> '<until> <told> <calls>', Unix time in milliseconds, how far the pod had told then,
--                         and how often it has called
-- ARGV  1 pod id
--       2 lease           milliseconds from now; 0 ends it
--       3 told            how far the pod has told; '-': it cannot say
--       4 retention       milliseconds that a user, and a pod whose lease has ended, are remembered
--       5 user prefix     of hashes: <prefix><user id>, described below
--       6 calls           of this pod, before this one, that it knows of: if there are others, Redis has lost some
--       7 ...             one word that says what to do, and its arguments:
--                           arrive <user> <device> <json>          -> {devices, state}
--                           stay <user> <device> <state> <json>    announced again -> 1
--                           settle <user> <device>                 -> 1
--                           leave <user> <device> <told>           '-': nothing was told -> 1
--                           devices <user>                         -> {json, ...}
--                           renew                                  -> 1
--                           sweep                                  forget pods -> 1
--
-- A user's hash has a field for each device, ':<device>' -> '<pod> <state> <json>'. Its state is '-' when it has received
-- what the user had missed, or had not to; else the place behind which that begins, '?' when that is not known. Field
-- 'seen' is how far devices that went had been told, 'owed' the state of one that went before it was settled.
--
-- Returns {1 if the lease had not ended and no call was lost, calls, {answers}}. Time is Redis' own.

local call, match, sub, format = redis.call, string.match, string.sub, string.format
local pods, pod, retention_ms, user_prefix = KEYS[1], ARGV[1], ARGV[4], ARGV[5]
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local leases = {}
local function lease_of(id)
  local lease = leases[id]
  if not lease then
    local ends, told, calls = match(call('HGET', pods, id) or '', '^(%d+) (%S+) ?(%d*)$')
    lease = {ends = tonumber(ends) or 0, told = told or '-', calls = tonumber(calls) or 0}
    leases[id] = lease
  end
  return lease
end

local mine = lease_of(pod)
local kept = mine.ends > now and mine.calls == tonumber(ARGV[6]) and 1 or 0
mine.calls = mine.calls + 1
mine.ends = now + ARGV[2]
if ARGV[3] ~= '-' then mine.told = ARGV[3] end
call('HSET', pods, pod, format('%d %s %d', mine.ends, mine.told, mine.calls))

-- Whether one place lies behind another of the same epoch.
local function is_behind(place, other)
  local epoch, offset = match(place, '^(.*):(%d+)$')
  local other_epoch, other_offset = match(other, '^(.*):(%d+)$')
  return epoch and epoch == other_epoch and tonumber(offset) > tonumber(other_offset)
end

-- What was seen only grows, what is owed reaches back as far as it can; of two epochs the later call's counts.
local function forget(user, field, state, told)
  call('HDEL', user, field)
  if state ~= '-' then
    local owed = call('HGET', user, 'owed')
    if not owed or (owed ~= '?' and not is_behind(state, owed)) then call('HSET', user, 'owed', state) end
  elseif told ~= '-' then
    local seen = call('HGET', user, 'seen')
    if not seen or not is_behind(seen, told) then call('HSET', user, 'seen', told) end
  end
end

local function read(value)
  return match(value or '', '^(%S+) (%S+) (.*)$')
end

local does = {}

function does.arrive(at)
  local user, field, json = user_prefix .. ARGV[at + 1], ':' .. ARGV[at + 2], ARGV[at + 3]
  local others = 0
  local fields = call('HGETALL', user)
  for i = 1, #fields, 2 do
    if sub(fields[i], 1, 1) == ':' then
      local holder, state = read(fields[i + 1])
      if holder then
        local lease = lease_of(holder)
        if lease.ends <= now or fields[i] == field then
          forget(user, fields[i], state, lease.told)
        else
          others = others + 1
        end
      end
    end
  end
  local state = call('HGET', user, 'owed')
  if state then
    call('HDEL', user, 'owed')
  else
    state = others > 0 and '-' or call('HGET', user, 'seen') or '?'
  end
  call('HSET', user, field, pod .. ' ' .. state .. ' ' .. json)
  call('PEXPIRE', user, retention_ms)
  return 4, {others + 1, state}
end

function does.stay(at)
  local user = user_prefix .. ARGV[at + 1]
  call('HSET', user, ':' .. ARGV[at + 2], pod .. ' ' .. ARGV[at + 3] .. ' ' .. ARGV[at + 4])
  call('PEXPIRE', user, retention_ms)
  return 5, 1
end

function does.settle(at)
  local user, field = user_prefix .. ARGV[at + 1], ':' .. ARGV[at + 2]
  local holder, _, json = read(call('HGET', user, field))
  if holder then call('HSET', user, field, holder .. ' - ' .. json) end
  return 3, 1
end

function does.leave(at)
  local user, field = user_prefix .. ARGV[at + 1], ':' .. ARGV[at + 2]
  local _, state = read(call('HGET', user, field))
  forget(user, field, state or '-', ARGV[at + 3])
  call('PEXPIRE', user, retention_ms)
  return 4, 1
end

function does.devices(at)
  local found = {}
  local fields = call('HGETALL', user_prefix .. ARGV[at + 1])
  for i = 1, #fields, 2 do
    if sub(fields[i], 1, 1) == ':' then
      local holder, _, json = read(fields[i + 1])
      if holder and lease_of(holder).ends > now then found[#found + 1] = json end
    end
  end
  return 2, found
end

function does.renew()
  return 1, 1
end

function does.sweep()
  local entries = call('HGETALL', pods)
  for i = 1, #entries, 2 do
    if now - (tonumber(match(entries[i + 1], '^%d+')) or 0) > tonumber(retention_ms) then
      call('HDEL', pods, entries[i])
    end
  end
  call('PEXPIRE', pods, retention_ms)
  return 1, 1
end

local answers = {}
local at = 7
while at <= #ARGV do
  local width, answer = does[ARGV[at]](at)
  answers[#answers + 1] = answer
  at = at + width
end
return {kept, mine.calls, answers}
