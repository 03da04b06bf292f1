import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres, type TestPostgres } from "../support/postgres-server.ts";

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

  test("MONITOR-03: an administrator with the right to create roles can create the exporter's user", () => {
    query("CREATE ROLE roles LOGIN CREATEROLE PASSWORD 'roles'");
    const env = { PGUSER: "roles", PGPASSWORD: "roles", MONITOR_USER: "theirs_monitor", MONITOR_PASSWORD: "x" };
    const { status, stderr } = createDatabase(env);
    expect(status, stderr).toBe(0);
  });
});
