/*
 * The ledger's steps, each one atomic. A client that lost the answer sends a command again, so every step gives the
 * same answer when it is repeated with the same nonce (or, once an epoch is held, the same epoch).
 *
 * An entry is a hash: state, epoch, owner, nonce, contact, campaign, number, phone (hashed), job, dueAt, putThrough, outcome, changedAt.
 *   queued -> claimed -> dialing -> ended
 *                ^----------'  (unmark: nothing was sent after all)
 *   claimed -> queued          (release: taken, but not to be dialled now)
 *   queued, claimed -> ended   (cancel: its job was removed)
 * Beside it stands a lease, "<first epoch of the run>-<epoch>", which its owner renews while it works on the attempt.
 */

/** KEYS: open set, jobless set, one entry a contact. ARGV: now, update 0|1, dry 0|1, campaign, then attempt id and contact JSON a contact. Answers a word a contact. */
export const ENQUEUE = `
local answers = {}
for i = 3, #KEYS do
  local id, contact = ARGV[5 + (i - 3) * 2], ARGV[6 + (i - 3) * 2]
  local state = redis.call('HGET', KEYS[i], 'state')
  if not state then
    if ARGV[3] == '0' then
      redis.call('HSET', KEYS[i], 'state', 'queued', 'epoch', 0, 'campaign', ARGV[4], 'number', 1, 'contact', contact, 'changedAt', ARGV[1])
      redis.call('ZADD', KEYS[1], ARGV[1], id)
      redis.call('ZADD', KEYS[2], ARGV[1], id)
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

/** KEYS: jobless set, entries whose jobs exist now. ARGV: their ids. From here on a job that is missing was removed by somebody. */
export const JOBS_MADE = `
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('HSET', KEYS[i], 'job', 1) end
  redis.call('ZREM', KEYS[1], ARGV[i - 1])
end
return #KEYS - 1
`;

/** Redis' own clock in milliseconds: workers' clocks differ. */
const NOW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

/**
 * KEYS: entry, open set, lease, pulse, reservations. ARGV: attempt id, owner, nonce, worker's time, lease ms, epoch that
 * this run holds already or 0, first epoch of this run or 0, hashed phone, prefix of entries.
 * Answers {word, epoch, state before, first epoch, ms to wait}.
 * The first epoch is the one that took the entry out of the queue: no channel of an earlier one can live.
 *
 * An attempt is taken over only when its lease has run out although somebody could have renewed it: when all workers
 * were cut off from Redis (it restarted, say), every lease has run out, and one lease's time passes before that means anything.
 */
export const CLAIM = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'unknown', 0, '', 0, 0} end
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch'))
if state == 'ended' then return {'ended', epoch, state, 0, 0} end
if redis.call('HGET', KEYS[1], 'nonce') == ARGV[3] then
  return {'claimed', epoch, redis.call('HGET', KEYS[1], 'before'), tonumber(redis.call('HGET', KEYS[1], 'first')), 0}
end
local lease = tonumber(ARGV[5])
if state ~= 'queued' and epoch ~= tonumber(ARGV[6]) then
  local left = redis.call('PTTL', KEYS[3])
  if left > 0 then return {'leased', epoch, state, 0, left} end
  ${NOW}
  local since = tonumber(redis.call('GET', KEYS[4]) or now)
  if now - since < lease then return {'leased', epoch, state, 0, lease - (now - since)} end
end
local other = redis.call('HGET', KEYS[5], ARGV[8])
if other and other ~= ARGV[1] then
  local theirs = redis.call('HGET', ARGV[9] .. other, 'state')
  if theirs == 'claimed' or theirs == 'dialing' then return {'number-busy', epoch, state, 0, 0} end
end
redis.call('HSET', KEYS[5], ARGV[8], ARGV[1])
epoch = epoch + 1
local next = state
if state == 'queued' then
  next = 'claimed'
  redis.call('HSET', KEYS[1], 'first', epoch)
end
local from = tonumber(ARGV[7])
if from == 0 then from = epoch end
redis.call('SET', KEYS[3], from .. '-' .. epoch, 'PX', lease)
redis.call('HSET', KEYS[1], 'state', next, 'epoch', epoch, 'owner', ARGV[2], 'nonce', ARGV[3], 'before', state, 'phone', ARGV[8], 'changedAt', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return {'claimed', epoch, state, tonumber(redis.call('HGET', KEYS[1], 'first')), 0}
`;

/** KEYS: entry, lease. ARGV: epoch, now. Answers 1 when the entry is now \`dialing\` under this epoch, else 0; without a living lease never. */
export const MARK = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'dialing' then return 1 end
if state ~= 'claimed' or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'dialing', 'changedAt', ARGV[2])
return 1
`;

/** KEYS: entry. ARGV: epoch, now. Answers 1 when the entry is now \`claimed\` under this epoch, else 0. */
export const UNMARK = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'claimed' then return 1 end
if state ~= 'dialing' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'claimed', 'changedAt', ARGV[2])
return 1
`;

