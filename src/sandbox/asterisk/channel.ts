import { type AriEvent, ariTimestamp } from './event-hub.ts';

/** Who hears what the rest of Asterisk sends to a channel: the person at the far end, or our media leg. */
export interface Device {
  /** Hertz. */
  sampleRate: number;
  hear(frame: Buffer): void;
  dtmf?(digit: string): void;
  /** The channel is gone. */
  gone(): void;
}

export interface ChannelOptions {
  id: string;
  technology: 'PJSIP' | 'Local' | 'WebSocket' | 'AudioSocket';
  name: string;
  app: string;
  appArgs: string;
  /** What is dialled, as the Dial event shows it. */
  dialString: string;
  context: string;
  publish: (event: AriEvent) => void;
  /** `TIMEOUT(absolute)` ran out. */
  onAbsoluteTimeout: () => void;
}

/** A variable that is a function of Asterisk's: setting one makes no ChannelVarset. */
const isFunction = (name: string) => name.includes('(');

/** One leg in the sandbox Asterisk: its state, its variables and its timers. */
export function createChannel(options: ChannelOptions) {
  const { id, name, app, appArgs, publish } = options;
  const variables = new Map<string, string>();
  const timers = new Set<NodeJS.Timeout>();
  const createdAt = ariTimestamp();
  const protocolId = options.technology === 'PJSIP' ? crypto.randomUUID() : '';
  let callerNumber = '';
  let absolute: { timer: NodeJS.Timeout; endsMs: number } | undefined;

  function after(ms: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
    return timer;
  }

  function setAbsoluteTimeout(seconds: number) {
    if (absolute) {
      clearTimeout(absolute.timer);
      timers.delete(absolute.timer);
    }
    absolute = undefined;
    if (!(seconds > 0)) return;
    absolute = { timer: after(seconds * 1_000, options.onAbsoluteTimeout), endsMs: performance.now() + seconds * 1_000 };
  }

  const channel = {
    id,
    name,
    app,
    technology: options.technology,
    dialString: options.dialString,
    state: 'Down' as 'Down' | 'Ringing' | 'Up',
    inStasis: false,
    dialled: false,
    device: undefined as Device | undefined,
    bridgeId: undefined as string | undefined,
    args: appArgs === '' ? [] : appArgs.split(','),
    get callerNumber() {
      return callerNumber;
    },

    snapshot() {
      return {
        id,
        name,
        state: channel.state,
        protocol_id: protocolId,
        caller: { name: '', number: callerNumber },
        connected: { name: '', number: '' },
        accountcode: '',
        dialplan: {
          context: options.context,
          exten: 's',
          priority: 1,
          app_name: channel.inStasis ? 'Stasis' : '',
          app_data: channel.inStasis ? [app, ...channel.args].join(',') : '',
        },
        creationtime: createdAt,
        language: 'en',
      };
    },

    publish(type: string, fields: Record<string, unknown> = {}) {
      publish({ type, ...fields, channel: channel.snapshot() });
    },

    setVariable(variable: string, value: string) {
      if (variable === 'TIMEOUT(absolute)') return setAbsoluteTimeout(Number(value));
      if (variable === 'CALLERID(num)') {
        callerNumber = value;
        return channel.publish('ChannelCallerId', {
          caller_presentation: 0,
          caller_presentation_txt: 'Presentation Allowed, Not Screened',
        });
      }
      variables.set(variable, value);
      if (!isFunction(variable)) channel.publish('ChannelVarset', { variable, value });
    },

    getVariable(variable: string): string | undefined {
      if (variable === 'TIMEOUT(absolute)') {
        return absolute ? Math.max(0, (absolute.endsMs - performance.now()) / 1_000).toFixed(3) : '0';
      }
      return variable === 'CALLERID(num)' ? callerNumber : variables.get(variable);
    },

    after,
    cancel(timer: NodeJS.Timeout | undefined) {
      if (!timer) return;
      clearTimeout(timer);
      timers.delete(timer);
    },
    stopTimers() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
  return channel;
}

export type Channel = ReturnType<typeof createChannel>;
