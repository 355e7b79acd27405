/** What the carrier does with a call; a behaviour that is a number answers with that SIP status. */
export type CarrierBehaviour = 'answers' | 'hangs-up' | 'rings-out' | 'early-media' | 'never-replies' | keyof typeof REASONS;

const REASONS = {
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  480: 'Temporarily Unavailable',
  484: 'Address Incomplete',
  486: 'Busy Here',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
  603: 'Decline',
} as const;

/** Dial one of these on the trunk (they are reserved for fiction) and the carrier does that. Every other number answers. */
export const CARRIER_NUMBERS = {
  answers: '+12025550180',
  'hangs-up': '+12025550181',
  'rings-out': '+12025550182',
  'early-media': '+12025550183',
  'never-replies': '+12025550184',
  403: '+12025550185',
  404: '+12025550186',
  408: '+12025550187',
  480: '+12025550188',
  484: '+12025550189',
  486: '+12025550190',
  488: '+12025550191',
  500: '+12025550192',
  503: '+12025550193',
  603: '+12025550194',
} as const satisfies Record<CarrierBehaviour, string>;

/** How long the phone rings before somebody answers. */
const RING_MS = 800;
/** Early media before the answer. */
const EARLY_MEDIA_MS = 1_500;
/** From the answer to the callee's BYE. */
const HANGS_UP_AFTER_MS = 1_500;

/** Places to jump to; SIPp wants numbers. */
const LABELS = { ringing: 1, answer: 2, earlyMedia: 3, ringsOut: 4, hangsUp: 5, end: 6, refusals: 10 } as const;

/** The scenario in SIPp's XML: one server that branches on the dialled number. */
export function carrierScenario(): string {
  const behaviours = Object.entries(CARRIER_NUMBERS).map(([behaviour, number]) => ({
    behaviour,
    number,
    variable: `is_${behaviour.replace('-', '_')}`,
  }));
  const refusals = Object.entries(REASONS).map(([status, reason], index) => ({ status, reason, label: LABELS.refusals + index }));
  const matches = behaviours.map(
    ({ number, variable }) => `<ereg regexp="sip:.?${number.slice(1)}@" search_in="hdr" header="To:" assign_to="${variable}" />`,
  );
  return `<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="carrier">
  <recv request="INVITE" crlf="true"><action>
    <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller" />
    <ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="target" />
    ${matches.join('\n    ')}
  </action></recv>
  ${jump('is_never_replies', LABELS.end)}
  ${respond('100 Trying')}
  ${refusals.map(({ status, label }) => jump(`is_${status}`, label)).join('\n  ')}
  ${jump('is_early_media', LABELS.earlyMedia)}
  ${respond('180 Ringing')}
  ${jump('is_rings_out', LABELS.ringsOut)}
  <pause milliseconds="${RING_MS}" next="${LABELS.answer}" />
  <label id="${LABELS.earlyMedia}" />
  ${respond('183 Session Progress', SDP)}
  <pause milliseconds="${EARLY_MEDIA_MS}" />
  <label id="${LABELS.answer}" />
  ${respond('200 OK', SDP, 'retrans="500"')}
  <recv request="ACK" crlf="true" />
  ${jump('is_hangs_up', LABELS.hangsUp)}
  <recv request="BYE" />
  ${respond('200 OK')}
  <nop next="${LABELS.end}" />
  <label id="${LABELS.hangsUp}" />
  <pause milliseconds="${HANGS_UP_AFTER_MS}" />
  ${BYE}
  <recv response="200" next="${LABELS.end}" />
  <label id="${LABELS.ringsOut}" />
  <recv request="CANCEL" />
  ${respond('200 OK')}
  ${respond('487 Request Terminated', '', 'retrans="500"', 'CSeq: 1 INVITE')}
  <recv request="ACK" next="${LABELS.end}" />
  ${refusals.map(({ status, reason, label }) => refuse(`${status} ${reason}`, label)).join('\n  ')}
  <label id="${LABELS.end}" />
  <Reference variables="caller,target,${behaviours.map(({ variable }) => variable).join(',')}" />
</scenario>
`;
}

const SDP = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=carrier 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16`;

const BYE = send(
  `BYE [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:callee@[local_ip]:[local_port]>;tag=[pid]carrier[call_number]
To:[$caller]
[last_Call-ID:]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0`,
  'retrans="500"',
);

function jump(variable: string, label: number): string {
  return `<nop next="${label}" test="${variable}" />`;
}

function refuse(status: string, label: number): string {
  return `<label id="${label}" />
  ${respond(status, '', 'retrans="500"')}
  <recv request="ACK" next="${LABELS.end}" />`;
}

/** `CSeq` stands for the request's own unless given: a 487 answers the INVITE though the CANCEL came last. */
function respond(status: string, body = '', attributes = '', cseq = '[last_CSeq:]'): string {
  return send(
    `SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]carrier[call_number]
[last_Call-ID:]
${cseq}
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
${body || 'Content-Length: [len]'}`,
    attributes,
  );
}

function send(message: string, attributes: string): string {
  return `<send ${attributes}><![CDATA[\n\n${message}\n\n]]></send>`;
}
