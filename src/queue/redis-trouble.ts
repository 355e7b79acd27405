/** What Redis answers when it is there and can't be written now: full, its disk full, a replica, reading its file, without its master, busy with a script; the last one is ours. */
const NOT_WRITABLE = [
  'OOM',
  'MISCONF',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'UNBLOCKED',
  'NOTSYNCED',
];

/** True for what passes when Redis is mended: the same command succeeds then, so it may wait. The first word of such an answer is its code. */
export function isNotWritable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const [code = ''] = error.message.split(' ', 1);
  return NOT_WRITABLE.includes(code) || isConnectionLost(error);
}

/** ioredis says so in words only; its error classes carry no code. */
function isConnectionLost(error: Error): boolean {
  return error.name === 'MaxRetriesPerRequestError' || /^(Connection is closed|Command timed out)/.test(error.message);
}
