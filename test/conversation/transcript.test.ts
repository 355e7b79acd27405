import { describe, expect, it } from 'vitest';
import type { TranscriptEntry } from '../../src/call/outcome.ts';
import { createTranscript } from '../../src/conversation/transcript.ts';

describe('the transcript', () => {
  it('is in the order in which things were said, not in that in which they became known', () => {
    const told: TranscriptEntry[] = [];
    const transcript = createTranscript(() => 9_000, { onEntry: (entry) => void told.push(entry) });
    transcript.callee({ text: 'Hello?', atMs: 300.4 });
    transcript.agent({ text: 'Hello, this is', atMs: 0, bargedIn: true });
    transcript.callee({ text: 'Yes?', atMs: 1_200 });
    expect(transcript.entries()).toEqual([
      { speaker: 'agent', text: 'Hello, this is', atMs: 0, bargedIn: true },
      { speaker: 'callee', text: 'Hello?', atMs: 300 },
      { speaker: 'callee', text: 'Yes?', atMs: 1_200 },
    ]);
    expect(told.map(({ text }) => text)).toEqual(['Hello?', 'Hello, this is', 'Yes?']);
    expect(transcript.messages().map(({ role }) => role)).toEqual(['assistant', 'system', 'user', 'user']);
  });

  it('keeps a tool call and what came of it together, for the model only', () => {
    const transcript = createTranscript(() => 2_000);
    transcript.callee({ text: 'Bye.', atMs: 1_000 });
    transcript.tool({ callId: '1', name: 'launch', arguments: '{}' }, '{"error":"no such tool"}');
    transcript.callee({ text: 'What?', atMs: 3_000 });
    expect(transcript.entries()).toHaveLength(2);
    expect(transcript.messages().map(({ role }) => role)).toEqual(['user', 'tool-call', 'tool-result', 'user']);
  });
});
