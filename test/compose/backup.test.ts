import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../support/postgres-server.ts";
import { createAccount, createComposeServer, ENV_FILE } from "./backup-server.ts";
import { createStandIns } from "./docker-stand-in.ts";

const LIMIT_MS = 120_000;
const ROWS = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";

describe.skipIf(!hasPostgres())("INFRA-05 compose/backup and compose/restore", { timeout: LIMIT_MS }, () => {
  let postgres: TestPostgres;
  let account: ReturnType<typeof createAccount>;

  beforeAll(async () => {
    postgres = await startPostgres();
    postgres.query("CREATE ROLE plane LOGIN PASSWORD 'plane'");
    postgres.query("CREATE DATABASE plane_production OWNER plane");
    account = createAccount(postgres);
    postgres.query(
      "CREATE TABLE issues AS SELECT i AS id, 'Ticket ' || i AS name FROM generate_series(1, 2000) i",
      account,
    );
  }, 60_000);

  afterAll(() => postgres.stop());

  const createServer = (services?: readonly string[]) =>
    createComposeServer({ admin: postgres.admin, account }, services && { services });

  test("save database, uploads, secrets and .env, and restore all of it on a new server", () => {
    const server = createServer();
    const before = postgres.query(ROWS, account);
    const saved = server.run("backup", ["--json"]);
    expect(saved.status, saved.stderr).toBe(0);
    const { name, parts } = JSON.parse(saved.stdout);
    expect(parts.sort()).toEqual(["database", "secrets", "settings", "store", "uploads"]);
    const backup = server.path(`volumes/backups/${name}`);
    expect(statSync(join(backup, "settings/compose.env")).mode & 0o777).toBe(0o600);
    expect(server.read("calls")).not.toContain("marked-secret");
    execFileSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: backup });

    postgres.query("DROP TABLE issues; CREATE TABLE rubbish (id int)", account);
    for (const lost of ["compose/.env", "volumes/data/secrets.json", "volumes/uploads/b"])
      rmSync(server.path(lost), { recursive: true });
    const restored = server.run("restore", [backup, "--yes"]);
    expect(restored.status, restored.stderr).toBe(0);
    expect(postgres.query(ROWS, account)).toBe(before);
    expect(server.read("compose/.env")).toBe(ENV_FILE);
    expect(server.read("volumes/data/secrets.json")).toContain("marked-secret-admin-token");
    expect(server.read("volumes/uploads/b/picture.png")).toBe("a picture");
    const verbs = server.listCalls().map(([, verb, ...rest]) => (verb === "stop" ? `stop ${rest.join(" ")}` : verb));
    const afterStop = verbs.slice(verbs.indexOf("stop groundcrew api storage") + 1);
    expect(afterStop.at(0)).toBe("run");
    // The database is piped from one container to another, and either may be the first to begin.
    expect(afterStop.slice(1, 3).sort()).toEqual(["exec", "run"]);
    expect(afterStop.slice(3)).toEqual(["run", "up"]);
    expect(postgres.query("SELECT count(*) FROM pg_tables WHERE tablename = 'rubbish'", account)).toBe("0");
  });

  test("make no backup when the dump breaks off", () => {
    const server = createServer();
    writeFileSync(server.path("bin/pg_dump"), `#!/bin/sh\n${POSTGRES_PROGRAMS}/pg_dump "$@" | head -c 3000; exit 1\n`);
    chmodSync(server.path("bin/pg_dump"), 0o755);
    const { status, stderr } = server.run("backup");
    expect(status).not.toBe(0);
    expect(stderr).toContain("The dump on standard input is incomplete");
    expect(readdirSync(server.path("volumes/backups"))).toEqual([".lock"]);
  });

  test("with --scheduled test a restore into a scratch database once a week", () => {
    const server = createServer();
    postgres.query("CREATE DATABASE plane_production_restore_test OWNER plane");
    const before = postgres.query(ROWS, account);
    const { status, stderr } = server.run("backup", ["--scheduled"]);
    expect(status, stderr).toBe(0);
    const [name] = server.listBackups();
    expect(JSON.parse(server.read("volumes/backups/.last-test.json"))).toMatchObject({ backup: name });
    expect(postgres.query(ROWS, account)).toBe(before);
    // A database that the server does not let in fails the test, and the backup stays.
    rmSync(server.path("volumes/backups/.last-test.json"));
    rmSync(join(server.path("volumes/backups"), name ?? ""), { recursive: true });
    postgres.query("DROP DATABASE plane_production_restore_test");
    const failed = server.run("backup", ["--scheduled"]);
    expect([failed.status, server.listBackups().length]).toEqual([1, 1]);
    expect(failed.stderr).toContain("permission denied to create database");
  });
});

const OLD_ENV = `PLANE_SECRET_KEY='old key'
AWS_ACCESS_KEY_ID=old-id
AWS_SECRET_ACCESS_KEY=old-storage-key
POSTGRES_PASSWORD=plane
PLANE_WORKSPACE=javisi
`;

