/** Frames at which Asterisk asks for a pause, at which it wants more, and from which it silently throws away. Measured on 22.10. */
const xoffFrames = 900;
const xonFrames = 800;
const fullFrames = 1_000;

type Entry = { pcm: Buffer } | { event: Record<string, unknown> };

/** What Asterisk's websocket channel does with the audio and the commands it is sent: the queue in front of the callee's ear. */
export function createMediaQueue(options: { frameBytes: number; emit: (event: Record<string, unknown>) => void }) {
  const { frameBytes, emit } = options;
  let entries: Entry[] = [];
  let frames = 0;
  let buffering = false;
  let paused = false;
  let full = false;
  let drainAsked = false;
  let rest: Buffer = Buffer.alloc(0);

  function addFrame(pcm: Buffer) {
    entries.push({ pcm });
    frames += 1;
  }

  const commands: Record<string, (id: string) => void> = {
    START_MEDIA_BUFFERING() {
      buffering = true;
    },
    STOP_MEDIA_BUFFERING(id) {
      if (rest.length > 0) addFrame(Buffer.concat([rest], frameBytes));
      rest = Buffer.alloc(0);
      buffering = false;
      entries.push({ event: { event: 'MEDIA_BUFFERING_COMPLETED', correlation_id: id } });
    },
    MARK_MEDIA: (id) => entries.push({ event: { event: 'MEDIA_MARK_PROCESSED', correlation_id: id } }),
    FLUSH_MEDIA() {
      // Marks in the queue go with the audio and are never reported. A pause survives.
      entries = [];
      frames = 0;
      rest = Buffer.alloc(0);
      buffering = false;
    },
    PAUSE_MEDIA() {
      paused = true;
    },
    CONTINUE_MEDIA() {
      paused = false;
    },
    REPORT_QUEUE_DRAINED() {
      drainAsked = true;
    },
    GET_STATUS: () =>
      emit({
        event: 'STATUS',
        queue_length: frames,
        xon_level: xonFrames,
        xoff_level: xoffFrames,
        queue_full: full,
        bulk_media: buffering,
        media_paused: paused,
      }),
  };

  return {
    /** One binary message. Outside of START/STOP_MEDIA_BUFFERING what exceeds whole frames is lost, as with the real one. */
    push(message: Buffer) {
      if (frames >= fullFrames) return;
      const pcm = buffering && rest.length > 0 ? Buffer.concat([rest, message]) : message;
      const whole = Math.floor(pcm.length / frameBytes) * frameBytes;
      for (let at = 0; at < whole; at += frameBytes) addFrame(pcm.subarray(at, at + frameBytes));
      if (buffering) rest = pcm.subarray(whole);
      if (!full && frames >= xoffFrames) {
        full = true;
        emit({ event: 'MEDIA_XOFF' });
      }
    },

    /** Unknown commands are ignored. */
    command(name: string, correlationId: string) {
      if (Object.hasOwn(commands, name)) commands[name]?.(correlationId);
    },

    /** Every 20 ms: the frame to be heard now, if any, after the marks before it were reported. */
    next(): Buffer | undefined {
      if (full && frames <= xonFrames) {
        full = false;
        emit({ event: 'MEDIA_XON' });
      }
      if (paused) return undefined;
      for (let entry = entries.shift(); entry; entry = entries.shift()) {
        if ('pcm' in entry) {
          frames -= 1;
          return entry.pcm;
        }
        emit(entry.event);
      }
      if (drainAsked) {
        drainAsked = false;
        emit({ event: 'QUEUE_DRAINED' });
      }
      return undefined;
    },
  };
}
