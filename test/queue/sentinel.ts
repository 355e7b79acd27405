import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A Sentinel that knows one master: what ioredis asks is one question. https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ */
export async function startSentinel(master: string, url: string): Promise<{ port: number; stop(): Promise<void> }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
  const answer = (words: string[]): string => {
    const [command = '', sub = '', name] = words;
    if (command.toLowerCase() === 'hello') return '-NOPROTO unsupported protocol version\r\n';
    if (command.toLowerCase() !== 'sentinel') return '+OK\r\n';
    if (sub !== 'get-master-addr-by-name') return '*0\r\n';
    return name === master ? `*2\r\n${bulk(hostname)}${bulk(port)}` : '*-1\r\n';
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (data) => {
      text += data;
      for (let words = takeCommand(); words !== undefined; words = takeCommand()) socket.write(answer(words));
    });
    const takeCommand = () => {
      const lines = text.split('\r\n');
      const count = Number(lines[0]?.slice(1));
      if (lines[0]?.[0] !== '*' || lines.length <= 2 * count + 1) return undefined;
      text = lines.slice(2 * count + 1).join('\r\n');
      return lines.slice(1, 2 * count + 1).filter((_, index) => index % 2 === 1);
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