describe.skipIf(!hasPostgres())("INFRA-05 compose/restore on a new server", { timeout: 120_000 }, () => {
  let old: TestPostgres;
  let fresh: TestPostgres;
  /** A backup of the old server, which is then lost. */
  let saved: { folder: string; name: string; rows: string };
  const clean: (() => void)[] = [];

  beforeAll(async () => {
    [old, fresh] = await Promise.all([startPostgres(), startPostgres()]);
    clean.push(
      () => old.stop(),
      () => fresh.stop(),
    );
    old.query("CREATE ROLE plane LOGIN PASSWORD 'plane'");
    old.query("CREATE DATABASE plane_production OWNER plane");
    const account = createAccount(old);
    old.query("CREATE TABLE issues AS SELECT i AS id, 'Ticket ' || i AS name FROM generate_series(1, 500) i", account);
    const server = createComposeServer({ admin: old.admin, account }, { onEnd: (end) => clean.push(end) });
    writeFileSync(server.path("compose/.env"), OLD_ENV);
    const { status, stderr } = server.run("backup");
    expect(status, stderr).toBe(0);
    const [name = ""] = server.listBackups();
    saved = { folder: server.path("volumes/backups"), name, rows: old.query(ROWS, account) };
  }, 60_000);

  afterAll(() => {
    for (const end of clean) end();
  });

  /** A machine after git clone, with the backup in a folder and a PostgreSQL whose passwords are others. */
  function createNewServer(database: "postgres" | "shared-database", password: string) {
    const account = createAccount(fresh, password);
    const server = createComposeServer(
      { admin: fresh.admin, account },
      { services: ["groundcrew", "api", "storage", database, "backup-database"] },
    );
    for (const path of ["compose/.env", "volumes/data/secrets.json", "volumes/data/agents", "volumes/uploads/b"])
      rmSync(server.path(path), { recursive: true });
    const backup = server.path(`restored/${saved.name}`);
    cpSync(join(saved.folder, saved.name), backup, { recursive: true });
    return { ...server, account, backup };
  }

  test("creates user and database in a shared PostgreSQL, and takes over the keys that belong to Plane's data", () => {
    const server = createNewServer("shared-database", "of the new server");
    const ownEnv =
      "DOMAIN=javisi.test\nPLANE_SECRET_KEY=new\nAWS_ACCESS_KEY_ID=new\nAWS_SECRET_ACCESS_KEY=new\nPOSTGRES_PASSWORD='of the new server'\n";
    writeFileSync(server.path("compose/.env"), ownEnv, { mode: 0o600 });
    const { status, stderr, stdout } = server.run("restore", [server.backup, "--yes"]);
    expect(status, stderr).toBe(0);
    expect(fresh.query(ROWS, server.account)).toBe(saved.rows);
    expect(server.read("volumes/data/secrets.json")).toContain("marked-secret-admin-token");
    expect(server.read("volumes/uploads/b/picture.png")).toBe("a picture");
    expect(parseEnv(server.read("compose/.env"))).toEqual({
      DOMAIN: "javisi.test",
      PLANE_SECRET_KEY: "old key",
      AWS_ACCESS_KEY_ID: "old-id",
      AWS_SECRET_ACCESS_KEY: "old-storage-key",
      POSTGRES_PASSWORD: "of the new server",
    });
    expect(statSync(server.path("compose/.env")).mode & 0o777).toBe(0o600);
    const [aside = ""] = readdirSync(server.path("compose")).filter((name) => name.startsWith(".env.before-"));
    expect(server.read(`compose/${aside}`)).toBe(ownEnv);
    expect(stdout).toContain("PLANE_SECRET_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY of the backup");
    expect(stdout + stderr).not.toMatch(/old key|old-storage-key|of the new server/);
  });
});

const PLANE = {
  PLANE_DATABASE: "plane_production",
  PLANE_USER: "plane",
  PLANE_PASSWORD: 'it\'s "a" $HOME; DROP ROLE x',
};
const MONITOR = { MONITOR_USER: "groundcrew_monitor", MONITOR_PASSWORD: "m'o\"n" };

