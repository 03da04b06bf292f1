import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../support/postgres-server.ts";
import { createTestFolder, writeFiles, writeScripts } from "../support/test-folder.ts";
import { createAccount, createComposeServer } from "./backup-server.ts";
import { createStandIns } from "./docker-stand-in.ts";

const ROWS = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";
const OLD_ENV = `PLANE_SECRET_KEY='old key'
AWS_ACCESS_KEY_ID=old-id
AWS_SECRET_ACCESS_KEY=old-storage-key
POSTGRES_PASSWORD=plane
`;

describe.skipIf(!hasPostgres())("INFRA-05 compose/backup and compose/restore", { timeout: 120_000 }, () => {
  let old: TestPostgres;
  let fresh: TestPostgres;
  let account: ReturnType<typeof createAccount>;
  let server: ReturnType<typeof createComposeServer>;
  const ends: (() => void | Promise<void>)[] = [];
  const query = (sql: string) => old.query(sql, account);

  beforeAll(async () => {
    [old, fresh] = await Promise.all([startPostgres(), startPostgres()]);
    old.createPlaneDatabase();
    account = createAccount(old);
    query("CREATE TABLE issues AS SELECT i AS id, 'Ticket ' || i AS name FROM generate_series(1, 2000) i");
    server = createComposeServer({ admin: old.admin, account }, { onEnd: (end) => ends.push(end) });
    writeFileSync(server.path("compose/.env"), OLD_ENV, { mode: 0o600 });
  }, 60_000);

  afterAll(async () => {
    for (const end of [...ends.reverse(), old.stop, fresh.stop]) await end();
  }, 60_000);

  test("make no backup when the dump breaks off", () => {
    const other = createComposeServer({ admin: old.admin, account });
    writeScripts(other.path("bin"), { pg_dump: `${POSTGRES_PROGRAMS}/pg_dump "$@" | head -c 3000; exit 1` });
    const { status, stderr } = other.run("backup");
    expect(status).not.toBe(0);
    expect(stderr).toContain("The dump on standard input is incomplete");
    expect(readdirSync(other.path("volumes/backups"))).toEqual([".lock"]);
  });

  test("save database, uploads, secrets and .env, test it, and restore all of it", () => {
    const before = query(ROWS);
    // A database that the server does not let in fails the test, and the backup stays.
    const untested = server.run("backup", ["--scheduled"]);
    expect([untested.status, server.listBackups().length]).toEqual([1, 1]);
    expect(untested.stderr).toContain("permission denied to create database");
    rmSync(server.path(`volumes/backups/${server.listBackups()[0]}`), { recursive: true });
    old.query("CREATE DATABASE plane_production_restore_test OWNER plane");
    const saved = server.run("backup", ["--scheduled", "--json"]);
    expect(saved.status, saved.stderr).toBe(0);
    const [name = ""] = server.listBackups();
    expect(JSON.parse(server.read("volumes/backups/.last-test.json"))).toMatchObject({ backup: name });
    const backup = server.path(`volumes/backups/${name}`);
    const parts = ["SHA256SUMS", "database.dump", "manifest.json", "secrets", "settings", "store", "uploads"];
    expect(readdirSync(backup).sort()).toEqual(parts);
    expect(statSync(join(backup, "settings/compose.env")).mode & 0o777).toBe(0o600);
    expect(server.read("calls")).not.toContain("marked-secret");
    execFileSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: backup });

    query("DROP TABLE issues; CREATE TABLE rubbish (id int)");
    for (const lost of ["compose/.env", "volumes/data/secrets.json", "volumes/uploads/b"])
      rmSync(server.path(lost), { recursive: true });
    const restored = server.run("restore", [backup, "--yes"]);
    expect(restored.status, restored.stderr).toBe(0);
    expect(query(ROWS)).toBe(before);
    expect(server.read("compose/.env")).toBe(OLD_ENV);
    expect(server.read("volumes/data/secrets.json")).toContain("marked-secret-admin-token");
    expect(server.read("volumes/uploads/b/picture.png")).toBe("a picture");
    const verbs = server.listCalls().map(([, verb, ...rest]) => (verb === "stop" ? `stop ${rest.join(" ")}` : verb));
    const afterStop = verbs.slice(verbs.indexOf("stop groundcrew api storage") + 1);
    expect(afterStop.at(0)).toBe("run");
    // The database is piped from one container to another, and either may be the first to begin.
    expect(afterStop.slice(1, 3).sort()).toEqual(["exec", "run"]);
    expect(afterStop.slice(3)).toEqual(["run", "up"]);
    expect(query("SELECT count(*) FROM pg_tables WHERE tablename = 'rubbish'")).toBe("0");
  });

  test("create user and database in a shared PostgreSQL of a new server, and take over the keys of Plane's data", () => {
    const its = createAccount(fresh, "of the new server");
    const services = ["groundcrew", "api", "storage", "shared-database", "backup-database"];
    const other = createComposeServer({ admin: fresh.admin, account: its }, { services });
    for (const path of ["volumes/data/secrets.json", "volumes/data/agents", "volumes/uploads/b"])
      rmSync(other.path(path), { recursive: true });
    const ownEnv = `DOMAIN=javisi.test\n${OLD_ENV.replaceAll("old", "new").replace("=plane", "='of the new server'")}`;
    writeFileSync(other.path("compose/.env"), ownEnv, { mode: 0o600 });
    const backup = server.path(`volumes/backups/${server.listBackups()[0]}`);
    const { status, stderr, stdout } = other.run("restore", [backup, "--yes"]);
    expect(status, stderr).toBe(0);
    expect(fresh.query(ROWS, its)).toBe(query(ROWS));
    expect(other.read("volumes/data/secrets.json")).toContain("marked-secret-admin-token");
    expect(other.read("volumes/uploads/b/picture.png")).toBe("a picture");
    expect(parseEnv(other.read("compose/.env"))).toEqual({
      ...{ DOMAIN: "javisi.test", PLANE_SECRET_KEY: "old key", AWS_ACCESS_KEY_ID: "old-id" },
      ...{ AWS_SECRET_ACCESS_KEY: "old-storage-key", POSTGRES_PASSWORD: "of the new server" },
    });
    expect(statSync(other.path("compose/.env")).mode & 0o777).toBe(0o600);
    const [aside = ""] = readdirSync(other.path("compose")).filter((name) => name.startsWith(".env.before-"));
    expect(other.read(`compose/${aside}`)).toBe(ownEnv);
    expect(stdout + stderr).not.toMatch(/old key|old-storage-key|of the new server/);
  });

  const CREW = { PLANE_DATABASE: "crew", PLANE_USER: "crew", PLANE_PASSWORD: 'it\'s "a" $HOME; DROP ROLE x' };
  const MONITOR = { MONITOR_USER: "groundcrew_monitor", MONITOR_PASSWORD: "m'o\"n" };
  const crew = { PGUSER: "crew", PGPASSWORD: CREW.PLANE_PASSWORD, PGDATABASE: "crew" };
  const createDatabase = (env: Record<string, string> = {}) =>
    spawnSync("sh", ["compose/create-database"], {
      env: { PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`, ...fresh.admin, ...CREW, ...env },
      encoding: "utf8",
    });

  test("INFRA-02: create-database creates user and database, changes nothing the second time, and treats names as names", () => {
    const first = createDatabase();
    expect(first.status, first.stderr).toBe(0);
    fresh.query("CREATE TABLE secrets AS SELECT 1 AS id", crew);
    const rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'crew'";
    expect(fresh.query(rights)).toBe("f|f|f");
    expect(createDatabase().status).toBe(0);
    const name = 'x"; DROP TABLE secrets; --';
    expect(createDatabase({ PLANE_USER: name, PLANE_DATABASE: name }).status).toBe(0);
    expect(fresh.query("SELECT count(*) FROM secrets", crew)).toBe("1");
  });

  test("MONITOR-03: create-database creates a user for the exporter who reads statistics, and no data of others", () => {
    for (const attempt of ["first", "second"]) {
      const { status, stderr, stdout } = createDatabase(MONITOR);
      expect(status, `${attempt}: ${stderr}`).toBe(0);
      expect(stdout).toBe("The user groundcrew_monitor can read statistics.\n");
    }
    const monitor = { PGUSER: MONITOR.MONITOR_USER, PGPASSWORD: MONITOR.MONITOR_PASSWORD };
    expect(fresh.query("SELECT count(*) > 0 FROM pg_stat_activity WHERE query IS NOT NULL", monitor)).toBe("t");
    const refused = { ...monitor, PGDATABASE: "crew" };
    expect(() => fresh.query("SELECT * FROM secrets", refused)).toThrow("permission denied");
    expect(() => fresh.query("CREATE TABLE x ()", refused)).toThrow("permission denied");
    const rights = "SELECT rolsuper, rolcreatedb, rolconnlimit FROM pg_roles WHERE rolname = 'groundcrew_monitor'";
    expect(fresh.query(rights)).toBe("f|f|5");
  });
});

/** Runs compose/daily-backup until it waits for the time after `waits`; its commands, and how long it waited each time. */
function runDaily(options: { at: string; newest?: string; time?: string; waits: number }) {
  const folder = createTestFolder("daily");
  mkdirSync(join(folder, "backups"));
  if (options.newest !== undefined) mkdirSync(join(folder, "backups", options.newest));
  writeFiles(folder, { now: `${Date.parse(options.at) / 1000}` });
  const standIns = createStandIns(folder, {
    groundcrew: "",
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
    const day = [BACKUP, TEST, `sleep ${24 * 3600}`];
    expect(calls).toEqual([`sleep ${15 * 3600}`, ...day, ...day]);
  });

  test("makes none only by a setting, and refuses what is no time", () => {
    expect(runDaily({ at: "2026-11-23T12:00:00Z", time: "off", waits: 1 }).calls).toEqual(["sleep infinity"]);
    const wrong = runDaily({ at: "2026-11-23T12:00:00Z", time: "25:00", waits: 1 });
    expect([wrong.status, wrong.calls]).toEqual([78, []]);
  });
});
