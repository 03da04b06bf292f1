import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPostgres, POSTGRES_BIN, startPostgres, type TestPostgres } from "../support/postgres-server.ts";

const PLANE = {
  PLANE_DATABASE: "plane_production",
  PLANE_USER: "plane",
  PLANE_PASSWORD: 'it\'s "a" $HOME; DROP ROLE x',
};

describe.skipIf(!hasPostgres())("INFRA-02: compose/create-database", () => {
  let postgres: TestPostgres;

  const createDatabase = (env: Record<string, string> = {}) =>
    spawnSync("sh", ["compose/create-database"], {
      env: { PATH: `${POSTGRES_BIN}:${process.env["PATH"]}`, ...postgres.admin, ...PLANE, ...env },
      encoding: "utf8",
    });
  const query = (sql: string, env: Record<string, string> = {}) => postgres.query(sql, env);

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
});
