import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { z } from "zod";
import { getErrorMessage } from "../shared/errors.ts";

/** How the script of a task differs from plain work. */
export interface TaskScript {
  /** A question to the human; the agent waits for the answer. */
  ask?: { text: string; choices: string[] };
  /** Confidence of the first result, 0 to 1. Default: 0.9. */
  confidence?: number;
}

/** A scripted agent. Like a real one, it knows only Groundcrew's address and its own bridge token. */
export interface ScriptedAgent {
  name: string;
  /** Takes the next startable task and completes it. Returns false when there was none. */
  workNextTask(): Promise<boolean>;
}

interface AgentOptions {
  name: string;
  /** Groundcrew's address. */
  url: string;
  token: string;
  narrate: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** Whether the demo is ending; then no call is repeated. */
  isOver: () => boolean;
  /** Duration of one step of work, in milliseconds. */
  pace: number;
  /** The scripts by task title. */
  scripts: Readonly<Record<string, TaskScript>>;
}

/** Limit of checks for an answer: 20, one per step. Then the agent continues without one. */
const MAX_ANSWER_CHECKS = 20;

const listSchema = z.object({
  tasks: z.array(
    z.looseObject({ key: z.string(), title: z.string(), status: z.string(), startable: z.boolean().optional() }),
  ),
});

const detailsSchema = z.object({
  questions: z.object({ latest: z.array(z.object({ text: z.string(), answer: z.string().optional() })) }),
});
const closedSchema = z.object({ in_review: z.boolean().default(false) });

/** A tool's result: its text, or the reason of the refusal. */
type ToolResult = { ok: true; text: string } | { ok: false; text: string };

/** Creates an agent that works with the bridge's tools over MCP, as a real one does. */
export function createScriptedAgent({
  name,
  url,
  token,
  narrate,
  wait,
  isOver,
  pace,
  scripts,
}: AgentOptions): ScriptedAgent {
  const submitted = new Set<string>();

  async function callOnce(tool: string, input: Record<string, unknown>): Promise<ToolResult> {
    const headers = { authorization: `Bearer ${token}` };
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } });
    const client = new Client({ name: "scripted-agent", version: "1.0.0" });
    try {
      // The SDK's transport does not match its own interface with exactOptionalPropertyTypes.
      await client.connect(transport as Parameters<Client["connect"]>[0]);
      const { content, isError } = await client.callTool({ name: tool, arguments: input });
      const [first] = z.array(z.looseObject({ text: z.string().optional() })).parse(content);
      return { ok: isError !== true, text: first?.text ?? "" };
    } finally {
      await client.close();
    }
  }

  /** Repeats a call while Groundcrew is not reachable, as during a restart. Undefined when the demo is ending. */
  async function callUntilReachable(tool: string, input: Record<string, unknown>): Promise<ToolResult | undefined> {
    let isReported = false;
    while (!isOver()) {
      try {
        return await callOnce(tool, input);
      } catch (error) {
        if (!isReported && !isOver())
          narrate(`${name} cannot reach Groundcrew (${getErrorMessage(error)}) and retries`);
        isReported = true;
        await wait(pace);
      }
    }
    return undefined;
  }

  /** Repeats a call whose refusal says to try again, at most 5 times. Undefined when it stays refused. */
  async function callWithRetry(tool: string, input: Record<string, unknown>): Promise<string | undefined> {
    for (let tries = 0; tries < 5; tries += 1) {
      const answer = await callUntilReachable(tool, input);
      if (!answer || answer.ok) return answer?.text;
      narrate(`${name}: ${tool} was refused: ${answer.text}`);
      if (!/again/.test(answer.text)) return undefined;
      await wait(pace);
    }
    return undefined;
  }

  async function askHuman(task: string, { text, choices }: NonNullable<TaskScript["ask"]>) {
    if ((await callWithRetry("ask_human", { task, text, choices })) === undefined) return;
    narrate(`${name} asks about ${task}: ${text}`);
    for (let steps = 0; steps < MAX_ANSWER_CHECKS && !isOver(); steps += 1) {
      await wait(pace);
      const details = await callUntilReachable("get_task_details", { task });
      if (!details?.ok) continue;
      const { latest } = detailsSchema.parse(JSON.parse(details.text)).questions;
      const answer = latest.find((question) => question.text === text)?.answer;
      if (answer !== undefined) return narrate(`${name} received an answer about ${task}: ${answer}`);
    }
    narrate(`${name} received no answer about ${task} and continues`);
  }

  async function findNextTask() {
    const response = await callUntilReachable("list_my_tasks", {});
    if (!response?.ok) return undefined;
    const { tasks } = listSchema.parse(JSON.parse(response.text));
    return tasks.find(({ status, startable = true }) => startable && (status === "todo" || status === "in_progress"));
  }

  return {
    name,
    async workNextTask() {
      const task = await findNextTask();
      if (!task) return false;
      const { key, title } = task;
      const { ask: question, confidence = 0.9 } = scripts[title] ?? {};
      if ((await callWithRetry("update_task_status", { task: key, status: "in_progress" })) === undefined) return true;
      narrate(`${name} starts ${key} “${title}”`);
      await callWithRetry("start_timer", { task: key });
      await wait(pace);
      const text = "More than half is done.";
      if (await callWithRetry("add_comment", { task: key, kind: "progress", percent: 60, text }))
        narrate(`${name} reports on ${key}: 60%`);
      if (question && !submitted.has(key)) await askHuman(key, question);
      await wait(pace);
      const file = btoa(`# ${key}\n\nThe result of ${name}.\n`);
      if (await callWithRetry("upload_deliverable", { task: key, name: `${key}.md`, file }))
        narrate(`${name} uploads ${key}.md`);
      const reportedConfidence = submitted.has(key) ? 0.9 : confidence;
      const closing = { text: "Done as asked; the result is attached.", confidence: reportedConfidence, cost: 0.12 };
      const closed = await callWithRetry("update_task_status", { task: key, status: "done", ...closing });
      if (closed === undefined) return true;
      submitted.add(key);
      const { in_review: inReview } = closedSchema.parse(JSON.parse(closed));
      narrate(
        inReview
          ? `${name} is ${reportedConfidence * 100}% sure of ${key}: a human reviews it`
          : `${name} finishes ${key}`,
      );
      return true;
    },
  };
}
