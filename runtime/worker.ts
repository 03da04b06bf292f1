import { Cron } from "croner";
import type { Context, ExecutionContext } from "hono";
import { manifest } from "../functions/index.ts";
import { parseSettings, type Settings } from "../shared/config.ts";
import type { Deps } from "../shared/deps.ts";
import { messageOf } from "../shared/errors.ts";
import { createApp, EACH_ANSWER } from "../shared/http/app.ts";
import { BreakConnection } from "../shared/http/context.ts";
import { noMetrics } from "../shared/metrics.ts";
import { memoryStore } from "../shared/store/memory.ts";
import type { Store } from "../shared/store/port.ts";
import { assemble } from "./assemble.ts";

type Env = Record<string, unknown>;

/** Cloudflare's cron trigger fires once a minute at most. */
const TRIGGER_MS = 60_000;

/**
 * The same manifest on Workers. Each event is put together anew, because one event may not wait for another's work;
 * what they share is the store. The memory one lives as long as its isolate.
 */
function createWorker() {
  let store: Store | undefined;

  function begin(env: Env, context: ExecutionContext): Promise<Deps> {
    store ??= memoryStore({ clock: Date.now });
    return assemble({
      settings: settingsOf(env),
      manifest,
      store,
      metrics: noMetrics,
      write: console.log,
      signal: new AbortController().signal,
      keep: (work) => context.waitUntil(work),
      overrides: { poll: { collect: 0, again: 10_000 } },
    });
  }

  return {
    async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
      const app = createApp(await begin(env, context), { routes: manifest.routes, connection });
      try {
        return withHeaders(await app.fetch(request, env, context));
      } catch (thrown) {
        if (!(thrown instanceof BreakConnection)) throw thrown;
        // A Worker cannot break a connection; the poll that was asked for finds what is lost here.
        return Response.json({ error: { code: "unavailable", message: thrown.message } }, { status: 503 });
      }
    },

    async scheduled(event: { scheduledTime: number }, env: Env, context: ExecutionContext): Promise<void> {
      const deps = await begin(env, context);
      const due = manifest.ticks.filter((tick) => isDue(tick.cron(deps.settings), deps.settings, event.scheduledTime));
      for (const tick of due) {
        await deps.ticks.due(tick.name).catch((thrown: unknown) => {
          deps.log.warn("tick not done", { tick: tick.name, error: messageOf(thrown) });
        });
      }
    },
  };
}

/** Whether a tick's time came since the trigger before this one. */
function isDue(pattern: string, { timezone }: Settings, at: number): boolean {
  const next = new Cron(pattern, { timezone }).nextRun(new Date(at - TRIGGER_MS));
  return next !== null && next.getTime() <= at;
}

function withHeaders(answer: Response): Response {
  const answered = new Response(answer.body, answer);
  for (const [name, value] of EACH_ANSWER) if (!answered.headers.has(name)) answered.headers.set(name, value);
  return answered;
}

function connection(c: Context): string {
  return c.req.header("cf-connecting-ip") ?? "";
}

function settingsOf(env: Env): Settings {
  const texts = Object.entries(env).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  const parsed = parseSettings(Object.fromEntries(texts), { read: () => undefined });
  if (parsed.ok) return parsed.settings;
  const told = parsed.problems.map(({ name, given, wanted }) => `${name}: given ${given}, wanted ${wanted}`);
  throw new Error(`The settings need attention. ${told.join("; ")}`);
}

export default createWorker();
