import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "./redis-server.ts";

/** The programs of an installed PostgreSQL; in CI there is one. */
export const POSTGRES_BIN = globSync("/usr/lib/postgresql/*/bin").at(-1) ?? "";
/** PostgreSQL refuses to run as root. */
const AS_USER = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];

export type TestPostgres = Awaited<ReturnType<typeof startPostgres>>;

/** Whether PostgreSQL is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasPostgres(): boolean {
  return Boolean(process.env["CI"]) || existsSync(join(POSTGRES_BIN, "initdb"));
}

/** Starts a PostgreSQL of its own on a free port of 127.0.0.1, with the administrator `admin`. */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-postgres-"));
  chmodSync(folder, 0o777);
  const port = String(await findFreePort());
  /** Variables of libpq with which its administrator connects. */
  const admin: Record<string, string> = { PGHOST: "127.0.0.1", PGPORT: port, PGUSER: "admin", PGPASSWORD: "secret" };
  const data = join(folder, "data");
  const run = (...command: string[]) => {
    const [program = "", ...options] = [...AS_USER, ...command];
    execFileSync(program, options, { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
  };
  run("sh", "-c", `printf secret > ${folder}/password`);
  const access = ["-U", "admin", `--pwfile=${folder}/password`, "-A", "scram-sha-256"];
  run(join(POSTGRES_BIN, "initdb"), "-D", data, ...access, "--no-sync");
  const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories= -c fsync=off`;
  run(join(POSTGRES_BIN, "pg_ctl"), "-D", data, "-w", "-l", join(folder, "log"), "-o", options, "start");
  return {
    port,
    admin,
    /** Runs SQL and returns its rows, with columns separated by `|`. */
    query: (sql: string, env: Record<string, string> = {}) =>
      execFileSync(join(POSTGRES_BIN, "psql"), ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], {
        env: { PGDATABASE: "postgres", ...admin, ...env },
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }).trim(),
    stop() {
      run(join(POSTGRES_BIN, "pg_ctl"), "-D", data, "-m", "immediate", "stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
