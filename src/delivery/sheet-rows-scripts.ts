/*
 * Rows wait in a list. A batch of them is taken out and kept until the spreadsheet has it, under a lease, so that one
 * process at a time writes and nothing is lost when it dies.
 */

/**
 * KEYS: rows, count of refused ones. ARGV: most rows, then row JSON each.
 * Redis also holds the calls: a spreadsheet that is gone for weeks must not fill it. Answers how many were refused.
 */
export const ADD = `
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local refused = 0
for i = 2, #ARGV do
  if room > 0 then
    redis.call('RPUSH', KEYS[1], ARGV[i])
    room = room - 1
  else
    refused = refused + 1
  end
end
if refused > 0 then redis.call('INCRBY', KEYS[2], refused) end
return refused
`;

/** KEYS: rows, count of refused ones, mark of this row. ARGV: as ADD for one row. A row that was ever added this day is not added again. */
export const ADD_ONCE = `
if not redis.call('SET', KEYS[3], '1', 'NX', 'EX', 86400) then return 0 end
${ADD}`;

/**
 * KEYS: rows, batch, lease. ARGV: token, lease in ms, most rows, most bytes.
 * Answers {word, batch JSON}: `held` by another process, `empty`, `new`, or `again` when it is unknown whether it was written.
 */
export const TAKE = `
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[1] then return {'held', ''} end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
local batch = redis.call('GET', KEYS[2])
if batch then return {'again', batch} end
local rows = {}
local bytes = 0
while #rows < tonumber(ARGV[3]) do
  local row = redis.call('LINDEX', KEYS[1], 0)
  if not row then break end
  bytes = bytes + #row
  if #rows > 0 and bytes > tonumber(ARGV[4]) then break end
  redis.call('LPOP', KEYS[1])
  rows[#rows + 1] = row
end
if #rows == 0 then return {'empty', ''} end
batch = '[' .. table.concat(rows, ',') .. ']'
redis.call('SET', KEYS[2], batch)
return {'new', batch}
`;

/** KEYS: batch, lease. ARGV: token. The batch is in the spreadsheet. */
export const WRITTEN = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
`;

/** KEYS: lease. ARGV: token, ms to hold it for (0 gives it up). */
export const HOLD = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;
