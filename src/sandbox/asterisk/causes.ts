/** Q.850 numbers and the words Asterisk has for them. */
export const causeTexts: Record<number, string> = {
  0: 'Unknown',
  1: 'Unallocated (unassigned) number',
  16: 'Normal Clearing',
  17: 'User busy',
  18: 'No user responding',
  19: 'User alerting, no answer',
  20: 'Subscriber absent',
  21: 'Call Rejected',
  26: 'Answered elsewhere',
  27: 'Destination out of order',
  28: 'Invalid number format',
  34: 'Circuit/channel congestion',
  38: 'Network out of order',
  41: 'Temporary failure',
  58: 'Bearer capability not presently available',
  127: 'Interworking, unspecified',
};

/** `reason` of a hangup request, as Q.850 number. */
export const hangupReasons: Record<string, number> = {
  normal: 16,
  busy: 17,
  congestion: 34,
  no_answer: 19,
  timeout: 19,
  rejected: 21,
  unallocated: 1,
  normal_unspecified: 31,
  number_incomplete: 28,
  codec_mismatch: 127,
  interworking: 127,
  failure: 38,
  answered_elsewhere: 26,
};

/** The SIP status that goes with a cause when the far end, or our cancelling, gave one. Local channels have none. */
export const sipStatuses: Record<number, number> = { 1: 404, 17: 486, 19: 480, 21: 603, 34: 503 };
