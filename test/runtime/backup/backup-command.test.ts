import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { STORE_FORMAT } from "../../../shared/store/store-format.ts";
import { DAY, HOUR } from "../../../shared/time.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { writeScripts } from "../../support/test-folder.ts";
import { type BackupMachine, createBackupMachine, fillStore } from "./backup-machine.ts";

const SECRET = /marked-secret/;

/** Puts programs that stand in for real ones on the path, before all others. */
function addPrograms(machine: BackupMachine, programs: Record<string, string>): Record<string, string> {
  writeScripts(join(machine.folder, "bin"), programs);
  return { PATH: `${join(machine.folder, "bin")}:${process.env["PATH"]}` };
}

const createStore = ({ folder }: BackupMachine) =>
  fillStore(`file:${folder}/data`, {
    put: [{ key: "decision:1", value: 1, sets: ["decisions"] }],
    jobs: [{ id: "1", queue: "outbox", lane: "a", body: {} }],
  });

/** What compose/backup writes to the command: the dump, and a line that says that it is whole. */
const endDump = (dump: Buffer) => Buffer.concat([dump, Buffer.from("\ngroundcrew: end of dump\n")]);

/** A dump as pg_dump begins it (archive 1.14, custom format), with bytes that are no text. */
function createDump(server: string) {
  const number = (value: number) => [0, value, 0, 0, 0];
  const words = (word: string) => [...number(word.length), ...Buffer.from(word)];
  const numbers = Array.from({ length: 8 }, () => number(1)).flat();
  const texts = ["plane_production", server, server].flatMap(words);
  return Buffer.from([...Buffer.from("PGDMP"), 1, 14, 0, 4, 8, 1, ...numbers, ...texts, 0, 255, 10, 13, 128]);
}

const listFiles = ({ folder }: BackupMachine) => readdirSync(folder, { recursive: true }).sort();

test("INFRA-05 restore --print writes a file of the backup byte by byte and changes nothing, and refuses what the backup does not have", async () => {
  const machine = createBackupMachine({ BACKUP_COMPOSE_ENV: "DOMAIN=javisi.test\nPASSWORD='a b'" });
  await createStore(machine);
  const dump = createDump("18.1");
  const made = await machine.run(["backup", "--database", "-", "--json"], { stdin: endDump(dump) });
  expect(made.exit, made.err).toBe(0);
  const { name, backup } = JSON.parse(made.out);
  const before = listFiles(machine);
  const [program = "", ...args] = toCommand("cli", "restore", name, "--print", "database");
  const options = { cwd: machine.folder, env: { PATH: process.env["PATH"], ...machine.env } };
  const printed = execFileSync(program, args, options);
  expect([printed.equals(readFileSync(join(backup, "database.dump"))), printed.equals(dump)]).toEqual([true, true]);
  const settings = await machine.run(["restore", name, "--print", "settings"]);
  expect([settings.exit, settings.out]).toEqual([0, "DOMAIN=javisi.test\nPASSWORD='a b'\n"]);
  expect(listFiles(machine)).toEqual(before);
  const other = createBackupMachine();
  await createStore(other);
  await other.backUp();
  // Without a .env of Compose in the backup there is nothing to compare with.
  expect(await other.runHere(["restore", "latest", "--print", "settings"])).toMatchObject({ exit: 0, out: "" });
  const refused = await other.runHere(["restore", "latest", "--print", "database"]);
  expect([refused.exit, refused.out]).toEqual([1, ""]);
  expect(refused.err).toContain("contains no");
  writeFileSync(join(backup, "database.dump"), "PGDMP damaged");
  const damaged = await machine.runHere(["restore", name, "--print", "database"]);
  expect([damaged.exit, damaged.out]).toEqual([1, ""]);
  expect((await machine.runHere(["restore", name, "--print", "store"])).exit).toBe(2);
});

