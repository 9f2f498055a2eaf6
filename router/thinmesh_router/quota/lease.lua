-- Leases parts of quotas to one router process. All times are the store's own, so that routers' clocks do not matter.
--
-- KEYS[1]  the processes that live: a sorted set by the millisecond until which they do
-- KEYS[2+] one quota each
-- ARGV[1]  the process, ARGV[2] how long it lives without speaking, in ms
-- ARGV[3]  JSON, for each quota: {kind, limit, needs, want} and what the process tells of it
--          kind minute:            back [[second, amount]] not used after all, debt granted without asking
--          kind day, month, calls: window, used and held by the process, both in all
-- Gives JSON: {known, quotas}; known: the process was heard before, and not forgotten since. For each quota: {given, short, stamp, seconds, used, wait, empty}; times in seconds; short: a need was not met.

local clock = redis.call('TIME')
local now = tonumber(clock[1])
local ms = now * 1000 + math.floor(tonumber(clock[2]) / 1000)
local process, lives, asks = ARGV[1], tonumber(ARGV[2]), cjson.decode(ARGV[3])

local MINUTE, SHORT, LONG, DAY, KEPT = 60, 1, 10, 86400, 40 * 86400

local known = redis.call('ZSCORE', KEYS[1], process) and true or false
redis.call('ZADD', KEYS[1], ms + lives, process)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - DAY * 1000)

local function alive(of)
  local score = redis.call('ZSCORE', KEYS[1], of)
  return score and tonumber(score) >= ms
end

-- All that a call needs or nothing of it, so that one which does not fit keeps nothing from those that do; and of what is wanted
-- beside that at most a quarter of the rest: near the limit little lies about unused.
local function given(ask, used)
  local free, lot, short = math.max(ask.limit - used, 0), 0, false
  for _, need in ipairs(ask.needs) do
    if lot + need <= free then lot = lot + need else short = true end
  end
  return lot + math.min(ask.want, math.floor((free - lot) / 4)), short
end

-- A lot may be used for some seconds after it was given, so it is booked at the end of those: whatever is granted of it is counted
-- for a full minute from then on. Far from the limit lots last longer.
local function minute(key, ask)
  for _, pair in ipairs(ask.back) do
    if redis.call('HEXISTS', key, pair[1]) == 1 then redis.call('HINCRBY', key, pair[1], -pair[2]) end
  end
  if ask.debt > 0 then redis.call('HINCRBY', key, now, ask.debt) end
  local used, newest, seconds = 0, 0, {}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local second, amount = tonumber(all[i]), tonumber(all[i + 1])
    if second < now - MINUTE then
      redis.call('HDEL', key, all[i])
    else
      used = used + amount
      seconds[#seconds + 1] = {second, amount}
      if amount > 0 then newest = math.max(newest, second) end
    end
  end
  local lot, short = given(ask, used)
  local hold = (used + lot) * 2 < ask.limit and LONG or SHORT
  local stamp = now + hold + 1
  if lot > 0 then redis.call('HINCRBY', key, stamp, lot) end
  redis.call('EXPIRE', key, 2 * MINUTE)
  local wait, excess = 0, used - ask.limit
  for _, need in ipairs(ask.needs) do excess = math.max(excess, used + need - ask.limit) end
  table.sort(seconds, function(a, b) return a[1] < b[1] end)
  for _, pair in ipairs(seconds) do
    if excess <= 0 then break end
    excess = excess - pair[2]
    wait = pair[1] + MINUTE + 1 - ms / 1000
  end
  local empty = newest > 0 and newest + MINUTE + 1 - ms / 1000 or 0
  return {given = lot, short = short, stamp = stamp, seconds = hold, used = used + lot, wait = wait, empty = empty}
end

-- Months since year 0, after Hinnant, "chrono-Compatible Low-Level Date Algorithms".
local function month(day)
  local shifted = day + 719468
  local era = math.floor(shifted / 146097)
  local of = shifted - era * 146097
  local year = math.floor((of - math.floor(of / 1460) + math.floor(of / 36524) - math.floor(of / 146096)) / 365)
  local march = math.floor((5 * (of - (365 * year + math.floor(year / 4) - math.floor(year / 100))) + 2) / 153)
  local number = march < 10 and march + 3 or march - 9
  return (year + era * 400 + (number <= 2 and 1 or 0)) * 12 + number
end

local function window(kind)
  local day = math.floor(now / DAY)
  if kind == 'calls' then return 0, KEPT end
  if kind == 'day' then return day, (day + 1) * DAY - ms / 1000 end
  local following = day + 1
  while month(following) == month(day) do following = following + 1 end
  return month(day), following * DAY - ms / 1000
end

-- Each process says what it has used and what it holds unused, both in all, so that saying it twice changes nothing.
-- What a dead one held is free again; what it used stays used, except that its calls run no more.
local function held(key, ask)
  local number, left = window(ask.kind)
  key = key .. ':' .. number
  local same = ask.window == number
  local holds = same and ask.held or 0
  redis.call('HSET', key, 'u:' .. process, same and ask.used or 0, 'h:' .. process, holds)
  redis.call('EXPIRE', key, KEPT)
  local used = 0
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if alive(all[i]:sub(3)) or (ask.kind ~= 'calls' and all[i]:sub(1, 1) == 'u') then
      used = used + tonumber(all[i + 1])
    else
      redis.call('HDEL', key, all[i])
    end
  end
  local all_of_it, short = given(ask, used - holds)  -- what it holds serves its needs too
  local lot = math.max(all_of_it - holds, 0)
  redis.call('HINCRBY', key, 'h:' .. process, lot)
  local wait = ask.kind == 'calls' and 1 or left
  return {given = lot, short = short, stamp = number, seconds = left, used = used + lot, wait = wait, empty = left}
end

local answers = {}
for i, ask in ipairs(asks) do
  answers[i] = (ask.kind == 'minute' and minute or held)(KEYS[i + 1], ask)
end
return '{"known":' .. tostring(known) .. ',"quotas":' .. (#answers > 0 and cjson.encode(answers) or '[]') .. '}'
