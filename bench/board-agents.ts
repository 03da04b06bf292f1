import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { z } from "zod";
import { getErrorMessage } from "../shared/errors.ts";
import { type Ms, SECOND } from "../shared/time.ts";
import { sleep } from "./wait.ts";

/** What an agent received: the answer or refusal of a call, or the message with which it was woken. */
export interface Received {
  agent: string;
  at: Ms;
  via: "answer" | "refusal" | "wake";
  /** Absent for a wake. */
  tool?: string;
  /** The key of the task that the call names. */
  task?: string;
  /** The status that the call asks for. */
  status?: string;
  /** Time from the call until its answer. */
  took?: Ms;
  text: string;
}

export interface BoardAgentOptions {
  name: string;
  url: string;
  token: string;
  random: () => number;
  isOver: () => boolean;
  record: (received: Received) => void;
}

/** Time between two calls while a model thinks. */
const THINKING: [Ms, Ms] = [500, 1_500];
/** Time of the work on a task between two calls, and the number of those times. */
const WORKING: [Ms, Ms] = [1_500, 3_500];
const STEPS = 3;
/** Delay before a call is repeated to a product that does not answer, or that asks for it without a time. */
const RETRY_MS: Ms = 500;
const BUSY_MS: Ms = 5 * SECOND;
const MAX_TRIES = 12;

const listSchema = z.object({
  tasks: z.array(z.object({ key: z.string(), status: z.string(), startable: z.literal(false).optional() })),
});

/** An agent that works on its tasks over MCP, one after the other, and reads and answers what it is woken for. */
export function createBoardAgent({ name, url, token, random, isOver, record }: BoardAgentOptions) {
  let client: Client | undefined;
  let lastRun = Promise.resolve();
  /** Tasks that a refusal took from the agent until its next run. */
  const refused = new Set<string>();
  const waitBetween = ([min, max]: [Ms, Ms]) => sleep(Math.round(min + random() * (max - min)));

  async function connect(): Promise<Client> {
    const connecting = new Client({ name, version: "1" });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit });
    // The SDK's transport does not match its own interface with exactOptionalPropertyTypes.
    await connecting.connect(transport as Parameters<Client["connect"]>[0]);
    return connecting;
  }

  /** Calls a tool once; undefined when the product does not answer. */
  async function callOnce(tool: string, input: Record<string, string | number>) {
    try {
      client ??= await connect();
      const startedAt = Date.now();
      const { content, isError } = await client.callTool({ name: tool, arguments: input });
      const at = Date.now();
      const [first] = z.array(z.looseObject({ text: z.string().optional() })).parse(content);
      const text = first?.text ?? "";
      const { task, status } = z.object({ task: z.string().optional(), status: z.string().optional() }).parse(input);
      const isRefused = isError === true;
      record({
        agent: name,
        at,
        via: isRefused ? "refusal" : "answer",
        tool,
        ...(task === undefined ? {} : { task }),
        ...(status === undefined ? {} : { status }),
        took: at - startedAt,
        text,
      });
      return { isRefused, text };
    } catch {
      // The product was killed, or is starting.
      await client?.close().catch(() => undefined);
      client = undefined;
      return undefined;
    }
  }

  /** Calls a tool until it is done or refused for good; undefined for the latter. */
  async function call(tool: string, input: Record<string, string | number>): Promise<string | undefined> {
    for (let tries = 0; tries < MAX_TRIES && !isOver(); ) {
      const result = await callOnce(tool, input);
      if (result && !result.isRefused) return result.text;
      if (!result) {
        await sleep(RETRY_MS);
        continue;
      }
      // A refusal that hands over what a person wrote is read, and the call repeated.
      const isRead = /people wrote to you/i.test(result.text);
      if (!isRead && !/again/i.test(result.text)) return undefined;
      tries += 1;
      await sleep(isRead ? RETRY_MS : BUSY_MS);
    }
    return undefined;
  }

  async function workOn(task: string): Promise<boolean> {
    if ((await call("update_task_status", { task, status: "in_progress" })) === undefined) return false;
    await call("get_task_details", { task });
    for (let step = 1; step <= STEPS; step += 1) {
      await waitBetween(WORKING);
      if ((await call("report", { task, percent: step * 30 })) === undefined) return false;
    }
    const closing = { task, status: "done", text: "It is done.", confidence: 0.9 };
    return (await call("update_task_status", closing)) !== undefined;
  }

  /** One run: answers what people wrote, and works on all tasks that can be started. */
  async function run(message: string): Promise<void> {
    record({ agent: name, at: Date.now(), via: "wake", text: message });
    refused.clear();
    for (const [, task = ""] of message.matchAll(/^- (\S+): A person wrote to you/gm)) {
      await waitBetween(THINKING);
      await call("get_task_details", { task });
      await call("add_comment", { task, text: "Understood." });
    }
    while (!isOver()) {
      await waitBetween(THINKING);
      const listed = await call("list_my_tasks", {});
      const { tasks } = listed === undefined ? { tasks: [] } : listSchema.parse(JSON.parse(listed));
      const next = tasks.find(
        ({ key, status, startable }) =>
          startable !== false && (status === "todo" || status === "in_progress") && !refused.has(key),
      );
      if (!next) return;
      if (!(await workOn(next.key))) refused.add(next.key);
    }
  }

  return {
    name,
    /** A wake arrives: its run begins after the one before. */
    wake(message: string): Promise<void> {
      lastRun = lastRun
        .then(() => run(message))
        .catch((thrown: unknown) => void process.stderr.write(`A run of ${name} failed: ${getErrorMessage(thrown)}\n`));
      return lastRun;
    },
  };
}