test("INFRA-05 A backup is for its owner only, names what it contains, and no secret is printed", async () => {
  const machine = createBackupMachine({ BACKUP_AFTER: "" });
  await createStore(machine);
  symlinkSync("/etc/passwd", join(machine.folder, "uploads/link"));
  const { exit, out, err } = await machine.runHere(["backup", "--json"]);
  expect(exit, err).toBe(0);
  const result = JSON.parse(out);
  const skipped = [join(machine.folder, "uploads/link")];
  expect(result).toMatchObject({ parts: ["store", "uploads", "secrets"], files: 5, skipped });
  expect(out + err).not.toMatch(SECRET);
  for (const entry of readdirSync(machine.backups, { recursive: true, withFileTypes: true })) {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
    expect(mode, entry.name).toBe(entry.isDirectory() ? 0o700 : 0o600);
  }
  const manifest = JSON.parse(readFileSync(join(result.backup, "manifest.json"), "utf8"));
  expect(manifest).toMatchObject({
    kind: "groundcrew-backup",
    groundcrew: "0.2.0",
    store: { format: STORE_FORMAT },
    plane: { url: "https://work.example.com", workspace: "javisi" },
  });
  expect(readdirSync(machine.folder).filter((name) => name.includes("copy"))).toEqual([]);
});

test("Restored secrets and uploads are those of the backup; what was there is moved aside", async () => {
  const machine = createBackupMachine();
  await createStore(machine);
  const { name } = await machine.backUp();
  machine.write("data/secrets.json", "{}");
  machine.write("uploads/bucket/picture.png", "another picture");
  machine.remove("data/agents");
  const { exit, out, err } = await machine.runHere(["restore", name, "--yes"]);
  expect(exit, err).toBe(0);
  expect(machine.read("data/secrets.json")).toContain("marked-secret-admin-token");
  expect(statSync(join(machine.folder, "data/agents/thot/token")).mode & 0o777).toBe(0o600);
  expect(machine.read("uploads/bucket/picture.png")).toBe("a picture");
  const [aside = ""] = /\/\S*before-restore-\S+Z/.exec(out) ?? [];
  expect(readFileSync(join(aside, "secrets.json"), "utf8")).toBe("{}");
  const names = readdirSync(join(machine.folder, "data"));
  expect(names.filter((file) => file.startsWith("groundcrew.db.before-"))).not.toEqual([]);
  expect(out + err).not.toMatch(SECRET);
  // The store is there without the work that was under way.
  const store = await openStore(`file:${machine.folder}/data`, { prefix: "groundcrew" });
  onTestFinished(() => store.close());
  expect(await store.count("decisions")).toBe(1);
  expect((await store.stats()).queues.outbox.pending).toBe(0);
});

test("A run that is killed leaves no backup and no lock, and the next run removes what it left", async () => {
  const machine = createBackupMachine({ BACKUP_DATABASE_URL: "postgresql://plane:marked-secret@127.0.0.1:1/plane" });
  const path = addPrograms(machine, { pg_dump: `echo PGDMP; touch ${machine.folder}/dumping; exec sleep 600` });
  const env = { ...machine.env, ...path };
  const { kill } = startProgram(toCommand("cli", "backup"), { cwd: machine.folder, env, isGroup: true });
  await expect.poll(() => existsSync(join(machine.folder, "dumping")), { timeout: 60_000 }).toBe(true);
  await kill();
  expect(readdirSync(machine.backups).filter((name) => name.startsWith(".partial-"))).toHaveLength(1);
  expect(machine.listBackups()).toEqual([]);
  const refused = await machine.runHere(["restore", "latest", "--yes"]);
  expect(refused.err).toContain("contains no complete backup");
  machine.env["BACKUP_DATABASE_URL"] = "";
  await machine.backUp();
  expect(readdirSync(machine.backups).sort()).toEqual([".lock", ...machine.listBackups()]);
}, 90_000);

