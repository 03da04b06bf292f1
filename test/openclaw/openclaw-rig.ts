import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { createOpenclawFiles } from "../../functions/provision/openclaw-settings.ts";
import { settingsFileSchema } from "../../shared/config/settings-file.ts";
import { closeLocalServer, listenLocally } from "../../simulators/local-server.ts";
import { createHttpTestApp, toBridgeToken } from "../support/http-test-app.ts";
import { findFreePort } from "../support/redis-server.ts";

/** The program of OpenClaw, which `run.js` finds. */
const OPENCLAW = process.env["TEST_OPENCLAW"] ?? "";
const HOOK_TOKEN = "hook-token-of-these-tests";
export const TEAM = ["Concierge", "Imhotep", "Thot"];

/** What the model answers to one request: calls of tools, or a text that ends the run. */
type ModelReply = { tool: string; input: Record<string, unknown> }[] | string;

const requestSchema = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown(), tool_call_id: z.string().optional() })),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).default([]),
});

/** One request to the model. */
interface ModelRequest {
  /** All that the model reads. */
  prompt: string;
  offered: string[];
  /** The results of tools, by the id of the call. */
  results: Map<string, string>;
}

/** A fake model on this machine, in the form of OpenAI's streams. */
async function startModel(reply: (request: ModelRequest, index: number) => ModelReply) {
  const requests: ModelRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const prompt = await text(incoming);
    const parsed = requestSchema.safeParse(JSON.parse(prompt || "{}"));
    if (!parsed.success) return void response.writeHead(404).end();
    const { messages, tools } = parsed.data;
    const results = messages.flatMap(({ role, tool_call_id, content }) =>
      role === "tool" && tool_call_id ? [[tool_call_id, JSON.stringify(content)] as const] : [],
    );
    const request = { prompt, offered: tools.map((tool) => tool.function.name), results: new Map(results) };
    requests.push(request);
    const answer = reply(request, requests.length - 1);
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "fake", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (typeof answer === "string")
      response.write(chunk({ role: "assistant", content: answer }, null) + chunk({}, "stop"));
    else {
      const calls = answer.map(({ tool, input }, index) => ({
        ...{ index, id: `call_${requests.length - 1}_${index}`, type: "function" },
        function: { name: tool, arguments: JSON.stringify(input) },
      }));
      response.write(chunk({ role: "assistant", tool_calls: calls }, null) + chunk({}, "tool_calls"));
    }
    response.end("data: [DONE]\n\n");
  });
  const port = await listenLocally(server, 0);
  onTestFinished(() => closeLocalServer(server));
  return { url: `http://127.0.0.1:${port}/v1`, requests };
}

/**
 * Starts Groundcrew, a real gateway with what provision writes for three agents, changed by `change`, and a model that
 * answers with `reply`.
 */
export async function startOpenclaw({
  reply,
  change = (config) => config,
}: {
  reply: (request: ModelRequest, index: number, places: { root: string }) => ModelReply;
  // biome-ignore lint/suspicious/noExplicitAny: a test changes settings that have no type of their own.
  change?: (config: any) => object;
}) {
  const root = mkdtempSync(join(tmpdir(), "groundcrew-openclaw-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }));
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  app.addTask("Write the invoice", "Thot");
  await app.runFirstPoll();
  const model = await startModel((request, index) => reply(request, index, { root }));
  const port = await findFreePort();
  const state = join(root, "state");
  const workspaces = join(root, "workspaces");
  for (const name of TEAM) {
    mkdirSync(join(workspaces, name.toLowerCase(), ".groundcrew"), { recursive: true });
    writeFileSync(join(workspaces, name.toLowerCase(), ".groundcrew/token"), toBridgeToken(name));
  }
  const { agents } = settingsFileSchema.parse({
    agents: TEAM.map((name) => ({
      ...{ name, email: `${name.toLowerCase()}@crew.test`, wake: "openclaw" },
      role: name === "Concierge" ? "concierge" : "worker",
    })),
  });
  const team = {
    agents,
    address: app.url,
    tokens: new Map(TEAM.map((name) => [name, toBridgeToken(name)])),
    hookToken: HOOK_TOKEN,
  };
  const provisioned = createOpenclawFiles(team, undefined).get("openclaw-2026.9.json") ?? {};
  const fake = {
    ...{ id: "fake", name: "fake", reasoning: false, input: ["text"], contextWindow: 200_000, maxTokens: 4_096 },
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  };
  const main = {
    $include: "./groundcrew.json",
    gateway: { mode: "local", port, bind: "loopback", auth: { mode: "token", token: "gateway-token-of-these-tests" } },
    models: {
      providers: {
        fake: { baseUrl: model.url, apiKey: "key-of-the-fake-model", api: "openai-completions", models: [fake] },
      },
    },
    agents: {
      defaults: { model: { primary: "fake/fake" } },
      entries: Object.fromEntries(
        TEAM.map((name) => [name.toLowerCase(), { workspace: join(workspaces, name.toLowerCase()) }]),
      ),
    },
  };
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, "groundcrew.json"), JSON.stringify(change(provisioned), null, 2), { mode: 0o600 });
  writeFileSync(join(state, "openclaw.json"), JSON.stringify(main, null, 2), { mode: 0o600 });
  writeFileSync(join(state, ".env"), "OTHER_SECRET=secret-of-the-environment-file\n", { mode: 0o600 });
  const env = {
    PATH: process.env["PATH"] ?? "",
    ...{ HOME: root, OPENCLAW_STATE_DIR: state, OPENCLAW_CONFIG_PATH: join(state, "openclaw.json") },
    ...{ OPENCLAW_DISABLE_BONJOUR: "1", OPENCLAW_NO_AUTO_UPDATE: "1", OPENCLAW_SKIP_CRON: "1", NO_COLOR: "1" },
  };
  const gateway = `http://127.0.0.1:${port}`;
  const child = spawn(OPENCLAW, ["gateway", "run"], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (log += part));
  onTestFinished(() => endProcess(child));
  await waitUntil(async () => {
    if (child.exitCode !== null) throw new Error(`OpenClaw ended: ${log.slice(-3_000)}`);
    const headers = { authorization: `Bearer ${HOOK_TOKEN}` };
    const response = await fetch(`${gateway}/hooks/none`, { method: "POST", headers }).catch(() => undefined);
    return response !== undefined && response.status < 500;
  });
  return {
    app,
    model,
    gateway,
    places: { state, workspaces, groundcrew: app.url, gateway },
    readLog: () => log,
    env,
    /** Wakes the agent through its trusted mapping and resolves when the model has ended the run. */
    async wake(agent: string, message: string) {
      const headers = { authorization: `Bearer ${HOOK_TOKEN}`, "content-type": "application/json" };
      const body = JSON.stringify({ message, source: agent });
      const response = await fetch(`${gateway}/hooks/groundcrew`, { method: "POST", headers, body });
      return { status: response.status, text: await response.text() };
    },
  };
}

/** Waits for a condition of a real process: at most 5 minutes, because a gateway starts slowly on a busy machine. */
export async function waitUntil(isMet: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 300_000; Date.now() < end; ) {
    if (await isMet()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("The condition was not met within five minutes.");
}

async function endProcess(child: ChildProcess) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
