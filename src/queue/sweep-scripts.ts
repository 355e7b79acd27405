/**
 * KEYS: open set, then entry, lease and job an attempt. ARGV: entries that changed later than this (unix ms) are left alone, then the attempts' ids.
 * Answers a word an attempt: '' in order; `removed`: somebody took its job away before it was dialled; `lost`: it has no
 * job and never had one, or none to learn in that its phone may have rung; `over`: its job has run and the attempt is open.
 */
export const MISSING_JOBS = `
local words = {}
for i = 2, #KEYS, 3 do
  local word = ''
  local id = ARGV[2 + (i - 2) / 3]
  local entry = redis.call('HMGET', KEYS[i], 'state', 'job', 'changedAt')
  local state = entry[1]
  if not state or state == 'ended' then
    redis.call('ZREM', KEYS[1], id)
  elseif tonumber(entry[3]) < tonumber(ARGV[1]) and redis.call('EXISTS', KEYS[i + 1]) == 0 then
    if redis.call('EXISTS', KEYS[i + 2]) == 0 then
      word = 'lost'
      if entry[2] and state ~= 'dialing' then word = 'removed' end
    elseif redis.call('HEXISTS', KEYS[i + 2], 'finishedOn') == 1 then
      word = 'over'
    end
  end
  words[#words + 1] = word
end
return words
`;

/**
 * KEYS: BullMQ's events. ARGV: the last one that was looked at, how many. Answers the last one now, or '' when there was none, and the ids of
 * the jobs that were removed meanwhile. The stream holds the last ten thousand events or so: what was removed before them is found by the slow look.
 */
export const REMOVED_JOBS = `
local events = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local answer = {''}
for _, event in ipairs(events) do
  answer[1] = event[1]
  local fields = {}
  for i = 1, #event[2], 2 do fields[event[2][i]] = event[2][i + 1] end
  if fields.event == 'removed' then answer[#answer + 1] = fields.jobId end
end
return answer
`;

/**
 * KEYS: open set, jobless set, minted list, then BullMQ's lists of waiting, paused and active jobs and its sorted sets of delayed and prioritized ones.
 * Answers how many open attempts surely have no job, at least; below 0 when there are jobs of attempts that have ended.
 */
export const COUNT_MISSING = `
local missing = redis.call('ZCARD', KEYS[1]) - redis.call('ZCARD', KEYS[2]) - redis.call('LLEN', KEYS[3])
for i = 4, 6 do missing = missing - redis.call('LLEN', KEYS[i]) end
for i = 7, 8 do missing = missing - redis.call('ZCARD', KEYS[i]) end
return missing
`;

/** KEYS: reservations. ARGV: prefix of entries. Frees the numbers that nobody is calling; there are as many as calls under way, no more. */
export const FREE_RESERVATIONS = `
local all = redis.call('HGETALL', KEYS[1])
local freed = 0
for i = 1, #all, 2 do
  local state = redis.call('HGET', ARGV[1] .. all[i + 1], 'state')
  if state ~= 'claimed' and state ~= 'dialing' then
    freed = freed + redis.call('HDEL', KEYS[1], all[i])
  end
end
return freed
`;
