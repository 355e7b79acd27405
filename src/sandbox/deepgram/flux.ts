import { randomUUID } from 'node:crypto';
import type { HeardWord } from '../voice/voice.ts';
import type { Json, Listening } from './listen-socket.ts';

/** With so much silence after words the model believes that the turn is over, unless it was told never to. Milliseconds. */
const CONFIDENT_MS = 400;
/** It speaks up about this often while there is audio. Milliseconds. */
const UPDATE_MS = 250;

export interface FluxOptions {
  /** 1: the model never ends a turn. */
  eotThreshold: number;
  /** Milliseconds. */
  eotTimeoutMs: number;
}

/** `/v2/listen`: turns, which the model ends, the client ends, or a silence that lasts too long. */
export function listenAsFlux(say: (message: Json) => void, { eotThreshold, eotTimeoutMs }: FluxOptions): Listening {
  const requestId = randomUUID();
  let sequence = 1;
  let turn = 0;
  let words: HeardWord[] = [];
  let quietMs = 0;
  let sinceUpdateMs = 0;
  let totalMs = 0;
  let startMs = 0;

  function tell(event: string, more: Json = {}): void {
    sinceUpdateMs = 0;
    say({
      type: 'TurnInfo',
      request_id: requestId,
      sequence_id: sequence++,
      event,
      turn_index: turn,
      audio_window_start: startMs / 1000,
      audio_window_end: totalMs / 1000,
      transcript: words.map(({ text }) => text).join(' '),
      words: words.map(({ text }) => ({ word: text, confidence: 1 })),
      end_of_turn_confidence: event === 'EndOfTurn' ? 1 : 0.1,
      ...more,
    });
  }

  function endTurn(trigger: 'model' | 'manual' | 'timeout'): void {
    if (words.length === 0) return;
    tell('EndOfTurn', { trigger });
    words = [];
    turn++;
    startMs = totalMs;
  }

  return {
    greeting: { type: 'Connected', request_id: requestId, sequence_id: 0 },
    heard(heard, { ms, loud }) {
      totalMs += ms;
      sinceUpdateMs += ms;
      quietMs = loud ? 0 : quietMs + ms;
      for (const word of heard) {
        words.push(word);
        tell(words.length === 1 ? 'StartOfTurn' : 'Update');
      }
      if (eotThreshold < 1 && quietMs >= CONFIDENT_MS) endTurn('model');
      else if (quietMs >= eotTimeoutMs) endTurn('timeout');
      if (sinceUpdateMs >= UPDATE_MS) tell('Update');
    },
    on: {
      // Without a turn it is ignored.
      ForceEndTurn: () => endTurn('manual'),
      Configure: () => {
        const thresholds = { eot_threshold: eotThreshold, eot_timeout_ms: eotTimeoutMs };
        say({ type: 'ConfigureSuccess', request_id: requestId, sequence_id: sequence++, thresholds, keyterms: [] });
      },
    },
    finish: () => endTurn('manual'),
  };
}