/** KEYS: entry. ARGV: epoch, JSON of whom the callee is put through to, '' for nobody after all. Answers 1 when it is written under this epoch, else 0. */
export const PUT_THROUGH = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'dialing' then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'putThrough') else redis.call('HSET', KEYS[1], 'putThrough', ARGV[2]) end
return 1
`;

/** Nobody works on it any more: KEYS[lease], KEYS[reservations] and the attempt's id are named by the script around it. */
const leave = (lease: string, reservations: string, id: string) => `
redis.call('DEL', ${lease})
local phone = redis.call('HGET', KEYS[1], 'phone')
if phone and redis.call('HGET', ${reservations}, phone) == ${id} then redis.call('HDEL', ${reservations}, phone) end
`;

/** KEYS: entry, lease, reservations. ARGV: epoch, now, attempt id. Answers 1 when the entry is now \`queued\` under this epoch, else 0. */
export const RELEASE = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'queued' then return 1 end
if state ~= 'claimed' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued', 'changedAt', ARGV[2])
${leave('KEYS[2]', 'KEYS[3]', 'ARGV[3]')}
return 1
`;

/**
 * KEYS: entry, open set, outbox, lease, reservations, minted list, entry of the next attempt. ARGV: epoch, attempt id,
 * outcome JSON, seconds to live, now, next attempt's id or '', its number, when it is due, then outbox entries.
 * The outcome, its outbox entries and the next attempt are one write: nobody is told of a call that isn't recorded, nor
 * the other way round, and no redial is lost or made twice. The contact's data moves on to the next attempt, or is dropped.
 */
export const END = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'ended' then return 1 end
if state ~= 'claimed' and state ~= 'dialing' then return 0 end
if ARGV[6] ~= '' and redis.call('EXISTS', KEYS[7]) == 0 then
  redis.call('HSET', KEYS[7], 'state', 'queued', 'epoch', 0, 'campaign', redis.call('HGET', KEYS[1], 'campaign'), 'number', ARGV[7],
    'contact', redis.call('HGET', KEYS[1], 'contact'), 'dueAt', ARGV[8], 'changedAt', ARGV[5])
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])
  redis.call('RPUSH', KEYS[6], ARGV[6])
end
redis.call('HSET', KEYS[1], 'state', 'ended', 'outcome', ARGV[3], 'changedAt', ARGV[5])
redis.call('HDEL', KEYS[1], 'contact', 'putThrough')
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[2])
for i = 9, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
${leave('KEYS[4]', 'KEYS[5]', 'ARGV[2]')}
return 1
`;

/**
 * KEYS: entry, open set, outbox, lease, reservations. ARGV: attempt id, outcome JSON, seconds to live, now, then outbox entries.
 * Answers 1 when the attempt is over without having been dialled; 0 when it has been, or somebody is at it.
 * The epoch goes up, so that a worker that comes back to it can't dial.
 */
export const CANCEL = `
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'claimed' then return 0 end
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'state', 'ended', 'outcome', ARGV[2], 'changedAt', ARGV[4])
redis.call('HDEL', KEYS[1], 'contact')
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
for i = 5, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
${leave('KEYS[4]', 'KEYS[5]', 'ARGV[1]')}
return 1
`;

/**
 * KEYS: pulse, then entry and lease an attempt. ARGV: lease ms, longest pause between two renewals of the fleet in ms, then
 * epoch and lease an attempt. Renews what is still this worker's; answers each attempt's epoch as it stands, -1 for none.
 * It writes also when there is nothing to renew: so that it fails as soon as Redis can't be written.
 */
export const RENEW = `
${NOW}
redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]) or now, 'PX', ARGV[2])
local epochs = {}
for i = 2, #KEYS, 2 do
  local epoch = redis.call('HGET', KEYS[i], 'epoch')
  local mine = epoch == ARGV[i + 1] and redis.call('HGET', KEYS[i], 'state')
  if mine == 'claimed' or mine == 'dialing' then redis.call('SET', KEYS[i + 1], ARGV[i + 2], 'PX', ARGV[1]) end
  epochs[#epochs + 1] = tonumber(epoch or -1)
end
return epochs
`;

/**
 * KEYS: pulse, then a lease an attempt. ARGV: lease ms. Answers the leases, '' for none; nothing at all while workers
 * may not have had the time to renew theirs.
 */
export const LIVING = `
${NOW}
local since = tonumber(redis.call('GET', KEYS[1]) or now)
if now - since < tonumber(ARGV[1]) then return false end
local leases = {}
for i = 2, #KEYS do leases[#leases + 1] = redis.call('GET', KEYS[i]) or '' end
return leases
`;
