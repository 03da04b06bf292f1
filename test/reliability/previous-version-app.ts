import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { createDeps } from "../../runtime/create-deps.ts";
import { createPrometheusMetrics } from "../../runtime/metrics/prometheus-metrics.ts";
import { createAssetReader } from "../../runtime/node/asset-reader.ts";
import { createSqliteStore } from "../../runtime/stores/sqlite-store.ts";
import { createStoreHealth } from "../../shared/app/store-health.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { createLog } from "../../shared/log.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { PlaneWorldSnapshot } from "../../simulators/plane/restore-world.ts";
import type { Item } from "../../simulators/plane/types.ts";
import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import { createTelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { createTestSettings } from "../support/settings.ts";
import { signBody } from "../support/webhook-signature.ts";
import { FORMS_NOT_IN_FIXTURE } from "./forms-not-in-fixture.ts";
import { RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT } from "./simulators.ts";
import { UNLIMITED } from "./test-manifest.ts";
import { createVirtualTime } from "./virtual-time.ts";

/** The recorded state of Plane and Telegram beside the stored file; see the folder's README. */
interface SavedWorld {
  /** When that version ended. */
  now: number;
  /** When the timer of ONB-3 was started, ISO 8601. */
  timerStarted: string;
  /** The cookie of a page that had signed in. */
  cookie: string;
  env: Record<string, string>;
  config: object;
  plane: PlaneWorldSnapshot;
  messages: SimulatedMessage[];
  /** What that version answered at the end: the page's and the administrator's data by path, and what agents saw. */
  answers: Record<string, unknown>;
  timeCsv: string;
  details: Record<string, unknown>;
}

const STORE_FILE = "groundcrew.db";
const FOLDER = new URL("../fixtures/store-0.1/", import.meta.url);
/** The receivers of forwarded events and of wakes. */
const RECEIVERS = ["http://n8n.example.test/", "http://openclaw.example.test/", "http://gone.example.test/"];
/** Id of the first update: Telegram's ids only grow, so any number above the recorded ones works. */
const FIRST_UPDATE_ID = 1_000;

const readFixture = (name: string) => gunzipSync(readFileSync(new URL(name, FOLDER)));

/**
 * Starts the whole product on a store of version 0.1, with Plane and Telegram in the state of that time.
 * @param downtime milliseconds from the end of that version to now; no job is handled before `start`
 */
export async function createPreviousVersionApp(downtime = 5_000) {
  const world = JSON.parse(readFixture("world.json.gz").toString("utf8")) as SavedWorld;
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-previous-"));
  writeFileSync(join(folder, STORE_FILE), readFixture("store.sqlite.gz"), { mode: 0o600 });
  const time = createVirtualTime(world.now + downtime);
  const { clock, wait } = time;
  const plane = createPlaneSimulator({ clock, rateLimit: UNLIMITED, snapshot: world.plane });
  const { TELEGRAM_BOT_TOKEN: token = "", PLANE_URL = "", TELEGRAM_API_ROOT = "" } = world.env;
  const telegram = createTelegramSimulator({ clock, token, chats: [SIMULATED_CHAT], limits: { tolerance: 0 } });
  telegram.restoreMessages(SIMULATED_CHAT, structuredClone(world.messages));
  const [planeUrl, apiRoot] = await Promise.all([plane.start(), telegram.start()]);

  const posts: ReceivedPost[] = [];
  /** The addresses of that time lead to the simulators. */
  async function fetchFromWorld(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input);
    if (!RECEIVERS.some((receiver) => url.startsWith(receiver)))
      return time.fetch(url.replace(PLANE_URL, planeUrl).replace(TELEGRAM_API_ROOT, apiRoot), init);
    const request = new Request(input, init);
    const id = request.headers.get("webhook-id") ?? request.headers.get("idempotency-key");
    posts.push({ url, id, body: await request.text() });
    return Response.json({ ok: true, runId: "run" });
  }

  const oldForms = new Set(listStoredForms(join(folder, STORE_FILE)));
  // Its tasks are in Plane's group Backlog, for which version 0.1 woke agents as well.
  const config = { ...world.config, wake_backlog: true };
  const settings = createTestSettings(world.env, { "config.json": JSON.stringify(config) });
  const store = createSqliteStore({ folder, clock });
  const storeHealth = createStoreHealth(createLog({ level: "error", write: () => {}, clock }));
  const { metrics, scrape } = createPrometheusMetrics({ store, storeHealth, processMetrics: false });
  const stopping = new AbortController();
  const deps = await createDeps({
    settings,
    manifest,
    store,
    storeHealth,
    metrics,
    scrape,
    readAsset: createAssetReader(),
    signal: stopping.signal,
    write: () => {},
    overrides: { clock, wait, fetch: fetchFromWorld },
  });
  const httpApp = createHttpApp(deps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
  onTestFinished(async () => {
    stopping.abort();
    await Promise.all([plane.stop(), telegram.stop()]);
    await store.close();
    const newForms = listStoredForms(join(folder, STORE_FILE)).filter((form) => !oldForms.has(form));
    rmSync(folder, { recursive: true, force: true });
    // Under another name nothing of version 0.1 is found again.
    expect(newForms.filter((form) => !FORMS_NOT_IN_FIXTURE.includes(form))).toEqual([]);
  });

  /** Sends the request as the administrator, unless `headers` replaces the token. */
  function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { host: "127.0.0.1", authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers };
    return Promise.resolve(httpApp.request(`http://127.0.0.1${path}`, { ...init, headers }));
  }
  function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
    return time.advanceUntilSettled(request(path, init));
  }
  let updateId = FIRST_UPDATE_ID;
  /** What a person did in Telegram arrives. */
  async function deliverUpdate(update: object): Promise<void> {
    updateId += 1;
    const headers = { "x-telegram-bot-api-secret-token": world.env["TELEGRAM_WEBHOOK_SECRET"] ?? "" };
    const response = await post("/webhooks/telegram", JSON.stringify({ ...update, update_id: updateId }), headers);
    expect(response.status).toBe(200);
    await time.advance(10_000);
  }
  const getBotMessages = () => telegram.chat(SIMULATED_CHAT).messages.filter(({ from }) => from === undefined);

  return {
    world,
    time,
    plane,
    telegram,
    store,
    request,
    /** What other systems and agents were sent. */
    posts,
    getBotMessages,
    /** Starts handling jobs as time passes. */
    start() {
      time.onAdvance(() => deps.kick());
      deps.kick();
    },
    async runTicks(...names: string[]): Promise<void> {
      for (const name of names) {
        const response = await post(`/ticks/${name}`, "");
        expect([name, response.status]).toEqual([name, 200]);
      }
      await time.advance(10_000);
    },
    /** An agent calls a tool. */
    callTool: (agent: string, tool: string, input: object): Promise<Response> => {
      const token = world.env[`AGENT_TOKEN_${agent.toUpperCase()}`] ?? "";
      return post(`/agent/${tool}`, JSON.stringify(input), { authorization: `Bearer ${token}` });
    },
    /** Plane's webhooks arrive. */
    async deliverWebhooks(): Promise<void> {
      plane.runWorker();
      const bodies = plane.deliveries.pending.map(({ body }) => body);
      plane.deliveries.dropAll();
      for (const body of bodies) {
        const signature = signBody(body, world.env["PLANE_WEBHOOK_SECRET"] ?? "");
        const headers = { "x-plane-delivery": crypto.randomUUID(), "x-plane-signature": signature };
        expect((await post("/webhooks/plane", body, headers)).status).toBe(200);
      }
      await time.advance(10_000);
    },
    async writeToChat(text: string): Promise<void> {
      await deliverUpdate(await telegram.postAsUser(SIMULATED_CHAT, SIMULATED_CHAT, text));
    },
    /** Presses the button with this text, of the first message that has one. */
    async pressButton(label: RegExp, isMeant: (message: SimulatedMessage) => boolean = () => true): Promise<void> {
      const candidates = getBotMessages().filter(isMeant);
      const buttons = candidates.flatMap((message) => message.buttons.flat().map((button) => ({ message, button })));
      const found = buttons.find(({ button }) => label.test(button.text));
      if (!found) throw new Error(`There is no button ${label}.`);
      const { message, button } = found;
      const press = await telegram.press(SIMULATED_CHAT, SIMULATED_CHAT, message.id, button.callback_data);
      await deliverUpdate(press.update);
    },
    findItem(title: string): Item {
      const item = world.plane.rows.items.find(({ name }) => name === title);
      const found = item && plane.item(item);
      if (!found) throw new Error(`There is no work item ${title}.`);
      return found;
    },
    /** What the product changed in Plane, as `PATCH Build the image`, `POST Build the image comments`, sorted. */
    listPlaneWrites(): string[] {
      const titles = new Map(world.plane.rows.items.map(({ id, name }) => [id, name]));
      return plane.ledger.requests
        .filter(({ method, status }) => method !== "GET" && status < 400)
        .map(({ method, path }) => {
          const [, item = "", part = ""] = /work-items\/([^/]*)\/?(\w*)/.exec(path) ?? [];
          return [method, titles.get(item) ?? "new", part].filter(Boolean).join(" ");
        })
        .sort();
    },
  };
}

