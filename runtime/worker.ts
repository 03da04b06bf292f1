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

/** Cloudflare's cron trigger fires once a minute at most. */
const TRIGGER_INTERVAL_MS = MINUTE;

/**
 * The same manifest on Workers. Each event is put together anew, because one event may not wait for another's work;
 * what they share is the store. The memory one lives as long as its isolate.
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
      keep: (work) => context.waitUntil(work),
      overrides: { poll: { collect: 0, again: 10_000 } },
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
        // A Worker cannot break a connection; the poll that was asked for finds what is lost here.
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
          deps.log.warn("tick not done", { tick: tick.name, error: getErrorMessage(thrown) });
        });
      }
    },
  };
}

/** Whether a tick's time came since the trigger before this one. */
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
  throw new Error(`The settings need attention. ${problemTexts.join("; ")}`);
}

export default createWorker();
