/**
 * The Worker and its object, which has the product: webhooks are answered by the object alone, and events of the page
 * are made from polls, because an open stream would keep the object awake.
 */

import { DurableObject } from "cloudflare:workers";
import { formatSettingProblem } from "../../shared/config/setting-problem.ts";
import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { BreakConnection } from "../../shared/http/request.ts";
import { StoreFormatError } from "../../shared/store/store-format.ts";
import { type Ms, wait } from "../../shared/time.ts";
import { createObjectRuntime, type ObjectRuntime } from "./object-runtime.ts";
import type { Env, ObjectState } from "./platform.ts";
import { readWorkerSettings } from "./settings.ts";

interface Bindings {
  GROUNDCREW: { getByName(name: string): ObjectStub };
}

/** What the Worker calls of the object; Cloudflare calls it in the object's own process. */
interface ObjectStub {
  fetch(request: Request): Promise<Response>;
  watch(): Promise<void>;
  readRevision(): Promise<string>;
}

/** The only object: everything that must be atomic happens in it. */
const OBJECT_NAME = "groundcrew";

/** Delay before the object ends itself: 100 ms, in which its answer leaves it. */
const RESTART_DELAY: Ms = 100;

/** Delay before an answer is broken off: 100 ms, because one that fails before its beginning was sent becomes a whole 500. */
const BREAK_DELAY: Ms = 100;

/** Interval between two looks at the object: 3 s. */
const CHECK_INTERVAL: Ms = 3_000;

/** Looks per stream: 40, below the 50 requests to other services that one event of a Worker may make on the free plan. */
const MAX_CHECKS = 40;

/** Number of looks without a change after which a heartbeat is sent: 5, which is 15 s. */
const BEAT_AFTER = 5;

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

/** A webhook that was not stored gets no answer, because Plane counts every answer as delivered and repeats only the rest. */
async function forwardWebhook(object: ObjectStub, request: Request): Promise<Response> {
  try {
    const response = await object.fetch(request);
    return response.status < 500 ? response : breakOff();
  } catch {
    return breakOff();
  }
}

/**
 * A Worker cannot close a connection without a response. A response whose body fails before its end comes closest: the
 * sender's HTTP library reports a broken connection.
 */
function breakOff(): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const sent = writer.write(new TextEncoder().encode(" ")).then(() => wait(BREAK_DELAY));
  void sent.finally(() => writer.abort()).catch(() => {});
  return new Response(readable, { status: 503 });
}

async function openPageEvents(object: ObjectStub, request: Request): Promise<Response> {
  // HEAD is checked like GET, but opens no stream in the object.
  const checked = await object.fetch(new Request(request, { method: "HEAD" }));
  if (checked.status !== 200) return object.fetch(request);
  const headers = [...RESPONSE_HEADERS, ["Content-Type", "text/event-stream"]] as [string, string][];
  return new Response(
    createPageEvents(() => object.readRevision()),
    { headers },
  );
}

/**
 * Creates the page's event stream in the Worker instead of the object, which can then sleep between two looks. A stream
 * lasts 2 minutes; its page then opens another.
 */
function createPageEvents(readRevision: () => Promise<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let revision: string | undefined;
  let checks = 0;
  let quiet = 0;

  /** Returns the text that is sent to the page; empty when there is nothing to send. */
  async function look(): Promise<string> {
    if (checks > 0) await wait(CHECK_INTERVAL);
    checks += 1;
    // An object that does not answer counts as no change; the page sees the error when it fetches.
    const current = await readRevision().catch(() => revision ?? "");
    quiet = current === revision ? quiet + 1 : 0;
    revision = current;
    if (quiet === 0) return `event: change\ndata: ${current}\n\n`;
    if (checks >= MAX_CHECKS) return "event: again\ndata: \n\n";
    if (quiet < BEAT_AFTER) return "";
    quiet = 1;
    return "event: beat\ndata: \n\n";
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = "";
      while (text === "") text = await look();
      controller.enqueue(encoder.encode(text));
      if (checks < MAX_CHECKS) return;
      if (!text.startsWith("event: again")) controller.enqueue(encoder.encode("event: again\ndata: \n\n"));
      controller.close();
    },
  });
}
