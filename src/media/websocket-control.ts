/**
 * The text side of Asterisk's chan_websocket: commands to it, events from it.
 * https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket
 *
 * Since 22.8 an Asterisk may be configured to speak JSON instead of plain text; it takes commands only in the form it speaks itself,
 * so the form of its MEDIA_START decides ours.
 */
export type ControlForm = 'json' | 'plain';

/** The events that matter to a media leg. Key presses are taken from ARI, which has them whatever the leg is. */
export type ControlEvent =
  | { event: 'media-start'; form: ControlForm; frameBytes: number }
  | { event: 'mark-reached'; mark: string }
  | { event: 'xoff' }
  | { event: 'xon' };

export type ControlCommand =
  | { command: 'START_MEDIA_BUFFERING' | 'FLUSH_MEDIA' | 'PAUSE_MEDIA' | 'CONTINUE_MEDIA' }
  | { command: 'STOP_MEDIA_BUFFERING' | 'MARK_MEDIA'; mark: string };

/** Asterisk ignores a command of more than 128 bytes without a word; ours stay under 80 while marks are short. */
export function encodeCommand(form: ControlForm, command: ControlCommand): string {
  const mark = 'mark' in command ? command.mark : undefined;
  if (form === 'plain') return mark === undefined ? command.command : `${command.command} ${mark}`;
  return JSON.stringify({ command: command.command, correlation_id: mark });
}

/** Reads one text message. What isn't one of our events is undefined, however odd it is. */
export function parseEvent(text: string): ControlEvent | undefined {
  const json = text.startsWith('{');
  const fields = json ? parseJson(text) : parsePlain(text);
  switch (fields?.event) {
    case 'MEDIA_START':
      return {
        event: 'media-start',
        form: json ? 'json' : 'plain',
        frameBytes: Number(fields.optimal_frame_size),
      };
    case 'MEDIA_MARK_PROCESSED':
    case 'MEDIA_BUFFERING_COMPLETED':
      return { event: 'mark-reached', mark: String(fields.correlation_id ?? '') };
    case 'MEDIA_XOFF':
      return { event: 'xoff' };
    case 'MEDIA_XON':
      return { event: 'xon' };
    default:
      return undefined;
  }
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** `MEDIA_START key:value …`, or `MEDIA_MARK_PROCESSED id`. Values may hold colons, never spaces. */
function parsePlain(text: string): Record<string, unknown> {
  const [event, ...words] = text.trim().split(' ');
  const pairs = words.map((word): [string, string] => {
    const colon = word.indexOf(':');
    return colon < 0 ? ['correlation_id', word] : [word.slice(0, colon), word.slice(colon + 1)];
  });
  return { ...Object.fromEntries(pairs), event };
}
