import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { parseVersionOutput } from "../../functions/doctor/openclaw.ts";
import { createOpenclawFiles } from "../../functions/provision/openclaw-settings.ts";
import { settingsFileSchema } from "../../shared/config/settings-file.ts";
import { createHttpTestApp, toBridgeToken } from "../support/http-test-app.ts";
import { formatModelStream } from "../support/model-stream.ts";
import { startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";
import { startServer } from "../support/test-server.ts";

/** The program of OpenClaw, which `run.js` finds. */
const OPENCLAW = process.env["TEST_OPENCLAW"] ?? "";

/** Its version, such as `2026.9.6`. */
export const VERSION = parseVersionOutput(execFileSync(OPENCLAW, ["--version"], { encoding: "utf8" })) ?? "unknown";

/** OpenClaw 2026.2 has no MCP, so its agents use the skill in a shell. */
export const IS_OLD = VERSION.startsWith("2026.2.");

const HOOK_TOKEN = "hook-token-of-these-tests";
export const TEAM = ["Concierge", "Imhotep", "Thot"];

/** What the model answers to one request: calls of tools, a text that ends the run, or nothing, as one that thinks. */
type ModelReply = { tool: string; input: Record<string, unknown> }[] | string | undefined;

type Reply = (request: ModelRequest, index: number) => ModelReply;

const requestSchema = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).default([]),
});

/** One request to the model. */
interface ModelRequest {
  /** All that the model reads. */
  prompt: string;
  offered: string[];
  /** The results of tools, in the order of the calls: OpenClaw gives these ids of its own. */
  results: string[];
}

/** Tokens of a text, by the usual four characters each. */
export const countTokens = (prompt: string) => Math.ceil(prompt.length / 4);

/** A fake model on this machine, in the form of OpenAI's streams. */
async function startModel() {
  const requests: ModelRequest[] = [];
  const model = { reply: (() => "OK") as Reply, requests, url: "" };
  const origin = await startServer(async (incoming, response) => {
    const prompt = await text(incoming);
    const parsed = requestSchema.safeParse(JSON.parse(prompt || "{}"));
    if (!parsed.success) return void response.writeHead(404).end();
    const { messages, tools } = parsed.data;
    const results = messages.flatMap(({ role, content }) => (role === "tool" ? [JSON.stringify(content)] : []));
    const request = { prompt, offered: tools.map((tool) => tool.function.name), results };
    requests.push(request);
    const answer = model.reply(request, requests.length - 1);
    if (answer === undefined) return;
    const isText = typeof answer === "string";
    const calls = (isText ? [] : answer).map(({ tool, input }, index) => ({
      ...{ index, id: `call_${requests.length - 1}_${index}`, type: "function" },
      function: { name: tool, arguments: JSON.stringify(input) },
    }));
    const delta = { role: "assistant", ...(isText ? { content: answer } : { tool_calls: calls }) };
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(formatModelStream(delta, isText ? "stop" : "tool_calls", countTokens(prompt)));
  });
  model.url = `${origin}/v1`;
  return model;
}

