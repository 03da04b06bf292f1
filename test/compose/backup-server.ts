import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { EMPTY_STORE } from "../runtime/backup/backup-machine.ts";
import { POSTGRES_PROGRAMS, type TestPostgres } from "../support/postgres-server.ts";
import { startProgram } from "../support/program.ts";
import { createTestFolder, type OnEnd, writeFiles, writeScripts } from "../support/test-folder.ts";

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
  }: { services?: readonly string[]; onEnd?: OnEnd } = {},
) {
  const folder = createTestFolder("compose", onEnd);
  const path = (name: string) => join(folder, name);
  for (const name of ["container", "volumes/data/agents", "volumes/backups"])
    mkdirSync(path(name), { recursive: true });
  const scripts = ["backup", "restore", "dot-env", "setup-checks", "create-database"].map((name) => `compose/${name}`);
  for (const name of [...scripts, "runtime/backup/dump-database", "runtime/backup/restore-database"])
    cpSync(name, path(name));
  const standIn = resolve("test/compose/docker-containers.ts");
  writeScripts(path("bin"), {
    docker: `exec ${process.execPath} --disable-warning=ExperimentalWarning ${standIn} "$@"`,
  });
  writeFiles(folder, {
    "compose/.env": "PLANE_WORKSPACE=javisi\n",
    "volumes/data/secrets.json": { ADMIN_TOKEN: "marked-secret-admin-token" },
    "volumes/data/store/groundcrew.db": EMPTY_STORE,
    "volumes/uploads/b/picture.png": "a picture",
  });
  mkdirSync(path("exchange"), { mode: 0o700 });
  const PATH = `${path("bin")}:${POSTGRES_PROGRAMS}:${process.env["PATH"]}`;
  // The container with PostgreSQL's programs.
  const serverEnv = { ...account, EXCHANGE: path("exchange"), SCRIPTS: resolve("runtime/backup") };
  startProgram(["sh", resolve("compose/serve-database")], { env: { PATH, ...serverEnv }, onEnd });
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
      const options = { env: { PATH, STAND_IN: JSON.stringify(config) }, encoding: "utf8", input: "" } as const;
      return spawnSync("sh", [path(`compose/${script}`), ...args], options);
    },
    listBackups: () => readdirSync(path("volumes/backups")).filter((name) => !name.startsWith(".")),
    listCalls: (): string[][] => JSON.parse(`[${readFileSync(path("calls"), "utf8").trim().replaceAll("\n", ",")}]`),
  };
}