describe.skipIf(!hasPostgres())("INFRA-02: compose/create-database", () => {
  let postgres: TestPostgres;

  const createDatabase = (env: Record<string, string> = {}) =>
    spawnSync("sh", ["compose/create-database"], {
      env: { PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`, ...postgres.admin, ...PLANE, ...env },
      encoding: "utf8",
    });
  const query: TestPostgres["query"] = (sql, env) => postgres.query(sql, env);

  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);

  afterAll(() => postgres.stop());

  test("creates user and database, changes nothing the second time, and keeps what is in there", () => {
    const first = createDatabase();
    expect(first.status, first.stderr).toBe(0);
    const plane = { PGUSER: "plane", PGPASSWORD: PLANE.PLANE_PASSWORD, PGDATABASE: "plane_production" };
    query("CREATE TABLE issues AS SELECT 1 AS id", plane);
    expect(query("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'plane'")).toBe("f|f|f");
    const second = createDatabase();
    expect(second.status, second.stderr).toBe(0);
    expect(query("SELECT count(*) FROM issues", plane)).toBe("1");
  });

  test("treats names as names", () => {
    const name = 'x"; DROP ROLE plane; --';
    expect(createDatabase({ PLANE_USER: name, PLANE_DATABASE: name }).status).toBe(0);
    expect(query("SELECT count(*) FROM pg_roles WHERE rolname = 'plane'")).toBe("1");
  });

  test("MONITOR-03: creates a user for the exporter who reads statistics, and no data of others", () => {
    expect(createDatabase().status).toBe(0);
    query("CREATE TABLE secrets AS SELECT 1 AS id", {
      PGUSER: "plane",
      PGPASSWORD: PLANE.PLANE_PASSWORD,
      PGDATABASE: "plane_production",
    });
    for (const attempt of ["first", "second"]) {
      const { status, stderr, stdout } = createDatabase(MONITOR);
      expect(status, `${attempt}: ${stderr}`).toBe(0);
      expect(stdout).toBe("The user groundcrew_monitor can read statistics.\n");
    }
    const monitor = { PGUSER: MONITOR.MONITOR_USER, PGPASSWORD: MONITOR.MONITOR_PASSWORD };
    expect(query("SELECT count(*) > 0 FROM pg_stat_activity WHERE query IS NOT NULL", monitor)).toBe("t");
    expect(query("SELECT pg_database_size('plane_production') > 0", monitor)).toBe("t");
    const refused = { ...monitor, PGDATABASE: "plane_production" };
    expect(() => query("SELECT * FROM secrets", refused)).toThrow("permission denied");
    expect(() => query("CREATE TABLE x ()", refused)).toThrow("permission denied");
    expect(query("SELECT rolsuper, rolcreatedb, rolconnlimit FROM pg_roles WHERE rolname = 'groundcrew_monitor'")).toBe(
      "f|f|5",
    );
    expect(createDatabase({ ...MONITOR, MONITOR_PASSWORD: "wrong" }).status).not.toBe(0);
  });
});

/** Runs compose/daily-backup until it waits for the time after `waits`; its commands, and how long it waited each time. */
function runDaily(options: { at: string; newest?: string; time?: string; fails?: string; waits: number }) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-daily-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "backups"));
  if (options.newest !== undefined) mkdirSync(join(folder, "backups", options.newest));
  writeFileSync(join(folder, "now"), `${Date.parse(options.at) / 1000}`);
  const standIns = createStandIns(folder, {
    groundcrew: `[ "$1 $2" != "${options.fails ?? "-"}" ]`,
    // The clock moves by what is slept, and the script is ended once it has waited often enough.
    date: `case "$*" in "-u +%s") cat ${folder}/now ;; *) exec /bin/date "$@" ;; esac`,
    sleep: `[ "$1" != infinity ] || exit 0
      echo "$(($(cat ${folder}/now) + $1))" >${folder}/now
      [ "$(grep -c '^sleep' ${folder}/calls)" -lt ${options.waits} ] || kill "$PPID"`,
  });
  const { stdout, stderr, status } = spawnSync("sh", ["compose/daily-backup"], {
    env: { PATH: standIns.path, BACKUP_FOLDER: join(folder, "backups"), BACKUP_TIME: options.time ?? "" },
    encoding: "utf8",
  });
  const calls = standIns.readCalls().filter(([program]) => program !== "date");
  return { calls: calls.map((words) => words.join(" ")), stdout, stderr, status };
}

describe("INFRA-05 compose/daily-backup", () => {
  const BACKUP = "groundcrew backup --scheduled";
  const TEST = "groundcrew restore latest --test --weekly";

  test("makes a backup every day at the time, and tests a restore after each", () => {
    const { calls } = runDaily({ at: "2026-11-23T12:00:00Z", newest: "2026-11-23T03-00-00Z", waits: 3 });
    expect(calls).toEqual([
      `sleep ${15 * 3600}`,
      BACKUP,
      TEST,
      `sleep ${24 * 3600}`,
      BACKUP,
      TEST,
      `sleep ${24 * 3600}`,
    ]);
  });

  test("makes none only by a setting, and refuses what is no time", () => {
    expect(runDaily({ at: "2026-11-23T12:00:00Z", time: "off", waits: 1 })).toMatchObject({
      calls: ["sleep infinity"],
    });
    const wrong = runDaily({ at: "2026-11-23T12:00:00Z", time: "25:00", waits: 1 });
    expect([wrong.status, wrong.calls]).toEqual([78, []]);
  });
});
