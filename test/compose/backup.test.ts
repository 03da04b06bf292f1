import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseBackupName } from "../../runtime/backup/manifest.ts";
import { HOUR, type Ms } from "../../shared/time.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../support/postgres-server.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";
import { createAccount, createComposeServer, ENV_FILE } from "./backup-server.ts";

const FULL = Boolean(process.env["FULL"]);
const LIMIT_MS = 120_000;
/** A word that a shell would run. */
const OWNED = `--tag=$(touch$${"{IFS}"}owned)`;
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
    expect(parts.sort()).toEqual(["database", "secrets", "settings", "uploads"]);
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

  test.skipIf(!FULL)("use the shared PostgreSQL with the account of Plane", () => {
    const server = createServer(["groundcrew", "shared-database", "api"]);
    const before = postgres.query(ROWS, account);
    const saved = server.run("backup");
    expect(saved.status, saved.stderr).toBe(0);
    const [name = ""] = server.listBackups();
    expect(saved.stdout).toContain(name);
    postgres.query("UPDATE issues SET name = 'changed'", account);
    const restored = server.run("restore", [name, "--yes"]);
    expect(restored.status, restored.stderr).toBe(0);
    expect(postgres.query(ROWS, account)).toBe(before);
    expect(postgres.query("SELECT tableowner FROM pg_tables WHERE tablename = 'issues'", account)).toBe("plane");
  });

  test("make no backup when the dump breaks off", () => {
    const server = createServer();
    const { status, stderr } = server.run("backup", [], { breaks: { service: "postgres", after: 3_000 } });
    expect(status).not.toBe(0);
    expect(stderr).toContain("The dump on standard input is incomplete");
    expect(readdirSync(server.path("volumes/backups"))).toEqual([".lock"]);
  });

  test.skipIf(!FULL)("leave everything as it was when a backup is damaged, and stop nothing", () => {
    const server = createServer();
    expect(server.run("backup").status).toBe(0);
    const [name = ""] = server.listBackups();
    writeFileSync(server.path(`volumes/backups/${name}/database.dump`), "PGDMP, but no more");
    const before = postgres.query(ROWS, account);
    const { status, stderr } = server.run("restore", [name, "--yes"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("database.dump was changed. Nothing was changed.");
    expect(server.listCalls().map(([, verb]) => verb)).not.toContain("stop");
    expect(postgres.query(ROWS, account)).toBe(before);
  });

  test.skipIf(!FULL)("start everything again when the backup is of another installation", () => {
    const server = createServer();
    expect(server.run("backup").status).toBe(0);
    const [name = ""] = server.listBackups();
    const before = postgres.query(ROWS, account);
    const manifest = server.path(`volumes/backups/${name}/manifest.json`);
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace("javisi", "others"));
    const { status, stderr } = server.run("restore", [name, "--yes"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("With --other-installation it is restored nevertheless.");
    expect(stderr).toContain("everything was started again");
    expect(server.listCalls().at(-1)).toEqual(["compose", "up", "-d"]);
    expect(postgres.query(ROWS, account)).toBe(before);
  });

  test("leave the database as it was when its dump cannot be restored completely", () => {
    const server = createServer();
    const before = postgres.query(ROWS, account);
    const dump = execFileSync(join(POSTGRES_PROGRAMS, "pg_dump"), ["--format=custom"], { env: account });
    const half = dump.subarray(0, dump.length - 5_000);
    const { status } = spawnSync("sh", [server.path("runtime/backup/restore-database")], {
      env: { ...account, PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}` },
      input: half,
    });
    expect(status).not.toBe(0);
    expect(postgres.query(ROWS, account)).toBe(before);
  });

  test("restore with programs of PostgreSQL 17 or later into an older server", () => {
    const server = createServer();
    const line = "SET transaction_timeout = 0;";
    postgres.query(`CREATE TABLE lines AS SELECT '${line}'::text AS line`, account);
    const before = postgres.query(ROWS, account);
    const dump = execFileSync(join(POSTGRES_PROGRAMS, "pg_dump"), ["--format=custom"], { env: account });
    postgres.query("DROP TABLE issues, lines", account);
    // They write this line before everything else. A server before 17 refuses it.
    const program = `#!/bin/sh
set -o pipefail
${POSTGRES_PROGRAMS}/pg_restore "$@" | awk '{ print } /^SET lock_timeout/ && !done { print "${line}"; done = 1 }'
`;
    writeFileSync(server.path("bin/pg_restore"), program.replace("/bin/sh", "/bin/bash"));
    chmodSync(server.path("bin/pg_restore"), 0o755);
    const restore = (input: Buffer) =>
      spawnSync("sh", [server.path("runtime/backup/restore-database")], {
        env: { ...account, PATH: `${server.path("bin")}:${POSTGRES_PROGRAMS}:${process.env["PATH"]}` },
        input,
        encoding: "utf8",
      });
    expect(restore(dump).stderr).toBe("");
    expect(postgres.query(ROWS, account)).toBe(before);
    expect(postgres.query("SELECT line FROM lines", account)).toBe(line);
    postgres.query("DROP TABLE lines", account);
    expect(restore(dump.subarray(0, dump.length - 5_000)).status).not.toBe(0);
    expect(postgres.query("SELECT count(*) FROM pg_tables WHERE tablename = 'lines'", account)).toBe("0");
  });

  test.skipIf(!FULL)("ask on a terminal only, and refuse a backup that does not exist", () => {
    const server = createServer();
    expect(server.run("backup").status).toBe(0);
    const [name = ""] = server.listBackups();
    const unasked = server.run("restore", [name]);
    expect(unasked.stderr).toContain("confirmed on a terminal, or with --yes. Nothing was changed.");
    expect(unasked.status).toBe(64);
    expect(server.run("restore", ["2026-01-01T00-00-00Z", "--yes"]).stderr).toContain("does not exist");
    expect(server.run("restore", ["a/b"]).stderr).toContain("absolute path");
  });

  test("record which backup BACKUP_AFTER has copied, for a product that does not know BACKUP_AFTER", async () => {
    const server = createServer(["groundcrew"]);
    const folder = server.path("volumes/backups");
    const after = `BACKUP_AFTER=cp -R {backup} ${server.path("elsewhere")}/.\n`;
    writeFileSync(server.path("compose/.env"), `${ENV_FILE}BACKUP_FOLDER=${folder}\n${after}`);
    const scrape = async (clock: () => Ms) => {
      const runtime = await startTestRuntime({ env: { BACKUP_FOLDER: folder }, overrides: { clock } });
      const text = await (await fetch(`${runtime.url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
      return /^groundcrew_backup_copy_age_seconds (\S+)$/m.exec(text)?.[1];
    };
    const failed = server.run("backup");
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("was made, but BACKUP_AFTER failed");
    expect(await scrape(Date.now)).toMatch(/^\+?Inf$/);

    rmSync(join(folder, server.listBackups()[0] ?? ""), { recursive: true });
    mkdirSync(server.path("elsewhere"));
    const saved = server.run("backup", ["--json"]);
    expect(saved.status, saved.stderr).toBe(0);
    const { name } = JSON.parse(saved.stdout);
    expect(readdirSync(server.path("elsewhere"))).toEqual([name]);
    const record = readFileSync(join(folder, ".last-copy.json"), "utf8");
    expect(JSON.parse(record)).toMatchObject({ backup: name });
    expect(statSync(join(folder, ".last-copy.json")).mode & 0o777).toBe(0o600);
    const began = parseBackupName(name) ?? 0;
    expect(await scrape(() => began + 30 * HOUR)).toBe("108000");

    rmSync(join(folder, name), { recursive: true });
    rmSync(server.path("elsewhere"), { recursive: true });
    expect(server.run("backup").status).toBe(1);
    expect(readFileSync(join(folder, ".last-copy.json"), "utf8")).toBe(record);

    writeFileSync(server.path("compose/.env"), `${ENV_FILE}BACKUP_FOLDER=${folder}\n`);
    rmSync(join(folder, server.listBackups()[0] ?? ""), { recursive: true });
    expect(server.run("backup").status).toBe(0);
    expect(await scrape(Date.now)).toBeUndefined();
  });

  test.skipIf(!FULL)("run BACKUP_AFTER on the host, word by word and without a shell", () => {
    const server = createServer();
    const target = server.path("sent");
    writeFileSync(
      server.path("bin/restic"),
      `#!/bin/sh\nfor word in "$@"; do printf '%s\\n' "$word"; done >${target}\n`,
    );
    chmodSync(server.path("bin/restic"), 0o755);
    const folder = server.path("volumes/backups");
    const after = `BACKUP_AFTER=restic backup ${OWNED} {backup} ; * from={folder} to={name}\n`;
    writeFileSync(server.path("compose/.env"), `${ENV_FILE}BACKUP_FOLDER=${folder}\n${after}`);
    const { status, stderr } = server.run("backup");
    expect(status, stderr).toBe(0);
    const [name] = server.listBackups();
    expect(readFileSync(target, "utf8").trim().split("\n")).toEqual([
      "backup",
      OWNED,
      `${folder}/${name}`,
      ";",
      "*",
      `from=${folder}`,
      `to=${name}`,
    ]);
    expect(existsSync(server.path("compose/owned"))).toBe(false);
    writeFileSync(server.path("bin/restic"), "#!/bin/sh\nexit 3\n");
    rmSync(join(folder, name ?? ""), { recursive: true });
    const failed = server.run("backup");
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("was made, but BACKUP_AFTER failed");
    expect(server.listBackups()).toHaveLength(1);
  });
});
