export interface SpeechRequest {
  text: string;
  voice: string;
  /** BCP 47. */
  language: string;
  /** Of the PCM (signed 16-bit little-endian, mono) that comes back. Hertz: 8000, 16000 or 24000. */
  sampleRate: number;
}

export interface TextToSpeech {
  /** Streams PCM. Throws a ServiceError when the service fails, stalls or breaks off; an abort throws the signal's reason. */
  synthesize(request: SpeechRequest, signal: AbortSignal): AsyncIterable<Buffer>;
}
