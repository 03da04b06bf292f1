import { onTestFinished } from "vitest";
import { createLog } from "../../../shared/log.ts";
import type { Metrics } from "../../../shared/metrics.ts";
import { createPlaneClient, type PlaneClientOptions } from "../../../shared/plane/create-client.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import { type ScriptedServer, type Step, scriptedServer } from "./scripted-server.ts";

export const KEY = "plane_api_0123456789abcdef";

export const ME = {
  id: "11c93d0f-6c67-435a-98b5-4a56b22af4f8",
  first_name: "Ada",
  last_name: "Admin",
  email: "admin@example.test",
  display_name: "admin",
};

export const NOT_FOUND: Step = { status: 404, body: { error: "The requested resource does not exist." } };

/** A client whose clock moves only when it waits, with everything it did on record. */
export function harness(options: Partial<PlaneClientOptions> & { url: string }) {
  let now = Date.UTC(2026, 10, 21);
  const waits: number[] = [];
  const lines: string[] = [];
  const counted: { name: string; labels: Record<string, string>; seconds?: number }[] = [];
  const clock = () => now;
  const metrics: Metrics = {
    count: (name, labels = {}) => void counted.push({ name, labels }),
    observe: (name, seconds, labels = {}) => void counted.push({ name, labels, seconds }),
  };
  const given: PlaneClientOptions = {
    apiKey: KEY,
    workspace: "javisi",
    keyName: "test",
    rateLimit: 60,
    store: memoryStore({ clock }),
    metrics,
    log: createLog({ level: "debug", write: (line) => void lines.push(line), clock }),
    clock,
    wait: async (ms) => {
      waits.push(ms);
      now += ms;
    },
    fetch: globalThis.fetch,
    ...options,
  };
  const advance = (ms: number) => {
    now += ms;
  };
  return { client: createPlaneClient(given), given, waits, lines, counted, clock, advance };
}

/** The same before a server that answers step by step and is stopped with the test. */
export async function scripted(steps: Step[], options: Partial<PlaneClientOptions> = {}) {
  const server: ScriptedServer = await scriptedServer(...steps);
  onTestFinished(() => server.close());
  return { ...harness({ url: server.url, ...options }), server };
}

/** What a call that must fail throws. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("the call should have failed");
    },
    (thrown: unknown) => thrown,
  );
}
