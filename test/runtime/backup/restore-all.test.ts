import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { findDuplicated, readCompletions } from "../../reliability/completions.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { SIMULATED_CHAT, toItemKey } from "../../reliability/simulators.ts";
import { type SpawnedRuntime, spawnWithItems } from "../../reliability/spawned-runtime.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../../support/postgres-server.ts";
import { runCli } from "../../support/program.ts";
import { hasRedisServer, startRedis } from "../../support/redis-server.ts";

/** Rows of Plane's database, and items whose webhooks arrive while the backup is made. */
const [ROWS, ITEMS] = [200_000, 600];
const WAIT = { timeout: 60_000, interval: 5 };
const DIGEST = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";

function fillDatabase(postgres: TestPostgres) {
  const { account, url } = postgres.createPlaneDatabase("p@ss:/word");
  postgres.query(
    `CREATE TABLE issues (id int PRIMARY KEY, name text NOT NULL, body jsonb);
     CREATE SEQUENCE numbers; SELECT setval('numbers', 42);
     INSERT INTO issues SELECT i, 'Ticket “' || i || '”', jsonb_build_object('n', i, 'text', repeat('é', i % 90))
       FROM generate_series(1, ${ROWS}) i`,
    account,
  );
  return { url, query: (sql: string) => postgres.query(sql, account) };
}

/** What a store contains. */
async function countRecords(url: string) {
  const store = await openStore(url, { prefix: "groundcrew" });
  const { queues } = await store.stats();
  const jobs = Object.values(queues).reduce((sum, { pending, dead }) => sum + pending + dead, 0);
  const [messages, projects, decisions] = await Promise.all(["messages", "projects", "decisions"].map(store.count));
  await store.close();
  return { jobs, messages, projects, decisions };
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

async function checkRestoreOfEverything(
  storeUrl: string | undefined,
  loseStore: (runtime: SpawnedRuntime) => Promise<void>,
) {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const database = fillDatabase(postgres);
  const before = database.query(DIGEST);
  const options = storeUrl === undefined ? {} : { store: storeUrl };
  const { simulators, project, items, runtime, deliver } = await spawnWithItems(ITEMS + 3, options);
  const { plane, telegram } = simulators;
  const [late, missed, afterwards] = items.splice(ITEMS);
  const env = {
    ...simulators.env,
    PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`,
    PORT: new URL(runtime.url).port,
    STORE_URL: storeUrl ?? `file:${runtime.folder}/data`,
    BACKUP_DATABASE_URL: database.url,
    BACKUP_FOLDER: join(runtime.folder, "backups"),
  };
  const groundcrew = (...args: string[]) => runCli(args, { cwd: runtime.folder, env });
  const listTexts = (from = 0) =>
    telegram
      .chat(SIMULATED_CHAT)
      .messages.slice(from)
      .map(({ text }) => text);
  const complete = async (item: Item | undefined) => {
    plane.editItem(item ?? "", { state: "Done" });
    for (const body of simulators.takeWebhookBodies()) expect((await deliver(body)).status).toBe(200);
  };
  const waitForCompletion = (item: Item | undefined) => {
    const listAbout = () => listTexts().filter((text) => text.includes(`${item && toItemKey(project, item)} `));
    return expect.poll(listAbout, WAIT).toHaveLength(1);
  };

  // The items are completed one after the other while the backup is made.
  let completed = 0;
  const load = (async () => {
    for (const item of items) {
      await complete(item);
      completed += 1;
    }
  })();
  await expect.poll(() => completed, WAIT).toBeGreaterThan(10);
  // A message is recorded after it was sent and before the next one of its chat, so of two at least one is in the backup.
  const countAnnounced = () => readCompletions(telegram, SIMULATED_CHAT).total;
  await expect.poll(countAnnounced, WAIT).toBeGreaterThan(1);
  const announced = countAnnounced();
  // Messages wait in the store while it is saved. They are sent afterwards, and must not be sent again by the restored one.
  telegram.refuseChat(SIMULATED_CHAT, 502, "Bad Gateway");
  const readHealth = async () => (await runtime.request("/health")).json();
  await expect.poll(readHealth, WAIT).not.toMatchObject({ queues: { outbox: { pending: 0 } } });
  const saved = await groundcrew("backup", "--json");
  telegram.allowChat(SIMULATED_CHAT);
  expect(saved, saved.err).toMatchObject({ exit: 0 });
  await load;
  const backup = JSON.parse(saved.out);
  expect(backup.parts.sort()).toEqual(["database", "store"]);
  if (storeUrl === undefined) expect(countWaitingMessages(backup.backup)).toBeGreaterThan(0);
  for (const item of items) await waitForCompletion(item);
  // What happens after the backup was announced before everything was lost, or never will be.
  await complete(late);
  await waitForCompletion(late);
  await runtime.kill();
  plane.editItem(missed ?? "", { state: "Done" });
  simulators.takeWebhookBodies();
  database.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE rubbish (id int)");
  await loseStore(runtime);
  const said = listTexts().length;
  expect(findDuplicated(readCompletions(telegram, SIMULATED_CHAT))).toEqual([]);

  const restored = await groundcrew("restore", backup.name, "--yes");
  expect(restored, restored.err + restored.out).toMatchObject({ exit: 0 });
  expect(database.query(DIGEST)).toBe(before);
  expect(database.query("SELECT last_value FROM numbers")).toBe("42");
  expect(database.query("SELECT count(*) FROM pg_tables WHERE tablename = 'rubbish'")).toBe("0");
  const stored = await countRecords(env.STORE_URL);
  expect(stored).toMatchObject({ jobs: 0, projects: 0 });
  expect(stored.messages).toBeGreaterThan(0);
  // The history until the backup is there.
  expect(stored.decisions).toBeGreaterThanOrEqual(announced);

  // A new change is announced, and nothing was before it: messages of a chat keep their order.
  await runtime.start();
  expect((await runtime.poll()).status).toBe(200);
  await complete(afterwards);
  await waitForCompletion(afterwards);
  await runtime.waitUntilIdle();
  expect(listTexts(said)).toHaveLength(1);
}

describe.skipIf(!IS_FULL_RUN || !hasPostgres())("INFRA-05 (reliability 48)", { timeout: 180_000 }, () => {
  test("a PostgreSQL with rows and a store under webhook load, both lost, are restored, and nothing old is said", async () => {
    await checkRestoreOfEverything(undefined, async ({ folder }) => {
      for (const name of readdirSync(join(folder, "data"))) rmSync(join(folder, "data", name), { recursive: true });
    });
  });

  test.skipIf(!hasRedisServer())("the same holds for a store in Redis that other programs use as well", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    await client.set("others:key", "theirs");
    await checkRestoreOfEverything(redis.url, async () => {
      await client.del(...(await client.keys("groundcrew:*")));
      await client.set("groundcrew:rubbish", "1");
    });
    expect(await client.mget("others:key", "groundcrew:rubbish")).toEqual(["theirs", null]);
    expect(await client.keys("groundcrew-restore-*")).toEqual([]);
  });
});
