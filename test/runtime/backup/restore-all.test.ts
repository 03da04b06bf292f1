import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { findDuplicated, readCompletions } from "../../reliability/completions.ts";
import {
  NO_TELEGRAM_LIMITS,
  SIMULATED_CHAT,
  type Simulators,
  startSimulators,
  toItemKey,
} from "../../reliability/simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "../../reliability/spawned-runtime.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../../support/postgres-server.ts";
import { runGroundcrew } from "./backup-machine.ts";

const FULL = Boolean(process.env["FULL"]);
/** Rows of Plane's database, and items whose webhooks arrive while the backup is made. */
const ROWS = FULL ? 200_000 : 5_000;
const ITEMS = FULL ? 600 : 120;
const LIMIT_MS = 180_000;
const CONFIG = { notifications: [{ events: ["completed"] }] };

const DATABASE = { PGDATABASE: "plane_production" };
const DIGEST = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";

function fillDatabase(postgres: TestPostgres) {
  postgres.query("CREATE ROLE plane LOGIN PASSWORD 'p@ss:/word'");
  postgres.query("CREATE DATABASE plane_production OWNER plane");
  const plane = { ...DATABASE, PGUSER: "plane", PGPASSWORD: "p@ss:/word" };
  postgres.query(
    `CREATE TABLE issues (id int PRIMARY KEY, name text NOT NULL, body jsonb);
     CREATE SEQUENCE numbers; SELECT setval('numbers', 42);
     INSERT INTO issues SELECT i, 'Ticket “' || i || '”', jsonb_build_object('n', i, 'text', repeat('é', i % 90))
       FROM generate_series(1, ${ROWS}) i`,
    plane,
  );
  return {
    plane,
    url: `postgresql://plane:${encodeURIComponent("p@ss:/word")}@127.0.0.1:${postgres.admin.PGPORT}/plane_production`,
  };
}

/** Completes items one after the other and delivers each webhook, until `stop` is called; returns the completed ones. */
function startWebhookLoad(simulators: Simulators, runtime: SpawnedRuntime, items: ReturnType<Simulators["addItems"]>) {
  const completed: typeof items = [];
  let isStopped = false;
  const running = (async () => {
    for (const item of items) {
      if (isStopped) break;
      simulators.plane.editItem(item, { state: "Done" });
      for (const body of simulators.takeWebhookBodies()) {
        const headers = simulators.createDeliveryHeaders(body);
        const answer = await runtime.request("/webhooks/plane", { method: "POST", headers, body });
        expect(answer.status).toBe(200);
      }
      completed.push(item);
    }
  })();
  return {
    completed,
    async stop() {
      isStopped = true;
      await running;
    },
    finished: running,
  };
}

/** What a store contains. */
async function countRecords(url: string) {
  const store = await openStore(url, { prefix: "groundcrew" });
  const { queues } = await store.stats();
  const counts = {
    messages: await store.count("messages"),
    jobs: Object.values(queues).reduce((sum, { pending, dead }) => sum + pending + dead, 0),
    projects: await store.count("projects"),
    decisions: await store.count("decisions"),
  };
  await store.close();
  return counts;
}

/** The messages that had not been sent yet when an embedded store was saved. */
function countWaitingMessages(backup: string): unknown {
  const url = pathToFileURL(join(backup, "store/groundcrew.db"));
  url.search = "immutable=1";
  const database = new DatabaseSync(url, { readOnly: true });
  const row = database.prepare("SELECT count(*) AS count FROM job WHERE queue = 'outbox'").get();
  database.close();
  return row?.["count"];
}

interface Scene {
  storeUrl?: string;
  loseStore: (runtime: SpawnedRuntime) => Promise<void>;
}

