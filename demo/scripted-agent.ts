import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { z } from "zod";
import { getErrorMessage } from "../shared/errors.ts";

/** What a task brings besides the work itself. */
export interface TaskScript {
  /** The agent asks the human before it goes on. */
  ask?: { text: string; choices: string[] };
  /** How sure it is of its first result, 0 to 1; default 0.9. */
  confidence?: number;
}

/** An agent as it works from outside: it knows Groundcrew's address and its own bridge token, nothing else. */
export interface ScriptedAgent {
  name: string;
  /** Takes the next task that can be started and works it to the end. False: there was none. */
  workNextTask(): Promise<boolean>;
}

interface AgentOptions {
  name: string;
  /** Groundcrew's address. */
  url: string;
  token: string;
  narrate: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** The demo ends: nothing is tried again. */
  isOver: () => boolean;
  /** How long a step of its work takes. */
  pace: number;
  /** By the tasks' titles. */
  scripts: Readonly<Record<string, TaskScript>>;
}

/** So many steps it waits for an answer, then it goes on as it thinks best. */
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

/** A tool's answer: what it says, or why it was refused. */
type ToolResult = { ok: true; text: string } | { ok: false; text: string };

/** Works through the bridge's tools over MCP, as any agent would. */
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
      // The SDK's own transport does not fit its own interface where optional properties are taken at their word.
      await client.connect(transport as Parameters<Client["connect"]>[0]);
      const { content, isError } = await client.callTool({ name: tool, arguments: input });
      const [first] = z.array(z.looseObject({ text: z.string().optional() })).parse(content);
      return { ok: isError !== true, text: first?.text ?? "" };
    } finally {
      await client.close();
    }
  }

  /** Also while Groundcrew is being restarted; undefined when the demo is over. */
  async function callUntilReachable(tool: string, input: Record<string, unknown>): Promise<ToolResult | undefined> {
    let isReported = false;
    while (!isOver()) {
      try {
        return await callOnce(tool, input);
      } catch (error) {
        if (!isReported && !isOver())
          narrate(`${name} cannot reach Groundcrew (${getErrorMessage(error)}) and tries again`);
        isReported = true;
        await wait(pace);
      }
    }
    return undefined;
  }

  /** Calls a tool until it is not refused for a reason that passes; undefined when it is refused for good. */
  async function callWithRetry(tool: string, input: Record<string, unknown>): Promise<string | undefined> {
    for (let tries = 0; tries < 5; tries += 1) {
      const answer = await callUntilReachable(tool, input);
      if (!answer || answer.ok) return answer?.text;
      narrate(`${name}: ${tool} is refused: ${answer.text}`);
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
      const answer = latest.find((one) => one.text === text)?.answer;
      if (answer !== undefined) return narrate(`${name} has an answer about ${task}: ${answer}`);
    }
    narrate(`${name} has no answer about ${task} and goes on`);
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
      const text = "Half of it works.";
      if (await callWithRetry("add_comment", { task: key, kind: "progress", percent: 60, text }))
        narrate(`${name} reports on ${key}: 60%`);
      if (question && !submitted.has(key)) await askHuman(key, question);
      await wait(pace);
      const file = btoa(`# ${key}\n\nWhat ${name} has made.\n`);
      if (await callWithRetry("upload_deliverable", { task: key, name: `${key}.md`, file }))
        narrate(`${name} hands in ${key}.md`);
      const reportedConfidence = submitted.has(key) ? 0.9 : confidence;
      const closing = { text: "Done as asked; the result is attached.", confidence: reportedConfidence, cost: 0.12 };
      const closed = await callWithRetry("update_task_status", { task: key, status: "done", ...closing });
      if (closed === undefined) return true;
      submitted.add(key);
      const { in_review: inReview } = closedSchema.parse(JSON.parse(closed));
      narrate(
        inReview
          ? `${name} is ${reportedConfidence * 100}% sure of ${key}: a human looks first`
          : `${name} finishes ${key}`,
      );
      return true;
    },
  };
}
