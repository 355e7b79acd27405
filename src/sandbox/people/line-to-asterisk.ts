import type WebSocket from 'ws';

/** Frames between two looks at how far Asterisk has got. */
const markEvery = 10;
/** Frames, the marks' own delay included. What waits at Asterisk beyond these is a delay that a phone line hasn't got. */
const mostAhead = 30;

/**
 * What a person says, on its way into a real Asterisk, which plays a frame each 20 ms and never makes up for a stall of its own:
 * what waits there grows with each stall, and with it the time until the person is heard. Silence is left out until that has shrunk again.
 */
export function createLineToAsterisk(media: Pick<WebSocket, 'on' | 'send'>, frameBytes: number) {
  const silence = Buffer.alloc(frameBytes);
  const reached = new Map<string, () => void>();
  let marks = 0;
  let sent = 0;
  let played = 0;

  media.on('message', (data, isBinary) => {
    if (isBinary) return;
    const { event, correlation_id: mark } = JSON.parse(String(data)) as { event: string; correlation_id?: string };
    if (event !== 'MEDIA_MARK_PROCESSED' || mark === undefined) return;
    reached.get(mark)?.();
    reached.delete(mark);
  });

  /** Calls back once all that was sent so far has been played. */
  function whenPlayed(then: () => void): void {
    const mark = `m${++marks}`;
    reached.set(mark, then);
    media.send(JSON.stringify({ command: 'MARK_MEDIA', correlation_id: mark }));
  }

  return {
    whenPlayed,
    send(frame: Buffer): void {
      if (sent - played > mostAhead && frame.equals(silence)) return;
      media.send(frame);
      sent++;
      const upTo = sent;
      if (sent % markEvery !== 0) return;
      whenPlayed(() => {
        played = upTo;
      });
    },
  };
}
