import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { STORE_FORMAT, STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { VERSION } from "../../shared/version.ts";
import { startProgram, toCommand } from "../support/program.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { createTestSettings } from "../support/settings.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

const createStoreUrl = () => `file:${createTestFolder("format")}`;

const manifest = { routes: [], ticks: [], jobHandlers: [], ruleSets: () => [], requestKinds: {} };

const start = (url: string) =>
  startRuntime(createTestSettings({ ...RUNTIME_ENV, STORE_URL: url }), { manifest, write: () => {} });

async function readFormat(url: string) {
  const store = await openStore(url, { prefix: "groundcrew" });
  const [stored] = await store.read([STORE_FORMAT_KEY]);
  await store.close();
  return stored?.value;
}

test("a store that a later version has used is refused and left unchanged; the command line says what to do and exits with 78, because a restart does not help", async () => {
  const url = createStoreUrl();
  await (await start(url)).stop();
  expect(await readFormat(url)).toMatchObject({ format: STORE_FORMAT, version: VERSION });
  await (await start(url)).stop();
  const store = await openStore(url, { prefix: "groundcrew" });
  const later = { format: STORE_FORMAT + 1, version: "9.8.7" };
  await store.commit({ put: [{ key: STORE_FORMAT_KEY, value: later }] });
  await store.close();
  await expect(start(url)).rejects.toThrow(/last used by Groundcrew 9\.8\.7.*Start 9\.8\.7 or a later version/);
  const env = { ...RUNTIME_ENV, STORE_URL: url };
  const { exit, out } = await startProgram(toCommand("start"), { cwd: tmpdir(), env }).ended;
  expect([exit, out]).toEqual([78, expect.stringContaining("restore a backup from before the upgrade")]);
  expect(await readFormat(url)).toEqual(later);
});

const ADVICE = /does not convert older stores\. Delete the store, or set STORE_URL/;

test("an embedded file of format 1 is refused and left unchanged", async () => {
  const url = createStoreUrl();
  const database = new DatabaseSync(join(url.replace("file:", ""), "groundcrew.db"));
  database.exec("CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL, expires INTEGER)");
  database.exec(`INSERT INTO kept VALUES ('${STORE_FORMAT_KEY}', '{"format":1,"version":"0.2.0"}', 1, NULL)`);
  await expect(start(url)).rejects.toThrow(ADVICE);
  expect(database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()).toEqual([{ name: "kept" }]);
  expect(database.prepare("SELECT count(*) AS n FROM kept").get()).toEqual({ n: 1 });
  database.close();
});

test.skipIf(!hasRedisServer())("a store in Redis without a format is refused and left unchanged", async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const url = `${redis.url}/0`;
  const store = await openStore(url, { prefix: "groundcrew" });
  await store.commit({ put: [{ key: "workspace", value: { id: "w", began: "" } }] });
  const before = await store.read([STORE_FORMAT_KEY, "workspace"]);
  await store.close();
  await expect(start(url)).rejects.toThrow(ADVICE);
  await expect(start(url)).rejects.toThrow(new RegExp(`has a format before ${STORE_FORMAT};`));
  const again = await openStore(url, { prefix: "groundcrew" });
  expect(await again.read([STORE_FORMAT_KEY, "workspace"])).toEqual(before);
  await again.close();
});
