import { z } from "zod";
import type { ModelReply } from "./stream-message.ts";

const blockSchema = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  name: z.string().optional(),
  content: z.unknown().optional(),
});
const contentSchema = z.union([z.string(), z.array(blockSchema)]);

/** The part of a request to the Messages API that the model looks at. */
export const modelRequestSchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  system: contentSchema.optional(),
  messages: z.array(z.looseObject({ role: z.string(), content: contentSchema })),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
});
type ModelRequest = z.infer<typeof modelRequestSchema>;

/**
 * Does what the ticket file says, in place of thinking: reads the file whose path the system prompt names, runs its
 * lines `do: run <command>` and `do: permission <command>` one after the other as Bash commands, `do: call <tool> <JSON>` as
 * tools of the MCP server `groundcrew` and `do: ask <JSON>` as questions to people, shows `do: plan <text>` as a plan, and says that it is done. Steps in a text that sends the result back follow. The state is the conversation itself, so a resumed one continues. Requests without tools, such as for a title,
 * get a short text.
 */
export function followTicket({ system, messages, tools = [] }: ModelRequest): ModelReply {
  if (!tools.some(({ name }) => name === "Bash")) return { text: "Fake title" };
  const blocks = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content));
  const uses = blocks.filter(({ type }) => type === "tool_use");
  const last = messages.at(-1)?.content;
  const path = /(\/\S+\/ticket\.md)/.exec(toText(system))?.[1];
  if (path === undefined) return { text: `Fake answer: ${toText(last)}` };
  if (uses.length === 0) return { tool: "Read", input: { file_path: path } };
  const file = toText(blocks.find(({ type }) => type === "tool_result")?.content);
  const sentBack = messages
    .filter(({ role }) => role === "user")
    .map(({ content }) => toText(content))
    .filter((text) => text.includes("sends it back"));
  const found = [...file.concat("\n", ...sentBack).matchAll(/do: (run|permission|call|ask|plan) (.+)$/gm)];
  const planFile = /\/[^\s"\\]+\/plans\/[\w-]+\.md/.exec(JSON.stringify([system, messages]))?.[0] ?? "";
  const steps = found.flatMap(([, word = "", rest = ""]) => toToolUses(word, rest, planFile));
  const step = steps[uses.length - 1];
  if (step) return step;
  // Claude Code may add messages of its own after the result of a tool.
  const present = messages.slice(messages.findLastIndex(({ role }) => role === "assistant") + 1);
  const isAnswered = present.some(
    ({ content }) => Array.isArray(content) && content.some(({ type }) => type === "tool_result"),
  );
  return { text: isAnswered ? "Tool finished; all done." : "Fake answer: hello from the fake model." };
}

/** A plan is written to its file, then shown. */
function toToolUses(word: string, rest: string, planFile: string): ModelReply[] {
  if (word !== "plan") return [toToolUse(word, rest)];
  return [
    { tool: "Write", input: { file_path: planFile, content: rest } },
    { tool: "ExitPlanMode", input: {} },
  ];
}

function toToolUse(word: string, rest: string): ModelReply {
  if (word === "ask") return { tool: "AskUserQuestion", input: JSON.parse(rest) };
  if (word !== "call") return { tool: "Bash", input: { command: rest, description: "Step of the ticket" } };
  const [, name = "", input = "{}"] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
  return { tool: `mcp__groundcrew__${name}`, input: JSON.parse(input) };
}

function toText(content: unknown): string {
  const parsed = contentSchema.safeParse(content);
  if (!parsed.success) return "";
  return typeof parsed.data === "string" ? parsed.data : parsed.data.map(({ text = "" }) => text).join("\n");
}
