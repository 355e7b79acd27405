/*
 * A breaker's state in Redis: one hash a service, changed by these scripts alone. Time is Redis' own, so that the clocks
 * of the fleet need not agree.
 *
 * state open|closed, epoch (one more at each change), since, message, code, category, by (the process), trialAt (no
 * trial before), lease + leaseUntil (the trial that runs). A service that never failed has no hash.
 *
 * Each change leaves news in the same step, and the news stays until somebody has told it: a process killed between the
 * two takes nothing with it.
 */

const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
`;

/**
 * KEYS: processes, health workers, news, who tells which news, then one hash a breaker. ARGV: process id, time to live, 1 when
 * it can probe, 1 when it is a health worker, 1 when it tells news, ms after which news that somebody else wanted to tell is
 * told again. Says that this process lives, and answers {now, other processes, health workers, {news to tell…}, one flat hash a breaker…}.
 */
export const SYNC = `${NOW}
for index, wanted in ipairs({ARGV[3], ARGV[4]}) do
  if wanted == '1' then redis.call('ZADD', KEYS[index], now, ARGV[1]) end
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now - tonumber(ARGV[2]))
  redis.call('PEXPIRE', KEYS[index], tonumber(ARGV[2]) * 2)
end
local others = redis.call('ZCARD', KEYS[1])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then others = others - 1 end
local news = {}
if ARGV[5] == '1' then
  local all = redis.call('HGETALL', KEYS[3])
  for index = 1, #all, 2 do
    local taken = redis.call('ZSCORE', KEYS[4], all[index])
    if not taken or tonumber(taken) + tonumber(ARGV[6]) < now then
      redis.call('ZADD', KEYS[4], now, all[index])
      news[#news + 1] = all[index + 1]
    end
  end
end
local answer = {now, others, redis.call('ZCARD', KEYS[2]), news}
for index = 5, #KEYS do answer[#answer + 1] = redis.call('HGETALL', KEYS[index]) end
return answer
`;

/**
 * KEYS: hash, held-back set, news. ARGV: channel, service, message, code, category, process, ms to the first trial.
 * Answers the new epoch when it was closed until now, else 0. One that a human opens stays a human's, also when it was open already.
 */
export const OPEN = `${NOW}
local open = redis.call('HGET', KEYS[1], 'state') == 'open'
if open and (ARGV[5] ~= 'manual' or redis.call('HGET', KEYS[1], 'category') == 'manual') then return 0 end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'state', 'open', 'message', ARGV[3], 'code', ARGV[4], 'category', ARGV[5], 'by', ARGV[6], 'trialAt', now + tonumber(ARGV[7]))
redis.call('HDEL', KEYS[1], 'lease', 'leaseUntil')
if not open then
  redis.call('HSET', KEYS[1], 'since', now)
  redis.call('DEL', KEYS[2])
  local id = ARGV[2] .. '.' .. epoch
  local news = {kind = 'breaker-opened', id = id, service = ARGV[2], since = now, cause = {message = ARGV[3], code = ARGV[4], category = ARGV[5]}}
  redis.call('HSET', KEYS[3], id, cjson.encode(news))
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return open and 0 or epoch
`;

/** KEYS: hash. ARGV: token, ms, 1 to go before the time. Answers the epoch when the trial is the caller's, else 0. */
export const LEASE = `${NOW}
local state = redis.call('HMGET', KEYS[1], 'state', 'category', 'leaseUntil', 'trialAt', 'epoch')
if state[1] ~= 'open' or state[2] == 'manual' then return 0 end
if tonumber(state[3] or 0) > now then return 0 end
if ARGV[3] ~= '1' and tonumber(state[4] or 0) > now then return 0 end
redis.call('HSET', KEYS[1], 'lease', ARGV[1], 'leaseUntil', now + tonumber(ARGV[2]))
return tonumber(state[5])
`;

/** KEYS: hash. ARGV: token, ms to the next trial, then message, code, category of a failure; none when the trial told nothing. */
export const END_TRIAL = `${NOW}
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'lease', 'leaseUntil')
redis.call('HSET', KEYS[1], 'trialAt', now + tonumber(ARGV[2]))
if #ARGV > 2 then redis.call('HSET', KEYS[1], 'message', ARGV[3], 'code', ARGV[4], 'category', ARGV[5]) end
return 1
`;

/**
 * KEYS: hash, held-back set, news. ARGV: channel, service, epoch it is closed under ('' for a human, who closes any), token
 * of the trial ('' for none). Answers the new epoch when it was open until now, else 0. A human also closes those that single
 * processes opened for themselves: they follow every new epoch.
 */
export const CLOSE = `${NOW}
local state = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'lease', 'since', 'message', 'code', 'category')
if state[1] ~= 'open' then
  if ARGV[3] == '' then
    redis.call('HINCRBY', KEYS[1], 'epoch', 1)
    redis.call('HSET', KEYS[1], 'state', 'closed', 'closedBy', 'human')
    redis.call('PUBLISH', ARGV[1], ARGV[2])
  end
  return 0
end
if ARGV[3] ~= '' and state[2] ~= ARGV[3] then return 0 end
if ARGV[4] ~= '' and state[3] ~= ARGV[4] then return 0 end
local by = ARGV[3] == '' and 'human' or 'trial'
local held = redis.call('PFCOUNT', KEYS[2])
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'state', 'closed', 'since', now, 'closedBy', by)
redis.call('HDEL', KEYS[1], 'lease', 'leaseUntil', 'trialAt', 'by')
redis.call('DEL', KEYS[2])
local id = ARGV[2] .. '.' .. epoch
local cause = {message = state[5], code = state[6], category = state[7]}
local news = {kind = 'breaker-closed', id = id, service = ARGV[2], openForMs = now - tonumber(state[4]), heldBack = held, by = by, cause = cause}
redis.call('HSET', KEYS[3], id, cjson.encode(news))
redis.call('PUBLISH', ARGV[1], ARGV[2])
return epoch
`;
