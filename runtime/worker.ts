import { Cron } from "croner";
import type { Context, ExecutionContext } from "hono";
import { manifest } from "../functions/index.ts";
import type { Deps } from "../shared/app/deps.ts";
import { parseSettings, type Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { BreakConnection } from "../shared/http/context.ts";
import { createHttpApp, RESPONSE_HEADERS } from "../shared/http/http-app.ts";
import { noMetrics } from "../shared/metrics.ts";
import { createMemoryStore } from "../shared/store/memory/memory-store.ts";
import type { Store } from "../shared/store/port.ts";
import { MINUTE } from "../shared/time.ts";
import { readBundledAsset } from "./bundled-assets.ts";
import { createDeps } from "./create-deps.ts";

type Env = Record<string, unknown>;

/** Interval between Cloudflare's cron triggers: 1 min, the shortest that Cloudflare offers. */
const TRIGGER_INTERVAL_MS = MINUTE;

/**
 * Creates the product as a Cloudflare Worker. Each event gets new dependencies, because on Workers an event must not wait
 * for I/O of another. All events share the store, which lives in memory and is lost with the isolate.
 */
function createWorker() {
  let store: Store | undefined;

  function createEventDeps(env: Env, context: ExecutionContext): Promise<Deps> {
    store ??= createMemoryStore({ clock: Date.now });
    return createDeps({
      settings: readSettings(env),
      manifest,
      store,
      metrics: noMetrics,
      write: console.log,
      signal: new AbortController().signal,
      readAsset: readBundledAsset,
      keepAwake: (work) => context.waitUntil(work),
      overrides: { poll: { collectDelay: 0, retryDelay: 10_000 } },
    });
  }

  return {
    async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
      const app = createHttpApp(await createEventDeps(env, context), {
        routes: manifest.routes,
        getRemoteAddress: getConnectingIp,
      });
      try {
        return addResponseHeaders(await app.fetch(request, env, context));
      } catch (thrown) {
        if (!(thrown instanceof BreakConnection)) throw thrown;
        // A Worker cannot break a connection, so this delivery is lost; the requested poll finds its change.
        return Response.json({ error: { code: "unavailable", message: thrown.message } }, { status: 503 });
      }
    },

    async scheduled(event: { scheduledTime: number }, env: Env, context: ExecutionContext): Promise<void> {
      const deps = await createEventDeps(env, context);
      const due = manifest.ticks.filter((tick) =>
        isTickDue(tick.cron(deps.settings), deps.settings, event.scheduledTime),
      );
      for (const tick of due) {
        await deps.ticks.runIfDue(tick.name).catch((thrown: unknown) => {
          deps.log.warn("tick failed", { tick: tick.name, error: getErrorMessage(thrown) });
        });
      }
    },
  };
}

/** Whether a tick became due since the previous trigger. */
function isTickDue(pattern: string, { timezone }: Settings, at: number): boolean {
  const next = new Cron(pattern, { timezone }).nextRun(new Date(at - TRIGGER_INTERVAL_MS));
  return next !== null && next.getTime() <= at;
}

function addResponseHeaders(response: Response): Response {
  const copy = new Response(response.body, response);
  for (const [name, value] of RESPONSE_HEADERS) if (!copy.headers.has(name)) copy.headers.set(name, value);
  return copy;
}

function getConnectingIp(c: Context): string {
  return c.req.header("cf-connecting-ip") ?? "";
}

function readSettings(env: Env): Settings {
  const texts = Object.entries(env).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  const parsed = parseSettings(Object.fromEntries(texts), { read: () => undefined });
  if (parsed.ok) return parsed.settings;
  const problemTexts = parsed.problems.map(({ name, given, wanted }) => `${name}: given ${given}, wanted ${wanted}`);
  throw new Error(`Invalid settings. ${problemTexts.join("; ")}`);
}

export default createWorker();
