import { createWakeRules } from "../../../functions/wake/rules.ts";
import { wakeHandler } from "../../../functions/wake/wake-handler.ts";
import { createWorkRules, workHandler } from "../../../functions/work.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { OpenClawVersion } from "../../../simulators/openclaw/answer-hook.ts";
import type { GatewaySimulatorOptions } from "../../../simulators/openclaw/create-gateway-simulator.ts";
import type { ItemPatch, Project } from "../../../simulators/plane/types.ts";
import type { AgentTestApp } from "../../support/agent-test-app.ts";
import { createHttpTestApp } from "../../support/http-test-app.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";
import type { TestAppOptions } from "../../support/test-app.ts";
import { createOutboxRecorder } from "../../support/test-app-parts.ts";
import { updatesHandler } from "../../support/updates-handler.ts";

interface WakeSetupOptions extends Pick<TestAppOptions, "wrapProcess"> {
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  /** Further environment variables. */
  env?: Record<string, string>;
  gateway?: Partial<GatewaySimulatorOptions>;
  /** Adds what was in Plane before Groundcrew read it for the first time. */
  beforeFirstPoll?: (app: AgentTestApp) => void;
  /** Agents that the gateway wakes, in addition to Imhotep and the Concierge. */
  woken?: readonly string[];
}

const CHAT = -100_123;
const PERSON = 12_345_678;
const TELEGRAM_SECRET = "telegram-secret-for-wake-tests";

/**
 * Creates agents with work in Plane, the gateway that wakes them, and every route over real HTTP, through which agents
 * call. `known`: the agents that the gateway knows. Tasks are added in the state Todo.
 */
export async function createWakeSetup(
  version: OpenClawVersion = "2026.9.6",
  agents: Record<string, object> = {},
  known?: readonly string[],
  { config, env, gateway: gatewayOptions, wrapProcess, woken = [], beforeFirstPoll }: WakeSetupOptions = {},
) {
  const gateway = await startGateway({ version, ...omitUndefined({ agents: known }), ...gatewayOptions });
  const openclaw = { kind: "openclaw", url: gateway.url };
  const notices: string[] = [];
  const outbox = createOutboxRecorder((body) => {
    if (body.type === "announcement") notices.push(body.answer.rich.text);
  });
  const httpApp = await createHttpTestApp({
    agents: {
      Imhotep: { wake: openclaw },
      Concierge: { role: "concierge", wake: openclaw },
      ...Object.fromEntries(woken.map((name) => [name, { wake: openclaw }])),
      ...agents,
    },
    outbox,
    parts: {
      jobHandlers: [wakeHandler, workHandler, updatesHandler],
      ruleSets: (settings) => [createWorkRules(settings.agents), createWakeRules(settings.agents)],
    },
    setUpPlane: () => ({
      OPENCLAW_HOOK_TOKEN: gateway.token,
      TELEGRAM_BOT_TOKEN: "1000:wakes",
      TELEGRAM_CHAT_ID: String(CHAT),
      TELEGRAM_ALLOWED_USERS: String(PERSON),
      TELEGRAM_WEBHOOK_SECRET: TELEGRAM_SECRET,
      ...env,
    }),
    ...omitUndefined({ config, wrapProcess }),
  });
  const addTask = httpApp.addTask.bind(httpApp);
  const app = Object.assign(httpApp, {
    addTask: (name: string, to: string | string[] = [], patch: ItemPatch = {}, where?: Project) =>
      addTask(name, to, { state: "Todo", ...patch }, where),
  });
  beforeFirstPoll?.(app);
  await app.runFirstPoll();
  let takenCount = 0;
  let updateCount = 0;

  /** The agent calls a tool over HTTP; throws when the call is refused. */
  async function call(agent: string, tool: string, input: object = {}) {
    const { status, json } = await app.callTool(agent, tool, input);
    if (status !== 200) throw new Error(`${tool}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  /** Advances time by this many seconds and works all due jobs: each second, or every ten in minutes of waiting. */
  const advanceSeconds = (n: number) => app.runFor(n * 1_000, n >= 300 ? 10_000 : 1_000);
  async function pollAndWait(seconds = 10) {
    await app.poll();
    await advanceSeconds(seconds);
  }
  async function deliverAndWait(seconds = 10) {
    await app.deliverWebhooks();
    await advanceSeconds(seconds);
  }

  return {
    app,
    gateway,
    call,
    advanceSeconds,
    /** Polls, and advances time. */
    pollAndWait,
    /** Delivers Plane's webhooks, and advances time. */
    deliverAndWait,
    /** Adds a task of an agent, which the next poll finds, and advances time. */
    async assign(name: string, to = "Imhotep", seconds = 10) {
      const item = app.addTask(name, to);
      await pollAndWait(seconds);
      return item;
    },
    /** Messages to the chat that no event caused. */
    notices,
    /** Wakes that the gateway received since the last call, as `agent: sorted keys`. */
    takeRuns() {
      const newRuns = gateway.runs.slice(takenCount);
      takenCount = gateway.runs.length;
      return newRuns.map(({ agent, message }) => {
        const keys = [...message.matchAll(/"task":"([^"]+)"/g)].map(([, key]) => key);
        return `${agent}: ${keys.sort().join(" ")}`;
      });
    },
    /** A person sends a message to the bot, through Telegram's webhook. */
    async sendTelegramMessage(text: string) {
      updateCount += 1;
      const from = { id: PERSON, is_bot: false, first_name: "Ada" };
      const message = { message_id: updateCount, date: 1, from, chat: { id: CHAT, type: "supergroup" }, text };
      const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": TELEGRAM_SECRET };
      const body = JSON.stringify({ update_id: updateCount, message });
      const response = await fetch(`${app.url}/webhooks/telegram`, { method: "POST", headers, body });
      if (!response.ok) throw new Error(`the update was refused: ${response.status}`);
    },
    /** The agent claims the task and finishes it. */
    async finishTask(agent: string, task: string) {
      for (const input of [{ status: "in_progress" }, { status: "done", text: "It is done.", confidence: 0.9 }])
        await call(agent, "update_task_status", { task, ...input });
      await app.drain();
    },
  };
}
