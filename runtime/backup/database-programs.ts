import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { getErrorMessage } from "../../shared/errors.ts";
import { createBackupError, createRefusal } from "./backup-error.ts";
import { openRegularFile, type WrittenFile, writeStream } from "./copy-files.ts";

/** Limit of what is repeated of a program's error messages, in characters. */
const MAX_ERROR_LENGTH = 2_000;

/** The end of a dump on standard input, which its writer adds only when the dump is complete. */
export const DUMP_END = "\ngroundcrew: end of dump\n";

/** How a program of PostgreSQL is started. */
export interface DatabaseAccess {
  /** `postgresql://<user>:<password>@<host>:<port>/<database>` */
  url: string;
  /** The rest of the program's environment. */
  env: Record<string, string>;
}

/** Dumps the database to a new file below `root`, by pg_dump. Throws when pg_dump is missing or fails. */
export async function dumpDatabase(access: DatabaseAccess, root: string, path: string): Promise<WrittenFile> {
  const child = startScript("dump-database", access);
  child.stdin.end();
  const [written, failure] = await Promise.all([writeStream(root, path, child.stdout), child.failure]);
  if (failure !== undefined) throw createBackupError(describeProgramError("pg_dump", failure));
  return written;
}

/**
 * Stores a dump that another program writes to standard input, with DUMP_END behind it. Throws when that is missing,
 * because the dump is then incomplete.
 */
export async function receiveDump(input: AsyncIterable<Uint8Array>, root: string, path: string): Promise<WrittenFile> {
  return writeStream(root, path, removeEnd(input));
}

async function* removeEnd(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const end = Buffer.from(DUMP_END);
  let tail = Buffer.alloc(0);
  for await (const chunk of input) {
    const text = Buffer.concat([tail, chunk]);
    const cut = Math.max(0, text.length - end.length);
    if (cut > 0) yield text.subarray(0, cut);
    tail = Buffer.from(text.subarray(cut));
  }
  if (!tail.equals(end))
    throw createBackupError("The dump on standard input is incomplete: the program that writes it has failed.");
}

/** Checks that pg_restore can read the dump's contents and that the database can be reached; changes nothing. */
export async function checkDatabase(access: DatabaseAccess, dump: string): Promise<void> {
  const list = startProgram("pg_restore", ["--list"], access);
  const listFailure = await feed(list, dump);
  if (listFailure !== undefined) throw createRefusal(describeProgramError("pg_restore", listFailure));
  const probe = startProgram("psql", ["--no-psqlrc", "--no-password", "--quiet", "--command=SELECT 1"], access);
  probe.stdin.end();
  probe.stdout.resume();
  const probeFailure = await probe.failure;
  if (probeFailure !== undefined) throw createRefusal(describeProgramError("psql", probeFailure));
}

/** Replaces the database's content by the dump, in one transaction. Throws when it stays as it was. */
export async function restoreDatabase(access: DatabaseAccess, dump: string): Promise<void> {
  const failure = await feed(startScript("restore-database", access), dump);
  if (failure !== undefined)
    throw createBackupError(`The database was left as it was. ${describeProgramError("pg_restore", failure)}`);
}

type Program = ReturnType<typeof startProgram>;

function startScript(name: "dump-database" | "restore-database", access: DatabaseAccess): Program {
  return startProgram("sh", [fileURLToPath(new URL(`./${name}`, import.meta.url))], access);
}

function startProgram(file: string, args: readonly string[], { url, env }: DatabaseAccess) {
  const child = spawn(file, args, { env: { ...env, ...toLibpqEnvironment(url) }, stdio: "pipe" });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_LENGTH);
  });
  child.stdin.on("error", () => {});
  /** Resolves when it has ended: undefined after a success. */
  const failure = new Promise<string | undefined>((resolve) => {
    child.once("error", (thrown) => resolve(getErrorMessage(thrown)));
    child.once("close", (code, signal) => {
      resolve(code === 0 ? undefined : errors.trim() || `it ended with ${signal ?? `exit code ${code}`}`);
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, failure };
}

/** Writes a file to a program's standard input and returns why the program failed. */
async function feed({ stdin, stdout, failure }: Program, path: string): Promise<string | undefined> {
  const file = await openRegularFile(path);
  try {
    stdout.resume();
    // A program that has read enough closes its input early; whether it failed, it says itself.
    await pipeline(file.createReadStream(), stdin).catch(() => {});
    return await failure;
  } finally {
    await file.close();
  }
}

/** The variables of libpq for a URL, because arguments can be read by others on the machine. */
function toLibpqEnvironment(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const sslMode = searchParams.get("sslmode");
  return {
    PGHOST: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, "$1"),
    PGPORT: port || "5432",
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGCONNECT_TIMEOUT: "10",
    ...(sslMode === null ? {} : { PGSSLMODE: sslMode }),
  };
}

function describeProgramError(program: string, failure: string): string {
  const install =
    "install PostgreSQL's client programs (Debian: postgresql-client) of the server's version or a later one";
  if (/(pg_dump|pg_restore|psql): not found|spawn \w+ ENOENT/.test(failure))
    return `${program} is not installed: ${install}.`;
  if (/server version mismatch|unsupported version/.test(failure)) return `${program} is too old: ${install}.`;
  return `${program} failed: ${failure.split("\n").slice(0, 5).join(" ")}`;
}