test.each([
  ["is missing", "", /pg_dump is not installed: install PostgreSQL's client programs/],
  [
    "is older than the server",
    "echo 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1",
    /pg_dump is too old: install PostgreSQL's client programs .* of the server's version or a later one/,
  ],
])("No backup is made when pg_dump %s", async (_, body, reason) => {
  const machine = createBackupMachine({ BACKUP_DATABASE_URL: "postgresql://plane:marked-secret@127.0.0.1:1/plane" });
  const env = addPrograms(machine, body === "" ? { sh: 'exec /bin/sh "$@"' } : { pg_dump: body });
  const path = body === "" ? { PATH: join(machine.folder, "bin") } : env;
  const { exit, err } = await machine.runHere(["backup"], path);
  expect(exit).toBe(1);
  expect(err).toMatch(reason);
  expect(err).not.toMatch(SECRET);
  expect(readdirSync(machine.backups)).toEqual([".lock"]);
});

test("A disk that is full leaves no backup, and earlier ones stay", async () => {
  const machine = createBackupMachine();
  await machine.backUp();
  const name = machine.ageBackup(Date.now() - DAY);
  machine.write("uploads/large", "x".repeat(2_000_000));
  // Beyond this size every write fails, as on a full disk.
  const limited = ["sh", "-c", `ulimit -f 1000; exec "$0" "$@"`, ...toCommand("cli", "backup")];
  const { exit, err } = await startProgram(limited, { cwd: machine.folder, env: machine.env }).ended;
  expect([exit, err]).toEqual([1, expect.stringContaining("No backup was made")]);
  expect(readdirSync(machine.backups)).toEqual([".lock", name]);
}, 60_000);

test("BACKUP_AFTER gets the backup's path without a shell and without Groundcrew's secrets", async () => {
  const machine = createBackupMachine({
    BACKUP_AFTER: "rclone copy {backup} remote:{folder}/{name};id",
    RCLONE_CONFIG: "theirs",
    PLANE_API_KEY: "marked-secret-key",
  });
  const sent = join(machine.folder, "sent");
  const programs = { rclone: `printf '%s\\n' "$@" >${sent}; env >>${sent}` };
  const { exit, err } = await machine.run(["backup"], { env: addPrograms(machine, programs) });
  expect(exit, err).toBe(0);
  const [name = ""] = machine.listBackups();
  const text = machine.read("sent");
  const words = ["copy", join(machine.backups, name), `remote:${machine.backups}/${name};id`];
  expect(text.split("\n").slice(0, 3)).toEqual(words);
  expect(text).toContain("RCLONE_CONFIG=theirs");
  expect(text).not.toMatch(SECRET);
  expect(text).not.toContain("BACKUP_AFTER");
});

test("A secret file that is a link is refused, because links are not followed", async () => {
  const machine = createBackupMachine();
  machine.remove("data/secrets.json");
  symlinkSync("/etc/hostname", join(machine.folder, "data/secrets.json"));
  const { exit, err } = await machine.runHere(["backup"]);
  expect(exit).not.toBe(0);
  expect(err).toContain("is a symbolic link");
  expect(machine.listBackups()).toEqual([]);
});

test("INFRA-05 A backup fails when a folder that the last one has files of is not mounted, and leaves nothing behind", async () => {
  const machine = createBackupMachine();
  await machine.backUp("--scheduled");
  const name = machine.ageBackup(Date.now() - HOUR);
  machine.remove("uploads");
  // As Docker leaves it: the folder is there and empty.
  mkdirSync(join(machine.folder, "uploads"));
  const { exit, err } = await machine.runHere(["backup", "--scheduled"]);
  expect(exit).toBe(1);
  expect(err).toContain(`it would have no uploads, which ${name} has`);
  expect(readdirSync(machine.backups).sort()).toEqual([name, ".lock"].sort());
});

test("INFRA-05 A backup fails when the setting of a part is lost, unless a person leaves the part out", async () => {
  const machine = createBackupMachine();
  await machine.backUp();
  machine.ageBackup(Date.now() - 2 * HOUR);
  machine.env["BACKUP_UPLOADS"] = "";
  const refused = { exit: 1, err: expect.stringContaining("--without uploads") };
  expect(await machine.runHere(["backup"])).toMatchObject(refused);
  expect((await machine.backUp("--without", "uploads")).parts).toEqual(["store", "secrets"]);
});

test("INFRA-05 A backup that a person makes does not replace the timer's of the same day, nor does the timer's theirs", async () => {
  const machine = createBackupMachine();
  await machine.backUp("--scheduled");
  // Two of one day in UTC, whenever this runs.
  const day = Math.floor(Date.now() / DAY) * DAY - DAY;
  const timer = machine.ageBackup(day + 3 * HOUR);
  await machine.backUp();
  const first = machine.ageBackup(day + 4 * HOUR);
  await machine.backUp();
  const second = machine.ageBackup(day + 5 * HOUR);
  expect((await machine.backUp("--scheduled")).removed).toEqual([first]);
  expect(machine.listBackups()).toEqual(expect.arrayContaining([timer, second]));
  expect(machine.listBackups()).toHaveLength(3);
});
