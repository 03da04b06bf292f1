import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Cron } from "croner";
import { describe, expect, test } from "vitest";
import { readBackupSettings } from "../../runtime/backup/backup-settings.ts";
import { parseOpenclawOptions } from "../../runtime/cli/openclaw-command.ts";
import { parseUpgradeSettings } from "../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { readBlocks, readShellBlock } from "./document-blocks.ts";

const blocks = readBlocks("docs/operations.md");
const findBlocks = (heading: string) => blocks.filter((block) => block.heading === heading).map(({ text }) => text);
/** The commands of a block, without comments and empty lines. */
const splitCommands = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/ *#.*$/, "").trim())
    .filter(Boolean);
const findCommands = (heading: string) => findBlocks(heading).flatMap(splitCommands);

/** Checks that a script of this repository exists, can be executed and is valid for sh. */
function expectScript(path: string) {
  expect(existsSync(path), path).toBe(true);
  expect(() => execFileSync("test", ["-x", path])).not.toThrow();
  expect(spawnSync("sh", ["-n", path], { encoding: "utf8" }).stderr).toBe("");
}

describe("docs/operations.md, what its commands name", () => {
  test("the scripts of the ticket runner, of backup and of restore exist", () => {
    expect(findCommands("Ticket runner")).toEqual(["git pull", "compose/systemd/install-runner"]);
    expectScript("compose/systemd/install-runner");
    const [line = ""] = splitCommands(readShellBlock("docs/operations.md", "Backup and restore"));
    const [, time = "", user, path = ""] =
      /^((?:\S+ ){5})(\S+) \/srv\/groundcrew\/(\S+) >\/dev\/null$/.exec(line) ?? [];
    expect(user).toBe("root");
    expect(new Cron(time.trim(), { paused: true }).nextRun()?.getHours()).toBe(3);
    expectScript(path);
    const restores = findCommands("Restore");
    expect(restores.map((command) => command.split(" ")[0])).toEqual(["compose/restore", "compose/restore"]);
    expectScript("compose/restore");
  });

  test("BACKUP_AFTER is split into the program and its words", () => {
    const lines = [
      readShellBlock("docs/operations.md", "Where it goes"),
      readShellBlock("docs/operations.md", "Where it goes", 2),
    ].flatMap(splitCommands);
    const programs = lines.map((line) => {
      const [name = "", value = ""] = line.split(/=(.*)/s);
      return readBackupSettings({ [name]: value, BACKUP_FOLDER: "/srv/backups" }).after;
    });
    const script = "runtime/backup/send-to-restic";
    expect(programs.map(([program]) => program)).toEqual([
      `/srv/groundcrew/${script}`,
      `/opt/groundcrew/dist/files/${script}`,
      "rclone",
    ]);
    expectScript(script);
    for (const words of programs) expect(words.join(" ")).toMatch(/ \{backup\} /);
    // What is missing here must not be deleted there.
    expect(programs.at(-1)?.[1]).toBe("copy");
  });

  test("the commands of OpenClaw's upgrade have known options, and its settings are valid", () => {
    const commands = findCommands("OpenClaw's upgrade").filter((line) => line.startsWith("groundcrew openclaw "));
    expect(commands.length).toBe(4);
    const parsed = commands.map((command) => parseOpenclawOptions(command.split(" ").slice(2)));
    expect(parsed.map(({ command }) => command)).toEqual(["upgrade", "upgrade", "upgrade", "rollback"]);
    expect(parsed[0]).toMatchObject({ from: "2026.2.26", to: "2026.9.6", check: true });
    const [settings = "", install = ""] = findBlocks("Settings of upgrades");
    expect(parseUpgradeSettings("openclaw-upgrade.json", settings)).toMatchObject({
      driver: "compose",
      limits: { agents: 5, minutes: 30, memory: "256m", cpus: 0.25 },
    });
    expect(spawnSync("sh", ["-n"], { input: install, encoding: "utf8" }).stderr).toBe("");
  });
});
