import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { manifest as productManifest } from "../../../functions/index.ts";
import { noticesTick } from "../../../functions/notices.ts";
import { isTestDue } from "../../../runtime/backup/restore-backup.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { DAY, HOUR, type Ms } from "../../../shared/time.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres } from "../../support/postgres-server.ts";
import { hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { type BackupMachine, createBackupMachine, describeTree, fillStore } from "./backup-machine.ts";

const RECORD = ".last-test.json";

const testLatest = (machine: BackupMachine, ...options: string[]) =>
  machine.runHere(["restore", "latest", "--test", ...options, "--json"]);

/** The notice about restores that a running Groundcrew with these backups has, if there is one. */
async function readNotice({ backups }: BackupMachine, clock: () => Ms = Date.now): Promise<string | undefined> {
  const manifest = { ...productManifest, ticks: [noticesTick], jobHandlers: [], ruleSets: () => [] };
  const runtime = await startTestRuntime({ env: { BACKUP_FOLDER: backups }, manifest, overrides: { clock } });
  const headers = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  expect((await fetch(`${runtime.url}/ticks/notices`, { method: "POST", ...headers })).status).toBe(200);
  const answer = await (await fetch(`${runtime.url}/api/notices`, headers)).json();
  const { notices } = answer as { notices: { kind: string; text: string }[] };
  return notices.find(({ kind }) => kind === "restore_failed")?.text;
}

test("INFRA-05 The test of a restore restores every file beside the installation, which stays as it is, and leaves nothing", async () => {
  const machine = createBackupMachine({ BACKUP_COMPOSE_ENV: "A=b" });
  await machine.backUp("--scheduled");
  const before = describeTree(machine.folder);
  const { exit, out, err } = await testLatest(machine);
  expect(exit, err).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ restored: false, parts: ["store", "uploads", "secrets", "settings"] });
  const isOther = (line: string) => !line.includes(RECORD);
  expect(describeTree(machine.folder).filter(isOther)).toEqual(before);
  expect(await readNotice(machine)).toBeUndefined();
});

test("INFRA-05 A backup that cannot be restored becomes a notice, which ends when a later one can", async () => {
  const machine = createBackupMachine();
  const { name, backup } = await machine.backUp("--scheduled");
  const path = join(backup, "uploads/bucket/picture.png");
  const picture = readFileSync(path);
  writeFileSync(path, "another picture");
  const failed = await testLatest(machine);
  expect(failed.exit).toBe(1);
  expect(failed.err).toContain("uploads/bucket/picture.png was changed");
  expect(await readNotice(machine)).toContain(`could not restore the backup ${name}`);
  writeFileSync(path, picture);
  expect((await testLatest(machine, "--weekly")).exit).toBe(0);
  expect(await readNotice(machine)).toBeUndefined();
});

test("INFRA-05 With --weekly a restore is tested again after a week, and a test that is not made for 9 days is a notice", async () => {
  const machine = createBackupMachine();
  await machine.backUp("--scheduled");
  expect((await testLatest(machine, "--weekly")).exit).toBe(0);
  const record = machine.read(`backups/${RECORD}`);
  expect((await testLatest(machine, "--weekly")).exit).toBe(0);
  expect(machine.read(`backups/${RECORD}`)).toBe(record);
  const tested = Date.parse(JSON.parse(record).tested);
  expect([6, 7].map((days) => isTestDue(machine.backups, tested + days * DAY))).toEqual([false, true]);
  expect(await readNotice(machine, () => tested + 8 * DAY)).toBeUndefined();
  expect(await readNotice(machine, () => tested + 10 * DAY)).toContain(JSON.parse(record).backup);
});

test.skipIf(!hasRedisServer())(
  "INFRA-05 A store in Redis is tested in a scratch file, and moves from Redis to a file and back with sets, times and ids",
  async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    const machine = createBackupMachine({ STORE_URL: server.url });
    const job = { id: "job:1", queue: "outbox", lane: "chat", body: 1 } as const;
    const lasting = { key: "decision:1", value: { text: "é" }, sets: ["decisions"], expires: HOUR };
    await fillStore(server.url, { put: [lasting, { key: "item:1", value: 1 }], jobs: [job] });
    const store = await openStore(server.url, { prefix: "groundcrew" });
    for (const taken of await store.take("outbox", HOUR, 1)) await store.acknowledge(taken, { done: true });
    await store.close();
    const { name: first } = await machine.backUp();
    const before = (await redis.keys("*")).sort();
    const { exit, err } = await testLatest(machine);
    expect(exit, err).toBe(0);
    expect((await redis.keys("*")).sort()).toEqual(before);

    const file = { STORE_URL: `file:${machine.folder}/moved` };
    expect(await machine.runHere(["restore", first, "--yes"], file)).toMatchObject({ exit: 0 });
    expect((await machine.runHere(["backup", "--to", `${machine.folder}/other`], file)).exit).toBe(0);
    const [second = ""] = readdirSync(`${machine.folder}/other`).filter((name) => !name.startsWith("."));
    const back = await machine.runHere(["restore", `${machine.folder}/other/${second}`, "--yes"]);
    expect(back, back.err).toMatchObject({ exit: 0 });
    const restored = await openStore(server.url, { prefix: "groundcrew" });
    onTestFinished(() => restored.close());
    const { rows } = await restored.scan("decisions");
    expect(rows.map(({ key, value }) => [key, value])).toEqual([["decision:1", { text: "é" }]]);
    expect(await redis.hget("groundcrew:k:decision:1", "x")).toMatch(/^\d{13}$/);
    expect(await restored.read(["item:1"])).toEqual([undefined]);
    // The job is done, so that it is not added again.
    await restored.commit({ jobs: [job] });
    expect((await restored.stats()).queues.outbox.pending).toBe(0);
  },
);

test.skipIf(!process.env["FULL"] || !hasPostgres())(
  "INFRA-05 The test of a restore of Plane's database uses a scratch database, leaves Plane's own alone, and fails when the dump cannot be restored as a whole",
  async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const { account, url } = postgres.createPlaneDatabase();
    postgres.query("CREATE TABLE issues AS SELECT i AS id FROM generate_series(1, 500) i", account);
    const backUp = async () => {
      const machine = createBackupMachine({
        BACKUP_DATABASE_URL: url,
        PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`,
      });
      await machine.backUp();
      return machine;
    };
    const machine = await backUp();
    expect(await testLatest(machine)).toMatchObject({ exit: 1, err: expect.stringContaining("permission denied to") });
    expect(await readNotice(machine)).toContain("permission denied to create database");

    postgres.query("CREATE DATABASE plane_production_restore_test OWNER plane");
    const { exit, err } = await testLatest(machine);
    expect(exit, err).toBe(0);
    expect(await readNotice(machine)).toBeUndefined();
    expect(postgres.query("SELECT count(*), max(id) FROM issues", account)).toBe("500|500");
    const scratch = { ...account, PGDATABASE: "plane_production_restore_test" };
    expect(postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", scratch)).toBe("0");

    // A row that refers to one that the dump does not have: only a restore finds it.
    postgres.query(
      `CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (parent int REFERENCES parents);
       INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)`,
      account,
    );
    const admin = { ...postgres.admin, PGDATABASE: "plane_production" };
    postgres.query("SET session_replication_role = replica; DELETE FROM parents", admin);
    const broken = await backUp();
    expect(await testLatest(broken)).toMatchObject({ exit: 1, err: expect.stringContaining("children_parent_fkey") });
    expect(readdirSync(broken.backups).filter((name) => name.startsWith(".test-"))).toEqual([]);
  },
  60_000,
);
