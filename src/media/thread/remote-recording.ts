import { fromData } from './error-as-data.ts';
import type { FromThread, ToThread } from './messages.ts';

type RecordingNews = Extract<FromThread, { recording: number }>;
type Recorded = { durationMs: number; error?: Error };

export interface RemoteRecording {
  onNews(news: RecordingNews): void;
  /** There is a new thread: the file is gone on with. */
  goOn(): void;
  /** Writes the rest. Never rejects. Idempotent. */
  close(): Promise<Recorded>;
  /** There is no thread to end it any more. */
  lose(error: Error): void;
}

export interface RemoteRecordingOptions {
  /** The thread's name for it. */
  id: number;
  path: string;
  sampleRate: number;
  post: (message: ToThread) => boolean;
}

/** The main thread's end of a recording that the media thread makes. */
export function createRemoteRecording({ id, path, sampleRate, post }: RemoteRecordingOptions): RemoteRecording {
  const recorded = Promise.withResolvers<Recorded>();
  let beganAt: number | undefined;
  let closing = false;

  const start = () => post({ kind: 'record', recording: id, path, sampleRate, beganAt });
  const stop = () => post({ kind: 'stop-recording', recording: id });
  start();

  return {
    onNews(news) {
      if (news.kind === 'recording-began') beganAt = news.at;
      else recorded.resolve({ durationMs: news.durationMs, ...(news.error && { error: fromData(news.error) }) });
    },
    goOn() {
      start();
      if (closing) stop();
    },
    close() {
      closing = true;
      stop();
      return recorded.promise;
    },
    lose: (error) => recorded.resolve({ durationMs: 0, error }),
  };
}
