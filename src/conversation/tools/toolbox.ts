import { ServiceError } from '../../errors.ts';
import type { ModelTool } from '../../services/language-model.ts';
import { OPT_OUT } from './opt-out.ts';
import type { Tool, ToolCall, ToolContext, ToolResult } from './tool.ts';

/** The tools of one conversation. */
export interface Toolbox {
  /** As the model is told of them, anew at each reply. */
  describe(): ModelTool[];
  find(name: string): Tool | undefined;
  /** Does what a tool call asks for. Never rejects: what goes wrong is a result, too. */
  run(call: ToolCall, context: ToolContext): Promise<ToolResult>;
}

export function createToolbox(tools: readonly Tool[], onFault: (error: unknown, tool: string) => void = () => {}): Toolbox {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));

  async function run(call: ToolCall, context: ToolContext): Promise<ToolResult> {
    const tool = byName.get(call.name);
    if (tool === undefined) {
      const why = `there is no tool "${call.name.slice(0, 60)}"; the tools are ${[...byName.keys()].join(', ')}`;
      return { kind: 'mistake', why };
    }
    // Whatever is wrong with its arguments, a wish not to be called again is clear.
    const args = parseObject(call.arguments) ?? (tool.name === OPT_OUT ? {} : undefined);
    if (args === undefined) return { kind: 'mistake', why: 'the arguments are not a JSON object' };
    try {
      return await tool.run(args, context);
    } catch (error) {
      if (context.signal.aborted) return { kind: 'failed', why: 'it was cut off' };
      onFault(error, tool.name);
      return { kind: 'failed', why: error instanceof ServiceError ? error.message : 'it broke' };
    }
  }

  return {
    describe: () => tools.map((tool) => ({ name: tool.name, ...tool.describe() })),
    find: (name) => byName.get(name),
    run,
  };
}

/** What the model is told of a result. */
export function outputOf(result: Exclude<ToolResult, { kind: 'closing' }>): string {
  switch (result.kind) {
    case 'done':
      return JSON.stringify(result.output);
    case 'mistake':
      return JSON.stringify({ error: `Nothing was done: ${result.why}. Call the tool again.` });
    case 'failed':
      return JSON.stringify({ error: `It did not work: ${result.why}. Go on without it, and don't claim that it worked.` });
  }
}

function parseObject(json: string): Record<string, unknown> | undefined {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
