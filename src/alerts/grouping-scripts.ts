/**
 * Grouping, decided in Redis, so that it holds for the fleet and survives every process.
 *
 * A *group* (`call-failed:…`, `dead-letter:…`) is a hash that exists while its window runs: its first alert is told at
 * once and starts the window, the others are counted. An *incident* (`breaker:…`) is a hash from the first opening of an
 * account's service until its end has been told and its window is over; what else of the account opens within the window,
 * or because of the account itself, belongs to it. `due` holds the ends of windows.
 *
 * What is to be told is pushed to the list `outgoing` in the same step, so that no alert is lost between the decision and the queues.
 * The scripts make key names themselves: they need a Redis that isn't a cluster, as do the queues with this prefix.
 */
const COMMON = `
local due, outgoing, incidents = KEYS[1], KEYS[2], KEYS[3]
local prefix, now, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function number(key, field)
  return tonumber(redis.call('HGET', prefix .. key, field) or 0) or 0
end
-- Every service that the incident was about, once told of.
local function services_of(key)
  local names = redis.call('SMEMBERS', prefix .. key .. ':all')
  redis.call('DEL', prefix .. key .. ':all')
  table.sort(names)
  return #names > 0 and names or nil
end
local function tell(alert, summary, counts)
  counts.alert, counts.summary = alert, summary
  redis.call('RPUSH', outgoing, cjson.encode(counts))
end
local function start_window(key)
  redis.call('ZADD', due, now + window, key)
end
local function window_runs(key)
  return (tonumber(redis.call('ZSCORE', due, key) or 0) or 0) > now
end
local function drop(key)
  redis.call('DEL', prefix .. key, prefix .. key .. ':all')
  redis.call('ZREM', due, key)
end
local function start_group(key)
  redis.call('HSET', prefix .. key, 'count', 0)
  start_window(key)
end
`;

/**
 * ARGV: prefix, now, window, kind, alert's id, group or incident, service, alert as JSON, calls held back, 1 for what concerns the account.
 * Answers how many messages there are to relay.
 */
