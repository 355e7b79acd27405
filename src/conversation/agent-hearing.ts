import type { SpeechToText, SpeechToTextOptions } from '../services/speech-to-text.ts';
import type { VoiceAgentSession } from '../services/voice-agent.ts';
import { createTimer } from './timer.ts';

/** The agent has noticed nobody when we heard the callee pause: so long it may still. Milliseconds. */
const MAY_NOTICE_MS = 1_000;
/** It may take a silence for the end before we do: a pause this soon after their turn was told belongs to that turn. Milliseconds. */
const SAME_TURN_MS = 1_000;

/** A voice agent as that which listens: it decides itself when the callee has finished. */
export interface AgentHearing {
  readonly speechToText: SpeechToText;
  calleeSpeaks(): void;
  calleeSaid(text: string): void;
}

export function createAgentHearing(open: (options: SpeechToTextOptions) => Promise<VoiceAgentSession>): AgentHearing {
  const timer = createTimer();
  let listener: SpeechToTextOptions | undefined;
  /** Pauses that wait for what was said before them. */
  let commits = 0;
  let calleeIsHeard = false;
  let toldAt = Number.NEGATIVE_INFINITY;

  function answerCommits(text: string): void {
    timer.stop();
    const answers = Math.max(commits, text === '' ? 0 : 1);
    commits = 0;
    for (let i = 0; i < answers; i++) listener?.onFinal(i === 0 ? text : '');
  }

  return {
    speechToText: {
      async open(options) {
        listener = options;
        const session = await open(options);
        options.signal.addEventListener('abort', () => timer.stop(), { once: true });
        return {
          send: (pcm) => session.hear(pcm),
          commit() {
            commits++;
            if (calleeIsHeard) return;
            if (performance.now() - toldAt < SAME_TURN_MS) answerCommits('');
            else timer.start(MAY_NOTICE_MS, () => calleeIsHeard || answerCommits(''));
          },
          distrust: () => session.giveUpOn('no-final-transcript', 'people have spoken again and again, and it understood not a word'),
          close() {
            timer.stop();
            session.close();
          },
        };
      },
    },
    calleeSpeaks() {
      listener?.onSpeech?.();
      calleeIsHeard = true;
      // Its words may take longer; whoever waits gives up on them by itself.
      timer.stop();
    },
    calleeSaid(text) {
      calleeIsHeard = false;
      toldAt = performance.now();
      answerCommits(text);
    },
  };
}
