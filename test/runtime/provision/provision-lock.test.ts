import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { acquireProvisionLock } from "../../../runtime/provision/provision-disk.ts";
import { lockFile } from "../../../runtime/stores/sqlite-store.ts";
import { createProcessSetup, type ProvisionSetup } from "../../functions/provision/provision-setup.ts";
import { createCommandFolder } from "./command-folder.ts";

/** A path for a lock in a folder that does not exist yet. */
function createLockPath() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "data", "provision.lock");
}

/** Writes the lock of another process. */
function writeForeignLock(path: string, holder: object) {
  mkdirSync(resolve(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify({ host: hostname(), started: "2026-11-21T12:00:00.000Z", ...holder }));
}

const readLock = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const createDeadPid = () => spawnSync(process.execPath, ["-e", ""]).pid;

test("a lock names its process and start time, is readable only by its owner, and is removed when released", async () => {
  const path = createLockPath();
  const lock = await acquireProvisionLock(path, { clock: () => Date.parse("2026-11-21T13:00:00Z") });
  expect(readLock(path)).toMatchObject({ pid: process.pid, started: "2026-11-21T13:00:00.000Z", host: hostname() });
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  expect((statSync(resolve(path, "..")).mode & 0o777).toString(8)).toBe("700");
  lock.release();
  expect(existsSync(path)).toBe(false);
});

test("the lock of another machine or container is never taken over", async () => {
  const path = createLockPath();
  writeForeignLock(path, { pid: createDeadPid(), host: "elsewhere" });
  await expect(acquireProvisionLock(path)).rejects.toThrow("on elsewhere, since 2026-11-21T12:00:00.000Z");
  expect(readLock(path).host).toBe("elsewhere");
});

test("a lock file without content excludes others until its timeout, and is then taken over", async () => {
  const path = createLockPath();
  writeForeignLock(path, {});
  writeFileSync(path, "");
  await expect(acquireProvisionLock(path)).rejects.toThrow("Another provision is running");
  utimesSync(path, 0, 0);
  (await acquireProvisionLock(path)).release();
});

test("an abandoned lock is not removed when another process has taken it over in the meantime", async () => {
  const path = createLockPath();
  writeForeignLock(path, { pid: createDeadPid() });
  let release: (() => void) | undefined;
  const clock = () => {
    // Before our own attempt to lock the file.
    if (!release) {
      release = lockFile(resolve(path, "../.provision.lock"));
      writeForeignLock(path, { pid: process.ppid });
    }
    return Date.now();
  };
  onTestFinished(() => release?.());
  await expect(acquireProvisionLock(path, { clock })).rejects.toThrow(`process ${process.ppid}`);
  expect(readLock(path).pid).toBe(process.ppid);
});

test("only one of many processes gets an abandoned lock", async () => {
  const path = createLockPath();
  writeForeignLock(path, { pid: createDeadPid() });
  const code = `
    const { acquireProvisionLock } = await import(${JSON.stringify(resolve("runtime/provision/provision-disk.ts"))});
    await new Promise((go) => process.stdin.once("data", go));
    console.log(await acquireProvisionLock(${JSON.stringify(path)}).then(() => "mine", () => "theirs"));
    await new Promise((go) => process.stdin.once("end", go).resume());`;
  const flags = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", code];
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, flags, { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const outputs = children.map(
    ({ stdout }) => new Promise<string>((resolve) => stdout.once("data", (data) => resolve(String(data).trim()))),
  );
  for (const { stdin } of children) stdin.write("go\n");
  const results = await Promise.all(outputs);
  for (const { stdin } of children) stdin.end();
  await Promise.all(children.map(({ stdout }) => text(stdout)));
  expect(results.filter((result) => result === "mine")).toHaveLength(1);
  await expect.poll(() => existsSync(path)).toBe(false);
}, 30_000);

test("acquiring the lock removes temporary files of interrupted writes, but not of current ones", async () => {
  const path = createLockPath();
  const agent = resolve(path, "../agents/thot");
  mkdirSync(agent, { recursive: true });
  const openclaw = resolve(path, "../openclaw");
  mkdirSync(openclaw);
  const old = [
    resolve(path, "../.secrets.json.0123456789ab"),
    join(agent, ".token.0123456789ab"),
    join(openclaw, ".openclaw-2026.9.json.0123456789ab"),
  ];
  const stored = [
    resolve(path, "../.secrets.json.ba9876543210"),
    resolve(path, "../secrets.json"),
    join(agent, "token"),
  ];
  for (const file of [...old, ...stored]) writeFileSync(file, "");
  for (const file of [...old, ...stored.slice(1)]) utimesSync(file, 0, 0);
  (await acquireProvisionLock(path)).release();
  expect(old.map(existsSync)).toEqual([false, false, false]);
  expect(stored.map(existsSync)).toEqual([true, true, true]);
});

/** Makes Plane stop answering from the first request for projects on. */
async function silencePlane(setup: ProvisionSetup) {
  setup.plane.faults.add({ path: "/projects/" }, { kind: "half-open" });
  return {
    waitUntilReached: () =>
      expect.poll(() => setup.plane.ledger.requests.some(({ status }) => status === 0), { timeout: 15_000 }).toBe(true),
  };
}

const SIGNALS = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

test.each(process.env["FULL"] ? SIGNALS : SIGNALS.slice(0, 1))(
  "provision releases its lock when it is stopped by %s, and says how to continue",
  async (signal, code) => {
    const setup = await createProcessSetup();
    const { start, lock } = createCommandFolder(setup);
    const silence = await silencePlane(setup);
    const run = start(["--yes"]);
    await silence.waitUntilReached();
    expect(existsSync(lock)).toBe(true);
    run.child.kill(signal);
    const { exit, err } = await run.ended;
    expect(exit).toBe(code);
    expect(err).toContain("Run the same command again: it continues where it stopped.");
    expect(existsSync(lock)).toBe(false);
  },
  60_000,
);
