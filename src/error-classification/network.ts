import type { ErrorRule } from './error-table.ts';

/**
 * What is the same for every service: our own watchdogs, the network below, and plain HTTP.
 * Asked after a service's own rules.
 */
export const NETWORK_RULES: readonly ErrorRule[] = [
  // What our watchdogs find. A slow service is a failed one.
  {
    code: ['no-first-chunk', 'no-answer', 'stream-stalled', 'upload-stalled', 'no-final-transcript'],
    category: 'transient',
    hint: 'It is too slow or has stopped; it will be asked again.',
  },
  {
    code: ['stream-ended-early', 'unreadable-answer', 'no-audio', 'not-recorded'],
    category: 'transient',
    hint: 'The answer was not what was asked for; it will be asked again.',
  },
  // Closes of a websocket that say what was wrong with what we sent.
  { code: ['ws-1002', 'ws-1003', 'ws-1007', 'ws-1009'], category: 'permanent', hint: 'The service objected to what we sent.' },
  // 1008 doesn't say whose fault it is (RFC 6455, 7.4.1): services close with it after faults of their own and when credit is spent, too.
  // Where nothing else tells, calls had better wait than fail one after the other.
  {
    code: ['ws-1008'],
    category: 'transient',
    hint: 'It closed the connection without a reason that we know: what it says may tell. It will be asked again.',
  },
  // What `ws` says when the other side doesn't keep to the protocol, or sends a message that is too long.
  {
    code: [
      'WS_ERR_EXPECTED_FIN',
      'WS_ERR_INVALID_CLOSE_CODE',
      'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
      'WS_ERR_INVALID_OPCODE',
      'WS_ERR_INVALID_UTF8',
      'WS_ERR_UNEXPECTED_MASK',
      'WS_ERR_UNEXPECTED_RSV_1',
      'WS_ERR_UNEXPECTED_RSV_2_3',
      'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
      'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    ],
    category: 'transient',
    as: 'unreadable-answer',
    hint: 'The answer could not be read; it will be asked again.',
  },
  // A service whose certificate is bad is a broken service: every next request meets the same, so its breaker must see it.
  {
    code: [
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'EPROTO',
    ],
    category: 'transient',
    hint: 'Its TLS certificate or protocol was refused: check the address, the clock and any proxy in between.',
  },
  {
    code: ['ETIMEDOUT', 'ESOCKETTIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
    category: 'transient',
    hint: 'It did not answer in time; it will be asked again.',
  },
  {
    code: ['ENOTFOUND', 'EAI_AGAIN'],
    category: 'transient',
    hint: 'Its name was not found: check the address and the DNS of this machine.',
  },
  {
    code: [
      'ECONNREFUSED',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ENETDOWN',
      'UND_ERR_SOCKET',
      'UND_ERR_CLOSED',
      'ERR_STREAM_PREMATURE_CLOSE',
      'connection-closed',
    ],
    category: 'transient',
    hint: 'The connection failed: check the address and the network if this goes on.',
  },
  {
    name: ['TimeoutError', 'ElevenLabsTimeoutError'],
    category: 'transient',
    as: 'ETIMEDOUT',
    hint: 'It did not answer in time; it will be asked again.',
  },
  { name: ['AbortError'], category: 'transient', as: 'aborted', hint: 'The request was broken off.' },
  { status: [408, 425], category: 'transient', hint: 'It will be asked again.' },
  { status: [429], category: 'rate-limited', hint: 'Too many requests: we slow down.' },
  { status: [402], category: 'quota', hint: 'The account must be paid.' },
  { status: [401, 403, 407], category: 'auth', hint: 'Check the key and what it may do.' },
  { status: ['4xx'], category: 'permanent', hint: 'The request itself is at fault; repeating it will not help.' },
  { status: ['5xx'], category: 'transient', hint: 'It is in trouble; it will be asked again.' },
  // A 200 whose JSON is cut off or is none.
  { name: ['SyntaxError'], category: 'transient', as: 'unreadable-answer', hint: 'The answer could not be read; it will be asked again.' },
  // What isn't understood is not repeated.
  { category: 'permanent', hint: 'This is unexpected: please report it with the log.' },
];
