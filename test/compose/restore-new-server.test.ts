import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../support/postgres-server.ts";
import { createAccount, createComposeServer } from "./backup-server.ts";

const ROWS = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";
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
      { services: ["groundcrew", "api", "storage", database] },
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

  test("leaves no .env behind when the backup is refused", () => {
    const server = createNewServer("postgres", "plane");
    writeFileSync(join(server.backup, "manifest.json"), '{"kind":"other"}');
    const { status, stderr } = server.run("restore", [server.backup, "--yes"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("is of another program. Nothing was changed.");
    expect(readdirSync(server.path("compose")).filter((name) => name.startsWith(".env"))).toEqual([]);
  });
});