/** Starts Groundcrew, a real gateway with what provision writes for three agents, and a model. */
export async function startOpenclaw(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const root = createTestFolder("openclaw");
  const port = await findFreePort();
  const gateway = `http://127.0.0.1:${port}`;
  const wake = { kind: "openclaw", url: gateway };
  const app = await createHttpTestApp({
    ...options,
    agents: { Concierge: { role: "concierge", wake }, Imhotep: { wake }, Thot: { wake } },
    setUpPlane: () => ({
      ...{ OPENCLAW_URL: gateway, OPENCLAW_HOOK_TOKEN: HOOK_TOKEN, OPENCLAW_HOOK_PATH: "/hooks/groundcrew" },
    }),
  });
  await app.runFirstPoll();
  const model = await startModel();
  const state = join(root, "state");
  const workspaces = join(root, "workspaces");
  const ids = TEAM.map((name) => name.toLowerCase());
  for (const name of TEAM) writeFiles(workspaces, { [`${name.toLowerCase()}/.groundcrew/token`]: toBridgeToken(name) });
  const { agents } = settingsFileSchema.parse({
    agents: TEAM.map((name) => ({
      ...{ name, email: `${name.toLowerCase()}@crew.test`, wake: "openclaw" },
      role: name === "Concierge" ? "concierge" : "worker",
    })),
  });
  const tokens = new Map(TEAM.map((name) => [name, toBridgeToken(name)]));
  const team = { agents, address: app.url, tokens, hookToken: HOOK_TOKEN };
  const provisioned = createOpenclawFiles(team, undefined).get(`openclaw-2026.${IS_OLD ? 2 : 9}.json`) ?? {};
  const getWorkspace = (id: string) => join(workspaces, id);
  const fake = {
    ...{ id: "fake", name: "fake", reasoning: false, input: ["text"], contextWindow: 200_000, maxTokens: 4_096 },
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  };
  const provider = { baseUrl: model.url, apiKey: "key-of-the-fake-model", api: "openai-completions" };
  const main = {
    $include: "./groundcrew.json",
    gateway: { mode: "local", port, bind: "loopback", auth: { mode: "token", token: "gateway-token-of-these-tests" } },
    models: { providers: { fake: { ...provider, models: [fake] } } },
    agents: {
      defaults: { model: { primary: "fake/fake" } },
      ...(IS_OLD ? {} : { entries: Object.fromEntries(ids.map((id) => [id, { workspace: getWorkspace(id) }])) }),
    },
  };
  const writeProfiles = (config: object) => writeFiles(state, { "groundcrew.json": JSON.stringify(config, null, 2) });
  writeProfiles(IS_OLD ? addWorkspaces(provisioned, getWorkspace) : provisioned);
  const dotEnv = "OTHER_SECRET=secret-of-the-environment-file\n";
  writeFiles(state, { "openclaw.json": JSON.stringify(main, null, 2), ".env": dotEnv });
  const env = {
    PATH: process.env["PATH"] ?? "",
    ...{ HOME: root, OPENCLAW_STATE_DIR: state, OPENCLAW_CONFIG_PATH: join(state, "openclaw.json") },
    ...{ OPENCLAW_DISABLE_BONJOUR: "1", OPENCLAW_NO_AUTO_UPDATE: "1", OPENCLAW_SKIP_CRON: "1", NO_COLOR: "1" },
  };
  let running: ReturnType<typeof startProgram> | undefined;

  async function wakeAgent(agent: string, message: string) {
    const headers = { authorization: `Bearer ${HOOK_TOKEN}`, "content-type": "application/json" };
    const body = JSON.stringify({ message, source: agent });
    const response = await fetch(`${gateway}/hooks/groundcrew`, { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  }

  /**
   * Starts the gateway. Resolves when it takes work, which is later than when it answers. On a busy machine it gives up
   * on parts of itself within seconds, so it is started again, as a service manager does.
   */
  async function startGateway() {
    for (let tries = 0; tries < 5; tries += 1) {
      const started = startProgram([OPENCLAW, "gateway", "run"], { cwd: root, env });
      running = started;
      await waitUntil(async () => started.child.exitCode !== null || (await hasStarted()));
      if (started.child.exitCode === null) return;
    }
    throw new Error(`OpenClaw ended: ${running?.readAll().slice(-3_000)}`);
  }

  async function hasStarted() {
    const answer = await fetch(`${gateway}${IS_OLD ? "" : "/startupz"}`).catch(() => undefined);
    return answer?.ok === true;
  }

  /** Ends the gateway and all that it started, as a crash of the machine does. */
  const killGateway = async () => running?.kill();

  await startGateway();
  return {
    ...{ app, model, provisioned, env, startGateway, killGateway, writeProfiles },
    places: { state, workspaces, groundcrew: app.url, gateway },
    /** Imhotep and Thot get a task each, which wakes them where wakes are handled. */
    async addTasks() {
      app.addTask("Write the menu", "Imhotep", { state: "Todo" });
      app.addTask("Write the invoice", "Thot", { state: "Todo" });
      await app.poll();
    },
    /** Wakes the agent through its trusted mapping. */
    wake: wakeAgent,
  };
}

/** The settings with the folder of each agent: 2026.2 has only one list of agents, in which no other file adds to one. */
function addWorkspaces(provisioned: object, getWorkspace: (id: string) => string) {
  const { agents, ...rest } = provisioned as { agents: { list: { id: string }[] } };
  return { ...rest, agents: { list: agents.list.map((agent) => ({ ...agent, workspace: getWorkspace(agent.id) })) } };
}

/** Waits for a condition of a real process: at most 10 minutes, because a gateway starts slowly on a busy machine. */
export async function waitUntil(isMet: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 600_000; Date.now() < end; ) {
    if (await isMet()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("The condition was not met within ten minutes.");
}
