import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFreePort } from "../support/redis-server.ts";

/** The programs of an installed PostgreSQL; in CI there is one. */
const BIN = globSync("/usr/lib/postgresql/*/bin").at(-1) ?? "";
/** PostgreSQL refuses to run as root. */
const AS_USER = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];

const PLANE = {
  PLANE_DATABASE: "plane_production",
  PLANE_USER: "plane",
  PLANE_PASSWORD: 'it\'s "a" $HOME; DROP ROLE x',
};

describe.skipIf(!process.env["CI"] && !existsSync(join(BIN, "initdb")))("INFRA-02: compose/create-database", () => {
  let folder = "";
  let admin: Record<string, string> = {};

  const run = (...command: string[]) => {
    const [program = "", ...options] = [...AS_USER, ...command];
    execFileSync(program, options, { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
  };
  const createDatabase = (env: Record<string, string> = {}) =>
    spawnSync("sh", ["compose/create-database"], {
      env: { PATH: `${BIN}:${process.env["PATH"]}`, ...admin, ...PLANE, ...env },
      encoding: "utf8",
    });
  const query = (sql: string, env: Record<string, string> = {}) =>
    execFileSync(join(BIN, "psql"), ["-X", "-A", "-t", "-c", sql], {
      env: { PGDATABASE: "postgres", ...admin, ...env },
      encoding: "utf8",
    }).trim();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundcrew-postgres-"));
    chmodSync(folder, 0o777);
    const port = String(await findFreePort());
    admin = { PGHOST: "127.0.0.1", PGPORT: port, PGUSER: "admin", PGPASSWORD: "secret" };
    const data = join(folder, "data");
    run("sh", "-c", `printf secret > ${folder}/password`);
    run(
      join(BIN, "initdb"),
      "-D",
      data,
      "-U",
      "admin",
      `--pwfile=${folder}/password`,
      "-A",
      "scram-sha-256",
      "--no-sync",
    );
    const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories= -c fsync=off`;
    run(join(BIN, "pg_ctl"), "-D", data, "-w", "-l", join(folder, "log"), "-o", options, "start");
  }, 60_000);

  afterAll(() => {
    run(join(BIN, "pg_ctl"), "-D", join(folder, "data"), "-m", "immediate", "stop");
    rmSync(folder, { recursive: true, force: true });
  });

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

  test("uses a user that exists already, with their password", () => {
    query("CREATE ROLE theirs LOGIN PASSWORD 'shared'");
    const given = { PLANE_USER: "theirs", PLANE_PASSWORD: "shared", PLANE_DATABASE: "other" };
    expect(createDatabase(given).status).toBe(0);
    expect(query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'other'")).toBe("theirs");
  });

  test("fails when the password is not the user's, and leaves that as it is", () => {
    query("CREATE ROLE kept LOGIN PASSWORD 'right'");
    const { status, stderr } = createDatabase({ PLANE_USER: "kept", PLANE_PASSWORD: "wrong", PLANE_DATABASE: "kept" });
    expect(status).not.toBe(0);
    expect(stderr).toContain("password authentication failed");
    expect(query("SELECT 1", { PGUSER: "kept", PGPASSWORD: "right" })).toBe("1");
  });

  test("works for an administrator that is no superuser", () => {
    query("CREATE ROLE limited LOGIN CREATEDB CREATEROLE PASSWORD 'limited'");
    const { status, stderr } = createDatabase({
      PGUSER: "limited",
      PGPASSWORD: "limited",
      PLANE_USER: "small",
      PLANE_DATABASE: "small",
    });
    expect(status, stderr).toBe(0);
  });

  test("treats names as names", () => {
    const name = 'x"; DROP ROLE plane; --';
    expect(createDatabase({ PLANE_USER: name, PLANE_DATABASE: name }).status).toBe(0);
    expect(query("SELECT count(*) FROM pg_roles WHERE rolname = 'plane'")).toBe("1");
  });
});
