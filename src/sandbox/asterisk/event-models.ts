/**
 * The events this sandbox sends, with their fields. `ari-client` refuses an event whose model it wasn't given,
 * and wraps a field of a known type (Channel, Bridge, Playback) into an object with methods.
 */
export const eventModels: Record<string, Record<string, string>> = {
  ApplicationReplaced: {},
  StasisStart: { args: 'List[string]', channel: 'Channel', replace_channel: 'Channel' },
  StasisEnd: { channel: 'Channel' },
  ChannelCreated: { channel: 'Channel' },
  ChannelDestroyed: { cause: 'int', cause_txt: 'string', tech_cause: 'int', channel: 'Channel' },
  ChannelStateChange: { channel: 'Channel' },
  ChannelHangupRequest: { cause: 'int', tech_cause: 'int', soft: 'boolean', channel: 'Channel' },
  ChannelCallerId: { caller_presentation: 'int', caller_presentation_txt: 'string', channel: 'Channel' },
  ChannelConnectedLine: { channel: 'Channel' },
  ChannelDialplan: { channel: 'Channel', dialplan_app: 'string', dialplan_app_data: 'string' },
  ChannelDtmfReceived: { digit: 'string', duration_ms: 'int', channel: 'Channel' },
  ChannelVarset: { variable: 'string', value: 'string', channel: 'Channel' },
  ChannelEnteredBridge: { bridge: 'Bridge', channel: 'Channel' },
  ChannelLeftBridge: { bridge: 'Bridge', channel: 'Channel' },
  BridgeCreated: { bridge: 'Bridge' },
  BridgeDestroyed: { bridge: 'Bridge' },
  Dial: {
    caller: 'Channel',
    peer: 'Channel',
    forward: 'string',
    forwarded: 'Channel',
    dialstring: 'string',
    dialstatus: 'string',
  },
  PlaybackStarted: { playback: 'Playback' },
  PlaybackContinuing: { playback: 'Playback' },
  PlaybackFinished: { playback: 'Playback' },
};

/** Fields that every event has. */
export const commonFields: Record<string, string> = { type: 'string', application: 'string', timestamp: 'Date', asterisk_id: 'string' };
