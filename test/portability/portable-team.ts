import { expect, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { pickSize } from "../reliability/random-source.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
} from "../reliability/simulators.ts";
import { spawnRuntime } from "../reliability/spawned-runtime.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { spawnWorker } from "../support/spawned-worker.ts";
import { findZoneWithHour } from "../support/time-zones.ts";

/** Starts the product with these settings and the content of the settings file; at the end of the test it is stopped. */
type OpenHost = (env: Record<string, string>, config: object) => Promise<ReturnType<typeof toHost>>;

/** A host that runs the whole product. */
const toHost = (started: { url: string; kill(): Promise<unknown>; start(): Promise<unknown> }) => ({
  url: started.url,
  /** Ends the product by `kill -9` in the middle of its work and starts it again on what it has stored. */
  async restart() {
    await started.kill();
    await started.start();
  },
});

async function openNodeHost(env: Record<string, string>, config: object, store?: string) {
  const own = { env, config, childOptions: { burst: 0, ttl: 4_000 } };
  return toHost(await spawnRuntime({ ...own, ...omitUndefined({ store }) }));
}

/** A process with Redis. */
const openRedisHost: OpenHost = async (env, config) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return openNodeHost(env, config, redis.url);
};

/** workerd with the Durable Object, which tests can evict; `kill -9` ends all its processes. */
export const openObjectHost: OpenHost = async (env, config) => {
  const variables = { ...env, GROUNDCREW_CONFIG_JSON: JSON.stringify(config) };
  return toHost(await spawnWorker(variables, "test/portability/test-worker.ts"));
};

export const HOSTS: [host: string, open: OpenHost][] = [
  ["on Node with a file", (env, config) => openNodeHost(env, config)],
  ...(hasRedisServer() ? [["on Node with Redis", openRedisHost] as [string, OpenHost]] : []),
  ["in workerd with a Durable Object", openObjectHost],
];

/** Evicts the object: its memory and all that it was doing is gone, while workerd and the connections of clients live on. */
export async function evictObject(url: string): Promise<void> {
  const answer = await fetch(`${url}/evict-for-a-test`);
  await answer.arrayBuffer();
  // The request ends together with the object; an answer of the product would mean that it lives on.
  if (answer.status !== 500) throw new Error(`The object was not evicted: ${answer.status}`);
}

const TELEGRAM_SECRET = "telegram-secret-of-these-tests";
/** The full run has hundreds of jobs to work off. */
const LIMIT = { timeout: pickSize(300_000, 40_000), interval: 100 };

export type PortableTeam = Awaited<ReturnType<typeof startPortableTeam>>;

/**
 * Starts the product on a host, with a simulated Plane and Telegram, one person, two agents, tasks of nobody, and shared
 * tasks of both agents.
 */
export async function startPortableTeam(openHost: OpenHost, size: { tasks: number; shared: number }) {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const { agents, users, tokens, keys } = simulators.addAgents(["Thot", "Ptah"]);
  const project = simulators.addProject();
  const assignees = users.map(({ id }) => id);
  const items = simulators.addItems(project, size.tasks);
  const sharedItems = Array.from({ length: size.shared }, (_, i) =>
    plane.addItem(project, { name: `Shared ${i + 1}`, state: "Todo", assignees }),
  );
  plane.addItem(project, { name: "Left open" });
  simulators.takeWebhookBodies();
  const env = {
    ...{ ...simulators.env, PUBLIC_URL: "https://crew.example.com", ALLOWED_HOSTS: "127.0.0.1,localhost" },
    // The hour of the daily digest.
    TIMEZONE: findZoneWithHour(8),
    ...{ TELEGRAM_MODE: "webhook", TELEGRAM_WEBHOOK_SECRET: TELEGRAM_SECRET },
    TELEGRAM_ALLOWED_USERS: String(SIMULATED_CHAT),
    ...{ ...tokens, ...keys },
  };
  const host = await openHost(env, { agents });
  const request = (path: string, init: RequestInit = {}) =>
    fetch(host.url + path, {
      ...init,
      headers: { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers },
    });

  return {
    ...simulators,
    host,
    project,
    items,
    sharedItems,
    request,
    /** Sends a webhook, which must be answered with 200. */
    async sendWebhook(body: string) {
      const headers = simulators.createDeliveryHeaders(body);
      const answer = await request("/webhooks/plane", { method: "POST", headers, body });
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
    },
    /** Runs a tick until its end. */
    async runTick(name: string) {
      const answer = await request(`/ticks/${name}`, { method: "POST" });
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
    },
    /** Resolves when no job is left, or only in these queues. */
    waitUntilIdle: (except: readonly string[] = []) =>
      vi.waitFor(async () => {
        const health = z.object({ queues: z.record(z.string(), z.object({ pending: z.number() })) });
        const { queues } = health.parse(await (await request("/health")).json());
        const waiting = Object.entries(queues).filter(([queue, { pending }]) => pending > 0 && !except.includes(queue));
        expect(waiting).toEqual([]);
      }, LIMIT),
    /** Resolves when this holds. */
    waitFor: (check: () => Promise<void> | void) => vi.waitFor(check, LIMIT),
    /** Presses the button with this label under the message that contains this part, and delivers the update twice, as Telegram may. */
    async pressButton(part: string, label: string) {
      const message = telegram.chat(SIMULATED_CHAT).messages.find(({ text }) => text.includes(part));
      const button = message?.buttons.flat().find(({ text }) => text.includes(label));
      const data = button?.callback_data ?? "";
      const { update } = await telegram.press(SIMULATED_CHAT, SIMULATED_CHAT, message?.id ?? 0, data);
      for (let i = 0; i < 2; i += 1) {
        const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": TELEGRAM_SECRET };
        const body = JSON.stringify(update);
        expect((await request("/webhooks/telegram", { method: "POST", headers, body })).status).toBe(200);
      }
    },
  };
}