export const RAISE = `${COMMON}
local kind, id, key, service, alert, held_back = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
local account_wide = ARGV[10] == '1'

-- A client resends what it got no answer to.
if not redis.call('SET', prefix .. 'seen:' .. id, 1, 'NX', 'PX', 86400000) then return 0 end

local function group()
  -- With no process to flush, a window may be over and still stand here.
  if redis.call('EXISTS', prefix .. key) == 0 or (number(key, 'count') == 0 and not window_runs(key)) then
    start_group(key)
    tell(alert, false, {})
    return 1
  end
  redis.call('HINCRBY', prefix .. key, 'count', 1)
  redis.call('HSET', prefix .. key, 'last', alert)
  redis.call('HSETNX', prefix .. key, 'since', now)
  return 0
end

local function call_failed()
  local incident = redis.call('HGET', incidents, service)
  if not incident or number(incident, 'open') == 0 then return group() end
  if redis.call('HSETNX', prefix .. incident, 'callTold', 1) == 1 then
    tell(alert, false, {})
    return 1
  end
  redis.call('HINCRBY', prefix .. incident, 'failed', 1)
  return 0
end

-- Another service of the account, later than the window of the first, is news of its own.
local function incident_of_opening()
  local own = 'breaker:' .. service
  if account_wide or own == key then return key end
  if redis.call('EXISTS', prefix .. own) == 1 then return own end
  local known = redis.call('SISMEMBER', prefix .. key .. ':services', service) == 1
  if number(key, 'open') == 1 and not window_runs(key) and not known then return own end
  return key
end

local function opened()
  key = incident_of_opening()
  redis.call('HSET', incidents, service, key)
  redis.call('SADD', prefix .. key .. ':all', service)
  local added = redis.call('SADD', prefix .. key .. ':services', service) == 1
  -- The calls that failed first belong to it.
  local calls = 'call-failed:' .. service
  if redis.call('EXISTS', prefix .. calls) == 1 then
    redis.call('HSET', prefix .. key, 'callTold', 1)
    redis.call('HINCRBY', prefix .. key, 'failed', number(calls, 'count'))
    drop(calls)
  end
  local was_open = number(key, 'open') == 1
  -- Somebody has to pay or to change a key: that is news, whatever was told before.
  local urgent = account_wide and redis.call('HSETNX', prefix .. key, 'accountWide', 1) == 1 and was_open
  -- Another service of the same account. (The same service once more: its end was never heard of, so this is news.)
  if added and was_open and not urgent then return 0 end
  redis.call('HSET', prefix .. key, 'open', 1, 'opening', alert)
  if window_runs(key) and not urgent then
    redis.call('HINCRBY', prefix .. key, 'reopened', 1)
    return 0
  end
  redis.call('HSET', prefix .. key, 'told', 'open')
  start_window(key)
  tell(alert, false, {})
  return 1
end

local function closed()
  key = redis.call('HGET', incidents, service) or key
  redis.call('HDEL', incidents, service)
  redis.call('SREM', prefix .. key .. ':services', service)
  redis.call('HINCRBY', prefix .. key, 'heldBack', held_back)
  if redis.call('SCARD', prefix .. key .. ':services') > 0 then return 0 end
  redis.call('HSET', prefix .. key, 'open', 0, 'closing', alert)
  local told = redis.call('HGET', prefix .. key, 'told')
  if told == 'closed' then return 0 end
  -- Processes that decided alone (without Redis) each tell of its end.
  local fresh = redis.call('SET', prefix .. 'closed:' .. service, 1, 'NX', 'PX', window)
  if not told and not fresh then return drop(key) or 0 end
  tell(alert, false,
    { failed = number(key, 'failed'), reopened = number(key, 'reopened'), heldBack = number(key, 'heldBack'), services = services_of(key) })
  -- Calls that were under way may still fail of it.
  local calls = 'call-failed:' .. service
  if redis.call('HEXISTS', prefix .. key, 'callTold') == 1 and redis.call('EXISTS', prefix .. calls) == 0 then start_group(calls) end
  redis.call('HSET', prefix .. key, 'told', 'closed')
  redis.call('HDEL', prefix .. key, 'failed', 'reopened', 'heldBack', 'accountWide')
  if not redis.call('ZSCORE', due, key) then drop(key) end
  return 1
end

if kind == 'call-failed' then return call_failed() end
if kind == 'breaker-opened' then return opened() end
if kind == 'breaker-closed' then return closed() end
return group()
`;

/** ARGV: prefix, now, window. Tells what has been counted in the windows that are over. Answers how many messages there are to relay. */
export const FLUSH = `${COMMON}
local told = 0

local function flush_group(key)
  local count = number(key, 'count')
  if count == 0 then return drop(key) end
  tell(redis.call('HGET', prefix .. key, 'last'), true, { more = count, moreSince = number(key, 'since') })
  told = told + 1
  redis.call('HDEL', prefix .. key, 'last', 'since')
  start_group(key)
end

local function flush_incident(key)
  redis.call('ZREM', due, key)
  local reopened = number(key, 'reopened')
  local open, said = number(key, 'open') == 1, redis.call('HGET', prefix .. key, 'told') == 'open'
  if open and not said then
    tell(redis.call('HGET', prefix .. key, 'opening'), true, { reopened = reopened })
    redis.call('HSET', prefix .. key, 'told', 'open')
  elseif not open and reopened > 0 then
    tell(redis.call('HGET', prefix .. key, 'closing'), true,
      { reopened = reopened, failed = number(key, 'failed'), heldBack = number(key, 'heldBack'), services = services_of(key) })
  else
    if not open then drop(key) end
    return
  end
  told = told + 1
  redis.call('HDEL', prefix .. key, 'reopened')
  if not open then redis.call('HDEL', prefix .. key, 'failed', 'heldBack') end
  start_window(key)
end

for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 100)) do
  if string.sub(key, 1, 8) == 'breaker:' then flush_incident(key) else flush_group(key) end
end
return told
`;
