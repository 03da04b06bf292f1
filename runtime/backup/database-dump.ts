/**
 * Plane's database: dumped and restored by PostgreSQL's own programs, streamed and checked to be complete; the
 * versions in a dump's header.
 */

import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { getProductFile } from "../node/files.ts";
import { waitForProgram } from "../node/programs.ts";
import { type WrittenFile, withRegularFile, writeStream } from "./files.ts";
import { type BackupManifest, createBackupError, createRefusal } from "./manifest.ts";

interface DatabaseAccess {
  /**
   * `postgresql://<user>:<password>@<host>:<port>/<database>`, or `pipe:<folder>` where a container beside this one has
   * PostgreSQL's programs (compose/serve-database).
   */
  url: string;
  env: Record<string, string>;
}

/** Limit of what is repeated of a program's error messages, in characters. */
const MAX_ERROR_LENGTH = 2_000;

/** The end of a dump on standard input, which its writer adds only when the dump is complete. */
const DUMP_END = "\ngroundcrew: end of dump\n";

/** Begins the address of a database that is reached through a folder of named pipes. */
const PIPE = "pipe:";

/** Length of a header's beginning that contains both versions: 4 KiB, several times what is needed. */
export const DUMP_HEADER_BYTES = 4_096;

const MAGIC = "PGDMP";

/** The only format that is written: custom, in one file; its integers have a sign and four bytes. */
const CUSTOM_FORMAT = 1;

const INTEGER_BYTES = 5;

/** From version 1.15 of the archive on, the compression is one byte instead of a number (PostgreSQL 16). */
const FIRST_WITH_COMPRESSION_BYTE = 0x010f;

/** Numbers of the time of the dump. */
const TIME_NUMBERS = 7;

/** Dumps the database to a new file below `root`, by pg_dump. Throws when pg_dump is missing or fails. */
export async function dumpDatabase(access: DatabaseAccess, root: string, path: string): Promise<WrittenFile> {
  const child = startScript("dump-database", access);
  child.stdin.end();
  const isPiped = access.url.startsWith(PIPE);
  const [written, failure] = await Promise.allSettled([
    isPiped ? receiveDump(child.stdout, root, path) : writeStream(root, path, child.stdout),
    child.failure,
  ]);
  if (failure.status === "fulfilled" && failure.value !== undefined)
    throw createBackupError(describeProgramError("pg_dump", failure.value));
  if (written.status === "rejected") throw written.reason;
  return written.value;
}

function startScript(name: "dump-database" | "restore-database" | "test-database", access: DatabaseAccess): Program {
  const findScript = (script: string) => fileURLToPath(getProductFile(`runtime/backup/${script}`));
  return access.url.startsWith(PIPE)
    ? startProgram("sh", [findScript("ask-database"), access.url.slice(PIPE.length), name], access)
    : startProgram("sh", [findScript(name)], access);
}

function startProgram(file: string, args: readonly string[], { url, env }: DatabaseAccess) {
  const child = spawn(file, args, { env: { ...env, ...toLibpqEnvironment(url) }, stdio: "pipe" });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_LENGTH);
  });
  child.stdin.on("error", () => {});
  const failure = waitForProgram(
    child,
    (code, signal) => errors.trim() || `it ended with ${signal ?? `exit code ${code}`}`,
  );
  return { stdin: child.stdin, stdout: child.stdout, failure };
}

type Program = ReturnType<typeof startProgram>;

/** The variables of libpq for a URL, because arguments can be read by others on the machine. */
function toLibpqEnvironment(url: string): Record<string, string> {
  if (url.startsWith(PIPE)) return {};
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

/** Writes a file to a program's standard input and returns why the program failed. */
async function feed({ stdin, stdout, failure }: Program, path: string): Promise<string | undefined> {
  return withRegularFile(path, async (file) => {
    stdout.resume();
    // A program that has read enough closes its input early; whether it failed, it says itself.
    await pipeline(file.createReadStream(), stdin).catch(() => {});
    return failure;
  });
}

/** Replaces the database's content by the dump, in one transaction. Throws when it stays as it was. */
export async function restoreDatabase(access: DatabaseAccess, dump: string): Promise<void> {
  const failure = await feed(startScript("restore-database", access), dump);
  if (failure !== undefined)
    throw createBackupError(`The database was left as it was. ${describeProgramError("pg_restore", failure)}`);
}

/** Restores the dump into a scratch database on the same server, which stays empty. Throws when that fails. */
export async function testDatabase(access: DatabaseAccess, dump: string): Promise<void> {
  const failure = await feed(startScript("test-database", access), dump);
  if (failure !== undefined) throw createBackupError(describeProgramError("pg_restore", failure));
}

/**
 * Reads the header of a dump in pg_dump's custom format (ReadHead in src/bin/pg_dump/pg_backup_archiver.c). Returns
 * the versions of the server and of pg_dump, such as `17.6` and `17.6 (Debian 17.6-1)`; undefined for anything else.
 */
export function readDumpHeader(bytes: Uint8Array): BackupManifest["postgresql"] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isDump = view.toString("latin1", 0, MAGIC.length) === MAGIC;
  if (!isDump || view[8] !== INTEGER_BYTES - 1 || view[10] !== CUSTOM_FORMAT) return undefined;
  const compressionBytes = view.readUInt16BE(5) >= FIRST_WITH_COMPRESSION_BYTE ? 1 : INTEGER_BYTES;
  let at = 11 + compressionBytes + TIME_NUMBERS * INTEGER_BYTES;
  // The name of the database comes first.
  const [, server, dump] = [0, 1, 2].map(() => {
    const start = at + INTEGER_BYTES;
    at = start + (start < view.length ? view.readUInt32LE(start - 4) : 0);
    return at <= view.length ? view.toString("utf8", start, at) : undefined;
  });
  return server && dump ? { server, dump } : undefined;
}
