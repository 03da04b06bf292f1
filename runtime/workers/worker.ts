import { DurableObject } from "cloudflare:workers";
import { formatSettingProblem } from "../../shared/config/setting-problem.ts";
import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { BreakConnection } from "../../shared/http/request.ts";
import { StoreFormatError } from "../../shared/store/store-format.ts";
import type { Ms } from "../../shared/time.ts";
import { forwardWebhook, type ObjectStub, openPageEvents } from "./forward-request.ts";
import { createObjectRuntime, type ObjectRuntime } from "./object-runtime.ts";
import type { Env, ObjectState } from "./platform.ts";
import { readWorkerSettings } from "./settings.ts";

interface Bindings {
  GROUNDCREW: { getByName(name: string): ObjectStub };
}

/** The only object: everything that must be atomic happens in it. */
const OBJECT_NAME = "groundcrew";

/** Delay before the object ends itself: 100 ms, in which its answer leaves it. */
const RESTART_DELAY: Ms = 100;

const getObject = (env: Bindings) => env.GROUNDCREW.getByName(OBJECT_NAME);

/** The product on Cloudflare: every event goes to one Durable Object. The cron trigger only checks the object's alarm. */
export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const object = getObject(env);
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/webhooks/")) return forwardWebhook(object, request);
    if (request.method === "GET" && pathname === "/api/events") return openPageEvents(object, request);
    return object.fetch(request);
  },

  async scheduled(_: unknown, env: Bindings): Promise<void> {
    await getObject(env).watch();
  },
};

/**
 * The running product: one object has the store, answers every request, and works jobs and ticks by its alarm.
 * Cloudflare evicts it whenever it likes and starts it again at the next event; only its storage outlives that.
 * A class, because the platform requires one.
 */
export class GroundcrewObject extends DurableObject {
  readonly #runtime: Promise<ObjectRuntime | undefined>;

  constructor(state: ObjectState, env: Env) {
    super(state, env);
    this.#runtime = state.blockConcurrencyWhile(() => start(state, env));
  }

  async fetch(request: Request): Promise<Response> {
    const runtime = await this.#runtime;
    if (!runtime) return refuse("Groundcrew cannot start with these settings; its log says why.");
    try {
      return addResponseHeaders(await runtime.fetch(request));
    } catch (thrown) {
      if (!(thrown instanceof BreakConnection)) throw thrown;
      return refuse(thrown.message);
    }
  }

  async alarm(): Promise<void> {
    await (await this.#runtime)?.runAlarm();
  }

  /** Called every minute by the cron trigger. */
  async watch(): Promise<void> {
    (await this.#runtime)?.repairAlarm();
  }

  /** Returns a text that changes whenever the page has something new to show. */
  async readRevision(): Promise<string> {
    return (await (await this.#runtime)?.readRevision()) ?? "";
  }
}

/** Resolves with undefined when the settings or the store cannot be used by this version. */
async function start(state: ObjectState, env: Env): Promise<ObjectRuntime | undefined> {
  const parsed = readWorkerSettings(env);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(`Invalid setting ${formatSettingProblem(problem)}`);
    return undefined;
  }
  for (const warning of parsed.warnings) console.warn(warning);
  try {
    const restart = () => void setTimeout(() => state.abort("the store was replaced"), RESTART_DELAY);
    return await createObjectRuntime(parsed.settings, state.storage, restart);
  } catch (thrown) {
    // Another failure is one of the storage: the platform then starts the object again at the next event.
    if (!(thrown instanceof StoreFormatError)) throw thrown;
    console.error(thrown.message);
    return undefined;
  }
}

function refuse(message: string): Response {
  return addResponseHeaders(Response.json({ error: { code: "unavailable", message } }, { status: 503 }));
}

function addResponseHeaders(response: Response): Response {
  const copy = new Response(response.body, response);
  for (const [name, value] of RESPONSE_HEADERS) if (!copy.headers.has(name)) copy.headers.set(name, value);
  return copy;
}
