import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { formatBackupName } from "../../../runtime/backup/manifest.ts";
import { findExpiredBackups } from "../../../runtime/backup/stored-backups.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { DAY } from "../../../shared/time.ts";
import { hasProgram } from "../../support/has-program.ts";
import { type BackupMachine, createBackupMachine, fillStore } from "./backup-machine.ts";

const FULL = Boolean(process.env["FULL"]);
const SEND = resolve("runtime/backup/send-to-restic");

/** A real restic repository in a folder of the machine, and the environment with which restic finds it. */
function createRepository({ folder, env }: BackupMachine) {
  const access = {
    RESTIC_REPOSITORY: join(folder, "repository"),
    RESTIC_PASSWORD: "marked-secret-of-restic",
    RESTIC_CACHE_DIR: join(folder, "cache"),
    TZ: "UTC",
  };
  Object.assign(env, access, { BACKUP_AFTER: `${SEND} {backup}` });
  const restic = (...args: string[]) =>
    execFileSync("restic", args, {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...access },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
  restic("init", "--quiet");
  return {
    restic,
    listTimes: () => JSON.parse(restic("snapshots", "--json")).map(({ time }: { time: string }) => time),
  };
}

describe.skipIf(!hasProgram("restic"))("INFRA-05 A backup in a restic repository", () => {
  test("is sent after each backup and restored from there on a new server", async () => {
    const machine = createBackupMachine();
    const put = [{ key: "decision:1", value: 1, sets: ["decisions"] }];
    await fillStore(`file:${machine.folder}/data`, { put });
    const { restic } = createRepository(machine);
    const { name } = await machine.backUp();

    const server = createBackupMachine();
    for (const path of ["data", "uploads"]) server.remove(path);
    restic("restore", "latest", "--quiet", "--target", join(server.folder, "restored"));
    expect(readdirSync(join(server.folder, "restored"))).toEqual([name]);
    const restored = await server.runHere(["restore", join(server.folder, "restored", name), "--yes"]);
    expect(restored.exit, restored.err).toBe(0);
    for (const path of ["data/secrets.json", "data/agents/thot/token", "uploads/bucket/picture.png"])
      expect(server.read(path)).toBe(machine.read(path));
    const store = await openStore(`file:${server.folder}/data`, { prefix: "groundcrew" });
    expect(await store.count("decisions")).toBe(1);
    await store.close();
  });

  test.skipIf(!FULL)(
    "stays as long as one in the folder, and other snapshots of the repository stay for ever",
    async () => {
      const machine = createBackupMachine();
      const { restic, listTimes } = createRepository(machine);
      const now = Date.now();
      const days = Array.from({ length: 40 }, (_, i) => now - (i + 1) * DAY);
      machine.write("other", "of another program");
      for (const at of days) {
        const name = formatBackupName(at);
        machine.write(`earlier/${name}/file`, name);
        const time = new Date(at).toISOString().slice(0, 19).replace("T", " ");
        restic("backup", "--quiet", "--tag", "groundcrew", "--time", time, join("earlier", name));
      }
      restic("backup", "--quiet", "--time", "2020-01-01 00:00:00", "other");
      const { name: newest } = await machine.backUp("--scheduled");
      const names = [newest, ...days.map(formatBackupName)];
      const expired = new Set(findExpiredBackups(names));
      expect(expired.size).toBeGreaterThan(25);
      const stored = names.filter((name) => !expired.has(name)).map((name) => name.slice(0, 10));
      const sent = listTimes().map((time: string) => time.slice(0, 10));
      expect(sent.sort()).toEqual([...stored, "2020-01-01"].sort());
      expect(restic("check", "--read-data")).toContain("no errors were found");
    },
    180_000,
  );
});
