import { manifest } from "../functions/index.ts";
import { type Runtime, startRuntime } from "../runtime/node.ts";
import type { Settings } from "../shared/config.ts";
import { messageOf } from "../shared/errors.ts";
import { consoleRoute } from "./console/route.ts";
import { type FromChild, toChild } from "./messages.ts";

/** The product in a process of its own, so that it can be killed while Plane, Telegram and the people live on. */
let runtime: Runtime | undefined;
let asked = 0;
const waiting = new Map<number, PromiseWithResolvers<unknown>>();

function say(message: FromChild) {
  process.send?.(message);
}

function ask(name: string, input: unknown): Promise<unknown> {
  asked += 1;
  const answer = Promise.withResolvers<unknown>();
  waiting.set(asked, answer);
  say({ kind: "asked", id: asked, name, input });
  return answer.promise;
}

async function start(settings: Settings) {
  const routes = [...manifest.routes, consoleRoute(ask)];
  try {
    runtime = await startRuntime(settings, {
      manifest: { ...manifest, routes },
      write: (line) => say({ kind: "log", line }),
    });
    say({ kind: "listening", url: runtime.url });
  } catch (thrown) {
    say({ kind: "failed", error: messageOf(thrown) });
  }
}

process.on("message", (told) => {
  const message = toChild.parse(told);
  switch (message.kind) {
    case "start":
      // Parsed by the parent, which is the same program.
      void start(message.settings as Settings);
      break;
    case "stop":
      void runtime?.stop().then(() => process.exit(0));
      break;
    case "answer":
      waiting.get(message.id)?.resolve(message.answer);
      waiting.delete(message.id);
      break;
    case "refusal":
      waiting.get(message.id)?.reject(new Error(message.problem));
      waiting.delete(message.id);
      break;
  }
});
// Ctrl+C reaches both processes; the parent decides when this one ends, and this one never outlives it.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
