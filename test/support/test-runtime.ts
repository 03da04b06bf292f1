import { Server } from "node:http";
import { onTestFinished, vi } from "vitest";
import { manifest as productManifest } from "../../functions/index.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { Store } from "../../shared/store/port.ts";
import { createTestSettings } from "./settings.ts";
import { createWebhookHeaders, WEBHOOK_SECRET } from "./webhook-signature.ts";

export const RUNTIME_ADMIN_TOKEN = "admin-token-of-these-tests";
export const RUNTIME_TICK_TOKEN = "tick-token-of-these-tests";

/** Settings with an unreachable Plane: nothing listens on port 1. */
export const RUNTIME_ENV = {
  PORT: "0",
  PLANE_URL: "http://127.0.0.1:1",
  PLANE_API_KEY: "plane_api_of_these_tests",
  PLANE_WORKSPACE: "javisi",
  PLANE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  ADMIN_TOKEN: RUNTIME_ADMIN_TOKEN,
  TICK_TOKEN: RUNTIME_TICK_TOKEN,
  STORE_URL: "memory:",
};

export type TestRuntime = Awaited<ReturnType<typeof startTestRuntime>>;

interface Options extends Partial<Omit<Parameters<typeof startRuntime>[1], "write">> {
  env?: Record<string, string>;
  /** Instead of the settings of RUNTIME_ENV and `env`. */
  settings?: Settings;
  store?: Store;
}

/**
 * Starts the product on a free port with its routes and a memory store. By default it has no ticks and no job handlers.
 * It is stopped at the end of the test.
 */
export async function startTestRuntime({
  env = {},
  settings = createTestSettings({ ...RUNTIME_ENV, ...env }),
  store = createMemoryStore({ clock: Date.now }),
  ...options
}: Options = {}) {
  const lines: Record<string, unknown>[] = [];
  const polls: string[] = [];
  const poll = { name: "poll", cron: () => "0 0 1 1 *", run: async () => ({ polled: polls.push("poll") }) };
  const runtime = await startRuntime(settings, {
    manifest: { ...productManifest, ticks: [poll], jobHandlers: [], ruleSets: () => [] },
    write: (line) => lines.push(JSON.parse(line)),
    ...options,
    overrides: { poll: { collectDelay: 5, retryDelay: 5 }, ...options.overrides, store },
  });
  onTestFinished(() => runtime.stop());
  return { ...runtime, lines, settings, store, polls };
}

/**
 * Counts from now on how often an HTTP server closes all of its connections by force, as the runtime does when its
 * time to stop is over.
 */
export function watchForcedCloses(): () => number {
  const closes = vi.spyOn(Server.prototype, "closeAllConnections");
  onTestFinished(() => closes.mockRestore());
  return () => closes.mock.calls.length;
}

export function postWebhook(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers = createWebhookHeaders(body),
): Promise<Response> {
  return fetch(`${url}/webhooks/plane`, { method: "POST", headers, body });
}

export function createBearerHeaders(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}
