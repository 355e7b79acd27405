import { fault } from '../error-classification/classify.ts';
import { openServiceSocket, type SocketMessage } from './service-socket.ts';

export interface SpeechSocketOptions {
  url: URL;
  apiKey: string;
  text: string;
  /** Its abort cuts the connection, without a goodbye. */
  signal: AbortSignal;
}

/** The socket is read as fast as it brings, however slowly that is spoken, so there is an end to what is kept: a second a character and ten more, at the widest rate. */
const maxBytes = (text: string): number => (text.length + 10) * 24_000 * 2;
const BASE64 = /^[\w+/-]*={0,2}$/;

/**
 * One text, spoken over a websocket of its own. The connection isn't kept for the next one: what the service says on it doesn't tell which
 * text it belongs to, and what is left of a text that was broken off could be heard in the next.
 *
 * The stream ends with the service's word that it is complete; anything else is an error, which comes after all the sound that came.
 */
export function openSpeechSocket({ url, apiKey, text, signal }: SpeechSocketOptions): ReadableStream<Uint8Array> {
  let failure: unknown;
  let hangUp = (): void => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let bytes = 0;
      const socket = openServiceSocket({
        url,
        headers: { 'xi-api-key': apiKey },
        toBody: (message) => ({ detail: { message } }),
        // A blank opens, an empty text says that no more will follow. The service wants a space after each text.
        onOpen: () => {
          for (const part of [' ', `${text} `, '']) socket.send(JSON.stringify({ text: part }));
        },
        onMessage: (_type, message) => {
          if (message.error) return fail(complaint(message));
          if (typeof message.audio === 'string' && message.audio !== '') hear(message.audio);
          if (failure === undefined && message.isFinal === true) complete();
        },
        onFailure: fail,
      });
      const onAbort = (): void => fail(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      hangUp = () => {
        signal.removeEventListener('abort', onAbort);
        socket.terminate();
      };
      if (signal.aborted) onAbort();

      function hear(audio: string): void {
        const pcm = Buffer.from(audio, 'base64');
        bytes += pcm.length;
        // Node would leave out what is no base64, and what remains would be noise.
        if (!BASE64.test(audio)) fail(fault('unreadable-answer', 'the audio of a message is not base64'));
        else if (bytes > maxBytes(text)) fail(fault('unreadable-answer', 'more sound came than the text can have'));
        else controller.enqueue(pcm);
      }

      function complete(): void {
        signal.removeEventListener('abort', onAbort);
        socket.close();
        controller.close();
      }

      function fail(error: unknown): void {
        hangUp();
        failure = error;
        // An error empties the stream's queue; what is in it is heard first, unless nobody listens any more.
        if (signal.aborted || (controller.desiredSize ?? 0) > 0) controller.error(error);
      }
    },
    pull(controller) {
      if (failure !== undefined) controller.error(failure);
    },
    cancel: () => hangUp(),
  });
}

/** In the shape of the HTTP errors. One that no table knows is the service's fault. */
function complaint({ error, message }: SocketMessage): Error {
  const kind = typeof error === 'string' ? error : 'speech_error';
  const refused = fault(kind, 'the service refused to speak', fault('speech_error', 'an error message'));
  return Object.assign(refused, { body: { detail: { message } } });
}
