// Plain JavaScript on purpose: it runs on any Node, before the first line of TypeScript, so that an old Node gets a sentence instead of a stack trace.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `Ringfence needs Node 24 and was started with Node ${process.versions.node} (${process.platform}-${process.arch}).\n` +
      (process.platform === 'linux' && process.arch === 'x64'
        ? 'On this machine Node 24 comes with "npm ci": run "npm ci", then start Ringfence with "npm run ..." (not with "node ..." directly).'
        : 'On this platform it does not come with "npm ci": install Node 24 (https://nodejs.org) and try again.'),
  );
  process.exit(1);
}