async function checkRestoreOfEverything({ storeUrl, loseStore }: Scene) {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const { plane: account, url: databaseUrl } = fillDatabase(postgres);
  const before = postgres.query(DIGEST, account);
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const project = simulators.addProject();
  const items = simulators.addItems(project, ITEMS);
  const [late, missed, afterwards] = simulators.addItems(project, 3, "Later");
  simulators.takeWebhookBodies();
  const runtime = await spawnRuntime({
    env: simulators.env,
    config: CONFIG,
    childOptions: { burst: 0 },
    ...(storeUrl === undefined ? {} : { store: storeUrl }),
  });
  await runtime.poll();
  await runtime.waitUntilIdle();
  const env = {
    ...simulators.env,
    PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`,
    PORT: new URL(runtime.url).port,
    STORE_URL: storeUrl ?? `file:${runtime.folder}/data`,
    BACKUP_DATABASE_URL: databaseUrl,
    BACKUP_FOLDER: join(runtime.folder, "backups"),
  };
  const groundcrew = (...args: string[]) => runGroundcrew(args, { cwd: runtime.folder, env });

  const load = startWebhookLoad(simulators, runtime, items);
  await expect.poll(() => load.completed.length, { timeout: 60_000, interval: 5 }).toBeGreaterThan(10);
  // A message is recorded after it was sent and before the next one of its chat, so of two at least one is in the backup.
  const countAnnounced = () => readCompletions(telegram, SIMULATED_CHAT).total;
  await expect.poll(countAnnounced, { timeout: 60_000, interval: 5 }).toBeGreaterThan(1);
  const announced = countAnnounced();
  // Messages wait in the store while it is saved. They are sent afterwards, and must not be sent again by the restored one.
  telegram.refuseChat(SIMULATED_CHAT, 502, "Bad Gateway");
  const waiting = async () =>
    ((await (await runtime.request("/health")).json()) as { queues: { outbox: { pending: number } } }).queues.outbox
      .pending;
  await expect.poll(waiting, { timeout: 60_000 }).toBeGreaterThan(0);
  const saved = await groundcrew("backup", "--json");
  telegram.allowChat(SIMULATED_CHAT);
  expect(saved, saved.err).toMatchObject({ exit: 0 });
  const atBackup = load.completed.length;
  await load.finished;
  const listTexts = (from = 0) =>
    telegram
      .chat(SIMULATED_CHAT)
      .messages.slice(from)
      .map(({ text }) => text);
  const waitForCompletion = (item: Item | undefined) =>
    expect
      .poll(() => listTexts().filter((text) => text.includes(`${item && toItemKey(project, item)} `)), {
        timeout: 60_000,
      })
      .toHaveLength(1);
  if (!FULL) expect(atBackup).toBeGreaterThan(10);
  const backup = JSON.parse(saved.out);
  expect(backup.parts.sort()).toEqual(["database", "store"]);
  if (storeUrl === undefined) expect(countWaitingMessages(backup.backup)).toBeGreaterThan(0);
  for (const item of items) await waitForCompletion(item);
  // What happens after the backup was announced before everything was lost, or never will be.
  plane.editItem(late ?? "", { state: "Done" });
  for (const body of simulators.takeWebhookBodies())
    await runtime.request("/webhooks/plane", { method: "POST", headers: simulators.createDeliveryHeaders(body), body });
  await waitForCompletion(late);
  await runtime.kill();
  plane.editItem(missed ?? "", { state: "Done" });
  simulators.takeWebhookBodies();
  postgres.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE rubbish (id int)", account);
  await loseStore(runtime);
  const wokenTasks = telegram.chat(SIMULATED_CHAT).messages.length;
  expect(findDuplicated(readCompletions(telegram, SIMULATED_CHAT))).toEqual([]);

  const restored = await groundcrew("restore", backup.name, "--yes");
  expect(restored, restored.err + restored.out).toMatchObject({ exit: 0 });
  expect(postgres.query(DIGEST, account)).toBe(before);
  expect(postgres.query("SELECT last_value FROM numbers", account)).toBe("42");
  expect(postgres.query("SELECT count(*) FROM pg_tables WHERE tablename = 'rubbish'", account)).toBe("0");
  const stored = await countRecords(env.STORE_URL);
  expect(stored).toMatchObject({ jobs: 0, projects: 0 });
  expect(stored.messages).toBeGreaterThan(0);
  // The history until the backup is there.
  expect(stored.decisions).toBeGreaterThanOrEqual(announced);

  // A new change is announced, and nothing was before it: messages of a chat keep their order.
  await runtime.start();
  expect((await runtime.poll()).status).toBe(200);
  plane.editItem(afterwards ?? "", { state: "Done" });
  for (const body of simulators.takeWebhookBodies())
    await runtime.request("/webhooks/plane", { method: "POST", headers: simulators.createDeliveryHeaders(body), body });
  await waitForCompletion(afterwards);
  await runtime.waitUntilIdle();
  expect(listTexts(wokenTasks)).toHaveLength(1);
  return { runtime, backup };
}

describe.skipIf(!hasPostgres())("INFRA-05", () => {
  test(
    "a PostgreSQL with rows and a store under webhook load, both lost, are restored, and nothing old is said",
    async () => {
      const { runtime } = await checkRestoreOfEverything({
        async loseStore({ folder }) {
          for (const name of readdirSync(join(folder, "data"))) rmSync(join(folder, "data", name), { recursive: true });
        },
      });
      expect(existsSync(join(runtime.folder, "data", "groundcrew.db"))).toBe(true);
    },
    LIMIT_MS,
  );
});
