import { createHmac } from "node:crypto";
import { z } from "zod";
import { manifest } from "../functions/index.ts";
import { createDeps } from "../runtime/create-deps.ts";
import { createAssetReader } from "../runtime/node/files.ts";
import { createMemoryStore } from "../runtime/stores/sqlite-store.ts";
import { parseSettings } from "../shared/config/settings.ts";
import { toSettingName } from "../shared/config/settings-file.ts";
import { createHttpApp } from "../shared/http/http-app.ts";
import { noMetrics } from "../shared/metrics.ts";
import type { Store } from "../shared/store/port.ts";
import { MINUTE, type Ms } from "../shared/time.ts";
import { createPlaneSimulator } from "../simulators/plane/create-plane-simulator.ts";
import type { PlaneVersion } from "../simulators/plane/types.ts";
import { createTelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import { createVirtualTime } from "../test/reliability/virtual-time.ts";

/** Requests a minute that Plane allows by default. */
const PLANE_RATE_LIMIT = 60;
const CHAT = 4711;
const ADMIN_TOKEN = "admin-token-of-the-bench";

/** Lanes of jobs of details: `details`, `details:<item>`. */
const DETAILS_LANE = /^details\b/;

/** Paths of the requests that read the details of an item. */
const DETAILS_PATH = /\/(?:comments|relations|activities)\//;

export type SimulatedProduct = Awaited<ReturnType<typeof startSimulatedProduct>>;

/**
 * Starts the whole product in this process on simulated time, with Plane's default rate limit: for what takes minutes
 * because of limits and not because of the machine. `setUp` fills Plane before the product starts and returns the
 * content of the settings file; it may add environment variables.
 */
export async function startSimulatedProduct(
  setUp: (plane: ReturnType<typeof createPlaneSimulator>, env: Record<string, string>) => Record<string, unknown>,
  options: { version?: PlaneVersion } = {},
) {
  const time = createVirtualTime();
  const { clock } = time;
  const plane = createPlaneSimulator({ clock, rateLimit: PLANE_RATE_LIMIT, ...options });
  const telegram = createTelegramSimulator({ clock, chats: [CHAT], token: `1000:${"bench".repeat(7)}` });
  const [url, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  const apiKey = plane.createApiKey(plane.addUser({ name: "Ada" }));
  const { secret } = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const addedEnv: Record<string, string> = {};
  const config = setUp(plane, addedEnv);
  plane.runWorker();
  plane.deliveries.dropAll();
  // What changed in the second of the product's start would count as older.
  await time.advance(MINUTE, MINUTE);

  const env = {
    PLANE_URL: url,
    PLANE_API_KEY: apiKey,
    PLANE_WORKSPACE: plane.workspace.slug,
    PLANE_WEBHOOK_SECRET: secret,
    PLANE_RATE_LIMIT: String(PLANE_RATE_LIMIT),
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_CHAT_ID: String(CHAT),
    TELEGRAM_API_ROOT: apiRoot,
    ADMIN_TOKEN,
    ...Object.fromEntries(listAgentNames(config).map((name) => [`AGENT_TOKEN_${toSettingName(name)}`, toToken(name)])),
    STORE_URL: "memory:",
    GROUNDCREW_CONFIG: "config.json",
    ...addedEnv,
  };
  // Measurements call faster than any agent may.
  const limits = { wakes: 1e6, comments: 1e6, calls: 1e6 };
  const text = JSON.stringify({ limits, ...config });
  const parsed = parseSettings(env, { read: (path) => (path === "config.json" ? { text, mode: 0o600 } : undefined) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));

  const events: { at: Ms; kind: string; record: string }[] = [];
  const attempts = { details: 0 };
  const stopping = new AbortController();
  const deps = await createDeps({
    settings: parsed.settings,
    manifest,
    store: countDetailsAttempts(createMemoryStore({ clock }), attempts),
    metrics: noMetrics,
    write(line) {
      const entry: { message?: string; event?: string; record?: string } = JSON.parse(line);
      if (entry.message === "event") events.push({ at: clock(), kind: entry.event ?? "", record: entry.record ?? "" });
    },
    signal: stopping.signal,
    readAsset: createAssetReader(),
    alarms: true,
    overrides: { clock, wait: time.wait, fetch: time.fetch },
  });
  const app = createHttpApp(deps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
  // As the runtime does each second.
  time.onAdvance(() => deps.notify());

  return {
    plane,
    time,
    /** Texts of the messages in the chat. */
    listMessages: () => telegram.chat(CHAT).messages.map(({ text }) => text),
    /** Runs a tick of the product, which other work does not wait for. */
    startTick: (name: string) => deps.ticks.runFresh(name),
    store: deps.store,
    /** Events that the product has found, with the time of their commit. */
    events,
    /** Number of times that a job of details was taken from the queue. */
    attempts,
    /** Starts a poll, which other work does not wait for. */
    startPoll: () => deps.ticks.runFresh("poll"),
    /** Runs Plane's worker and sends its webhooks to the product. */
    async deliverWebhooks() {
      plane.runWorker();
      for (const { id, body } of [...plane.deliveries.pending]) {
        plane.deliveries.drop(id);
        const headers = {
          host: "127.0.0.1",
          "content-type": "application/json",
          "x-plane-delivery": crypto.randomUUID(),
          "x-plane-event": "issue",
          "x-plane-signature": createHmac("sha256", secret).update(body).digest("hex"),
        };
        const answer = await app.fetch(
          new Request("http://127.0.0.1/webhooks/plane", { method: "POST", headers, body }),
        );
        if (answer.status !== 200) throw new Error(`a webhook was answered with ${answer.status}`);
      }
    },
    /** Calls a tool over HTTP with an agent's bridge token. */
    async callTool(agent: string, tool: string, input: object = {}): Promise<{ status: number; json: unknown }> {
      const headers = {
        host: "127.0.0.1",
        "content-type": "application/json",
        authorization: `Bearer ${toToken(agent)}`,
      };
      const answer = await app.fetch(
        new Request(`http://127.0.0.1/agent/${tool}`, { method: "POST", headers, body: JSON.stringify(input) }),
      );
      return { status: answer.status, json: await answer.json() };
    },
    async countPendingJobs(): Promise<number> {
      const { queues } = await deps.store.stats();
      return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
    },
    /** Requests that Plane received through the API. */
    listRequests: () => plane.ledger.requests.filter(({ api }) => api),
    async stop() {
      stopping.abort();
      await Promise.all([plane.stop(), telegram.stop()]);
    },
  };
}

/** Returns the number of these requests that read comments or relations. */
export function countDetailsRequests(requests: readonly { path: string }[]): number {
  return requests.filter(({ path }) => DETAILS_PATH.test(path)).length;
}

const toToken = (agent: string) => `bridge-token-of-${agent}-in-the-bench`;

function listAgentNames(config: Record<string, unknown>): string[] {
  return z
    .array(z.object({ name: z.string() }))
    .parse(config["agents"] ?? [])
    .map(({ name }) => name);
}

function countDetailsAttempts(store: Store, attempts: { details: number }): Store {
  return {
    ...store,
    async take(queue, ttl, max) {
      const jobs = await store.take(queue, ttl, max);
      if (queue === "observe") attempts.details += jobs.filter(({ lane }) => DETAILS_LANE.test(lane)).length;
      return jobs;
    },
  };
}