/**
 * The names in a store that has been closed, each without what follows its first colon: of keys, sets, leases and jobs.
 * One that version 0.1 did not know is a renamed one, unless it belongs to something new.
 */
function listStoredForms(path: string): string[] {
  const database = new DatabaseSync(path);
  const select = (kind: string, column: string, table: string) =>
    database
      .prepare(`SELECT DISTINCT substr(${column}, 1, instr(${column} || ':', ':') - 1) AS name FROM ${table}`)
      .all()
      // A webhook's job is named by the hash of its body.
      .map(({ name }) => `${kind} ${String(name).replace(/^[0-9a-f]{64}$/, "<hash>")}`);
  const forms = [
    ...select("key", "key", "kept"),
    ...select("set", "name", "member"),
    ...select("lease", "key", "lease"),
    ...select("job", "id", "job"),
    ...select("job", "id", "done"),
    ...select("job", "id", "dead"),
  ];
  database.close();
  return [...new Set(forms)];
}

/** A post to another system or to an agent's gateway. */
interface ReceivedPost {
  url: string;
  /** What a receiver knows a repeat by. */
  id: string | null;
  body: string;
}

/** A message's text without what only keeps Telegram from finding links. */
export function getPlainText({ text }: SimulatedMessage): string {
  return text.replaceAll("\u2060", "").replaceAll(/[\u00a0\u202f]/g, " ");
}
