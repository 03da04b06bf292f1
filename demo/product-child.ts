import { manifest } from "../functions/index.ts";
import { type Runtime, startRuntime } from "../runtime/start-runtime.ts";
import { openStore } from "../runtime/stores/open-store.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createConsoleRoute } from "./console/route.ts";
import { type ClockSettings, createDemoClock } from "./demo-clock.ts";
import { type ChildMessage, parentMessageSchema } from "./process-messages.ts";

/** Runs the product in its own process, so that it can be killed while the simulators and agents continue. */
let runtime: Runtime | undefined;
let lastRequestId = 0;
const pendingRequests = new Map<number, PromiseWithResolvers<unknown>>();

function sendToParent(message: ChildMessage) {
  process.send?.(message);
}

function askParent(name: string, input: unknown): Promise<unknown> {
  lastRequestId += 1;
  const answer = Promise.withResolvers<unknown>();
  pendingRequests.set(lastRequestId, answer);
  sendToParent({ kind: "asked", id: lastRequestId, name, input });
  return answer.promise;
}

async function startProduct(settings: Settings, clockSettings: ClockSettings | undefined) {
  const routes = [...manifest.routes, createConsoleRoute(askParent)];
  try {
    runtime = await startRuntime(settings, {
      manifest: { ...manifest, routes },
      write: (line) => sendToParent({ kind: "log", line }),
      ...(clockSettings ? { overrides: await createOverrides(settings, clockSettings) } : {}),
    });
    sendToParent({ kind: "listening", url: runtime.url });
  } catch (thrown) {
    sendToParent({ kind: "failed", error: getErrorMessage(thrown) });
  }
}

/** Makes the product and its store use the demo's clock. */
async function createOverrides({ store: { url, prefix } }: Settings, clockSettings: ClockSettings) {
  const { now, wait } = createDemoClock(clockSettings);
  return { clock: now, wait, store: await openStore(url, { prefix, clock: now }) };
}

process.on("message", (received) => {
  const message = parentMessageSchema.parse(received);
  switch (message.kind) {
    case "start":
      // The parent has parsed them with the same code.
      void startProduct(message.settings as Settings, message.clock);
      break;
    case "stop":
      void runtime?.stop().then(() => process.exit(0));
      break;
    case "answer":
      pendingRequests.get(message.id)?.resolve(message.answer);
      pendingRequests.delete(message.id);
      break;
    case "refusal":
      pendingRequests.get(message.id)?.reject(new Error(message.problem));
      pendingRequests.delete(message.id);
      break;
  }
});
// Ctrl+C signals both processes. The parent stops this one in order, and this one ends when the parent is gone.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
