import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "./redis-server.ts";

/** The programs of an installed PostgreSQL; in CI there is one. */
export const POSTGRES_PROGRAMS = globSync("/usr/lib/postgresql/*/bin").at(-1) ?? "";
/** PostgreSQL refuses to run as root. */
const AS_USER = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];

export type TestPostgres = Awaited<ReturnType<typeof startPostgres>>;

/** Whether PostgreSQL is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasPostgres(): boolean {
  return Boolean(process.env["CI"]) || existsSync(join(POSTGRES_PROGRAMS, "initdb"));
}

/** Starts an empty PostgreSQL that asks for passwords, on a free port of 127.0.0.1. */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-postgres-"));
  chmodSync(folder, 0o777);
  const admin = { PGHOST: "127.0.0.1", PGPORT: String(await findFreePort()), PGUSER: "admin", PGPASSWORD: "secret" };
  const data = join(folder, "data");
  const run = (...command: string[]) => {
    const [program = "", ...options] = [...AS_USER, ...command];
    execFileSync(program, options, { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
  };
  const runProgram = (name: string, ...options: string[]) => run(join(POSTGRES_PROGRAMS, name), "-D", data, ...options);
  run("sh", "-c", `printf secret > ${folder}/password`);
  runProgram("initdb", "-U", "admin", `--pwfile=${folder}/password`, "-A", "scram-sha-256", "--no-sync");
  const options = `-c listen_addresses=127.0.0.1 -c port=${admin.PGPORT} -c unix_socket_directories= -c fsync=off`;
  runProgram("pg_ctl", "-w", "-l", join(folder, "log"), "-o", options, "start");
  /** Runs a statement as the administrator, or as these variables say; returns unaligned rows. */
  const query = (sql: string, env: Record<string, string> = {}) =>
    execFileSync(join(POSTGRES_PROGRAMS, "psql"), ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], {
      env: { PGDATABASE: "postgres", ...admin, ...env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  return {
    admin,
    query,
    /** Creates the database of Plane and its user; returns the user's variables and the address. */
    createPlaneDatabase(password = "plane") {
      query(`CREATE ROLE plane LOGIN PASSWORD '${password}'`);
      query("CREATE DATABASE plane_production OWNER plane");
      const account = { PGUSER: "plane", PGPASSWORD: password, PGDATABASE: "plane_production" };
      const url = `postgresql://plane:${encodeURIComponent(password)}@127.0.0.1:${admin.PGPORT}/plane_production`;
      return { account, url };
    },
    stop: () => {
      runProgram("pg_ctl", "-m", "immediate", "stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
