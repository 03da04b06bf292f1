import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { EMPTY_STORE } from "../runtime/backup/backup-machine.ts";
import { POSTGRES_PROGRAMS, type TestPostgres } from "../support/postgres-server.ts";

/** The PostgreSQL that the containers use. */
interface Databases {
  admin: TestPostgres["admin"];
  /** Plane's own user, and its database. */
  account: TestPostgres["admin"] & { PGDATABASE: string };
}

/** The account of Plane in a PostgreSQL. */
export function createAccount({ admin }: TestPostgres, password = "plane"): Databases["account"] {
  return { ...admin, PGUSER: "plane", PGPASSWORD: password, PGDATABASE: "plane_production" };
}

/**
 * A server with compose/ and a docker that runs on this machine what containers would run. `onEnd` removes it at the end
 * of the test by default.
 */
export function createComposeServer(
  { admin, account }: Databases,
  {
    services = ["groundcrew", "api", "storage", "postgres", "backup-database"],
    onEnd = onTestFinished,
  }: { services?: readonly string[]; onEnd?: (clean: () => void) => void } = {},
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-compose-")));
  onEnd(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  for (const name of [
    "compose",
    "runtime/backup",
    "bin",
    "container",
    "volumes/data/agents",
    "volumes/data/store",
    "volumes/uploads/b",
    "volumes/backups",
  ])
    mkdirSync(path(name), { recursive: true });
  for (const name of ["backup", "restore", "dot-env", "setup-checks", "create-database"])
    cpSync(`compose/${name}`, path(`compose/${name}`));
  for (const name of ["dump-database", "restore-database"])
    cpSync(`runtime/backup/${name}`, path(`runtime/backup/${name}`));
  const standIn = resolve("test/compose/docker-containers.ts");
  const wrapper = `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning ${standIn} "$@"\n`;
  writeFileSync(path("bin/docker"), wrapper);
  chmodSync(path("bin/docker"), 0o755);
  writeFileSync(path("compose/.env"), "PLANE_WORKSPACE=javisi\n", { mode: 0o600 });
  writeFileSync(path("volumes/data/secrets.json"), '{"ADMIN_TOKEN":"marked-secret-admin-token"}', { mode: 0o600 });
  writeFileSync(path("volumes/data/store/groundcrew.db"), EMPTY_STORE);
  writeFileSync(path("volumes/uploads/b/picture.png"), "a picture");
  mkdirSync(path("exchange"), { mode: 0o700 });
  // The container with PostgreSQL's programs.
  const server = spawn("sh", [resolve("compose/serve-database")], {
    env: {
      PATH: `${path("bin")}:${POSTGRES_PROGRAMS}:${process.env["PATH"]}`,
      ...{ ...account, EXCHANGE: path("exchange"), SCRIPTS: resolve("runtime/backup") },
    },
    stdio: "ignore",
  });
  onEnd(() => void server.kill());
  const shared = { PLANE_USER: account.PGUSER, PLANE_PASSWORD: account.PGPASSWORD, PLANE_DATABASE: account.PGDATABASE };
  const groundcrew = {
    ...{ SECRETS_FILE: path("volumes/data/secrets.json"), STORE_URL: `file:${path("volumes/data/store")}` },
    ...{ BACKUP_FOLDER: path("volumes/backups"), PLANE_URL: "https://work.example.com" },
    ...{ PLANE_WORKSPACE: "javisi", PORT: "1" },
  };
  const config = {
    log: path("calls"),
    services,
    cwd: path("container"),
    env: {
      groundcrew,
      backup: {
        ...groundcrew,
        BACKUP_UPLOADS: services.includes("storage") ? path("volumes/uploads") : "",
        BACKUP_DATABASE_PIPES: services.includes("backup-database") ? path("exchange") : "",
      },
      postgres: account,
      "shared-database": { ...admin, ...shared },
    },
    commands: { "shared-database": ["sh", path("compose/create-database")] },
    volumes: { groundcrew_uploads: path("volumes/uploads") },
    mounts: { "/backups": path("volumes/backups") },
  };
  return {
    path,
    read: (name: string) => readFileSync(path(name), "utf8"),
    run(script: "backup" | "restore", args: readonly string[] = []) {
      return spawnSync("sh", [path(`compose/${script}`), ...args], {
        env: {
          PATH: `${path("bin")}:${POSTGRES_PROGRAMS}:${process.env["PATH"]}`,
          STAND_IN: JSON.stringify(config),
        },
        encoding: "utf8",
        input: "",
      });
    },
    listBackups: () => readdirSync(path("volumes/backups")).filter((name) => !name.startsWith(".")),
    listCalls: (): string[][] =>
      readFileSync(path("calls"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
  };
}
