/*
 * The ledger's steps, each one atomic. A client that lost the answer sends a command again, so every step gives the
 * same answer when it is repeated with the same nonce (or, once an epoch is held, the same epoch).
 *
 * An entry is a hash: state, epoch, owner, nonce, contact, campaign, number, outcome, changedAt.
 *   queued -> claimed -> dialing -> ended
 *                ^----------'  (unmark: nothing was sent after all)
 *   claimed -> queued          (release: taken, but not to be dialled now)
 */

/** KEYS: open set, one entry a contact. ARGV: now, update 0|1, dry 0|1, campaign, then attempt id and contact JSON a contact. Answers a word a contact. */
export const ENQUEUE = `
local answers = {}
for i = 2, #KEYS do
  local id, contact = ARGV[5 + (i - 2) * 2], ARGV[6 + (i - 2) * 2]
  local state = redis.call('HGET', KEYS[i], 'state')
  if not state then
    if ARGV[3] == '0' then
      redis.call('HSET', KEYS[i], 'state', 'queued', 'epoch', 0, 'campaign', ARGV[4], 'number', 1, 'contact', contact, 'changedAt', ARGV[1])
      redis.call('ZADD', KEYS[1], ARGV[1], id)
    end
    answers[#answers + 1] = 'added'
  elseif state ~= 'queued' then
    answers[#answers + 1] = 'already-dialled'
  elseif ARGV[2] == '1' then
    if ARGV[3] == '0' then redis.call('HSET', KEYS[i], 'contact', contact) end
    answers[#answers + 1] = 'updated'
  else
    answers[#answers + 1] = 'duplicate'
  end
end
return answers
`;

/**
 * KEYS: entry, open set. ARGV: attempt id, owner, nonce, now. Answers {word, epoch, state before, first epoch}.
 * The first epoch is the one that took the entry out of the queue: no channel of an earlier one can live.
 */
export const CLAIM = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'unknown', 0, '', 0} end
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch'))
if state == 'ended' then return {'ended', epoch, state, 0} end
if redis.call('HGET', KEYS[1], 'nonce') == ARGV[3] then
  return {'claimed', epoch, redis.call('HGET', KEYS[1], 'before'), tonumber(redis.call('HGET', KEYS[1], 'first'))}
end
epoch = epoch + 1
local next = state
if state == 'queued' then
  next = 'claimed'
  redis.call('HSET', KEYS[1], 'first', epoch)
end
redis.call('HSET', KEYS[1], 'state', next, 'epoch', epoch, 'owner', ARGV[2], 'nonce', ARGV[3], 'before', state, 'changedAt', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return {'claimed', epoch, state, tonumber(redis.call('HGET', KEYS[1], 'first'))}
`;

/** KEYS: entry. ARGV: epoch, from, to, now. Answers 1 when the entry is now in \`to\` under this epoch, else 0. */
export const MOVE = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == ARGV[3] then return 1 end
if state ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'changedAt', ARGV[4])
return 1
`;

/**
 * KEYS: entry, open set, outbox. ARGV: epoch, attempt id, outcome JSON, seconds to live, now, then outbox entries.
 * The outcome and its outbox entries are one write: nobody is told of a call that isn't recorded, nor the other way round.
 * The contact's data has done its work and is dropped.
 */
export const END = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'ended' then return 1 end
if state ~= 'claimed' and state ~= 'dialing' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'ended', 'outcome', ARGV[3], 'changedAt', ARGV[5])
redis.call('HDEL', KEYS[1], 'contact')
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[2])
for i = 6, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
return 1
`;
