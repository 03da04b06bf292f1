import { expect } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createLog } from "../../../shared/log.ts";
import type { Metrics } from "../../../shared/metrics.ts";
import { createPlaneClient, type PlaneClientOptions } from "../../../shared/plane/client.ts";
import { type ScriptedStep, startScriptedServer } from "../../support/test-server.ts";

export const PLANE_KEY = "plane_api_0123456789abcdef";

export const PLANE_USER = {
  id: "11c93d0f-6c67-435a-98b5-4a56b22af4f8",
  first_name: "Ada",
  last_name: "Admin",
  email: "admin@example.test",
  display_name: "admin",
};
export const ANSWER: ScriptedStep = { status: 200, body: PLANE_USER };
export const NO_ROUTE: ScriptedStep = { status: 404, body: { error: "Page not found." } };
export const BREAK_CONNECTION: ScriptedStep = (_request, response) => void response.destroy();

/** A client whose clock advances only when it waits, with records of its waits, log lines and metrics. */
export function createPlaneClientHarness(options: Partial<PlaneClientOptions> & { url: string }) {
  let now = Date.UTC(2026, 10, 21);
  const waits: number[] = [];
  const lines: string[] = [];
  const counted: { name: string; labels: Record<string, string>; seconds?: number }[] = [];
  const clock = () => now;
  const metrics: Metrics = {
    count: (name, labels = {}) => void counted.push({ name, labels }),
    observe: (name, seconds, labels = {}) => void counted.push({ name, labels, seconds }),
  };
  const advance = (ms: number) => {
    now += ms;
  };
  const clientOptions: PlaneClientOptions = {
    apiKey: PLANE_KEY,
    workspace: "javisi",
    keyName: "test",
    rateLimit: 60,
    store: createMemoryStore({ clock }),
    metrics,
    log: createLog({ level: "debug", write: (line) => void lines.push(line), clock }),
    clock,
    wait: async (ms) => {
      waits.push(ms);
      advance(ms);
    },
    fetch: globalThis.fetch,
    ...options,
  };
  return { client: createPlaneClient(clientOptions), clientOptions, waits, lines, counted, advance };
}

/** The same client with a server that answers step by step and stops at the end of the test. */
export async function createScriptedClient(steps: ScriptedStep[], options: Partial<PlaneClientOptions> = {}) {
  const server = await startScriptedServer(...steps);
  return { ...createPlaneClientHarness({ url: server.url, ...options }), server };
}

/** The error of a call that must fail. */
export async function captureError(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.fail("the call should have failed"),
    (thrown: unknown) => thrown,
  );
}
