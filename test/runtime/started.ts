import { onTestFinished } from "vitest";
import { manifest as whole } from "../../functions/index.ts";
import { type Runtime, startRuntime } from "../../runtime/node.ts";
import type { Settings } from "../../shared/config.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import type { Store } from "../../shared/store/port.ts";
import { settingsOf } from "../shared/config/given.ts";
import { planeHeaders, SECRET } from "./plane-headers.ts";

export const ADMIN = "admin-token-of-these-tests";
export const TICK = "tick-token-of-these-tests";

/** Plane is set up and not there: nothing listens on port 1. */
export const ENV = {
  PORT: "0",
  PLANE_URL: "http://127.0.0.1:1",
  PLANE_API_KEY: "plane_api_of_these_tests",
  PLANE_WORKSPACE: "javisi",
  PLANE_WEBHOOK_SECRET: SECRET,
  ADMIN_TOKEN: ADMIN,
  TICK_TOKEN: TICK,
  STORE_URL: "memory:",
};

export interface Started extends Runtime {
  lines: Record<string, unknown>[];
  settings: Settings;
  store: Store;
  asked: string[];
}

interface Options extends Omit<Parameters<typeof startRuntime>[1], "write"> {
  env?: Record<string, string>;
  store?: Store;
}

/**
 * The product on a free port, with its routes and a memory store, without its ticks and queue workers
 * unless they are given. Stopped when the test is over.
 */
export async function started({
  env = {},
  store = memoryStore({ clock: Date.now }),
  ...options
}: Options = {}): Promise<Started> {
  const settings = settingsOf({ ...ENV, ...env });
  const lines: Record<string, unknown>[] = [];
  const asked: string[] = [];
  const poll = { name: "poll", cron: () => "0 0 1 1 *", run: async () => ({ polled: asked.push("poll") }) };
  const runtime = await startRuntime(settings, {
    manifest: { ...whole, ticks: [poll], workers: [], consumers: () => [] },
    write: (line) => lines.push(JSON.parse(line)),
    ...options,
    overrides: { poll: { collect: 5, again: 5 }, ...options.overrides, store },
  });
  onTestFinished(() => runtime.stop());
  return { ...runtime, lines, settings, store, asked };
}

export function deliver(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers = planeHeaders(body),
): Promise<Response> {
  return fetch(`${url}/webhooks/plane`, { method: "POST", headers, body });
}

export function bearer(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}
