import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { RUNNER_TOKEN } from "../runtime/runner/exchange-server.ts";
import { createRunnerHost } from "../runtime/runner/runner-host.ts";
import { hasProgram } from "../support/has-program.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";
import { readUnitLines, readUnitStart } from "./systemd-unit.ts";

const HAS_SYSTEMD = hasProgram("systemd-analyze");
const SERVICES = ["groundcrew.service", "groundcrew-backup.service"];
/** Lines about an exposure that both services need: the network, the folders of the machine, and V8's compiler. */
const NEEDED =
  /RootDirectory|MemoryDenyWriteExecute|RestrictAddressFamilies=~AF_(UNIX|\(INET\|INET6\))|PrivateNetwork|DeviceAllow|IPAddressDeny/;

describe("INFRA-06 The systemd units", () => {
  test("start the product with the flags of npm start", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    const [command = ""] = readUnitLines("groundcrew.service", "ExecStart");
    expect(command.replace("/opt/groundcrew/node_modules/.bin/node ", "")).toBe(
      scripts.start.replace("exec node ", ""),
    );
  });

  test("are sandboxed alike, so that a backup can do no more than the product", () => {
    const [product = "", backup = ""] = SERVICES.map((unit) => {
      const text = readFileSync(`compose/systemd/${unit}`, "utf8");
      return text.slice(text.indexOf("ProtectSystem=")).split("\n\n")[0]?.trim();
    });
    expect(product).toContain("SystemCallFilter=");
    expect(backup).toBe(product);
  });

  test.skipIf(!HAS_SYSTEMD).each([...SERVICES, "groundcrew-backup.timer"])(
    "%s is accepted by systemd, without a warning",
    (unit) => {
      const folder = createTestFolder("units");
      // The program is not installed here.
      for (const name of [...SERVICES, "groundcrew-backup.timer"]) {
        const text = readFileSync(`compose/systemd/${name}`, "utf8");
        writeFileSync(join(folder, name), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"), { mode: 0o644 });
      }
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(folder, unit)], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    },
  );

  test.skipIf(!HAS_SYSTEMD).each(SERVICES)(
    "%s has an exposure below 2.0 by systemd's own analysis, of what it needs",
    (unit) => {
      const options = ["security", "--offline=true", "--threshold=19", `compose/systemd/${unit}`];
      const { status, stdout } = spawnSync("systemd-analyze", options, { encoding: "utf8" });
      expect(status, stdout).toBe(0);
      expect(stdout).toMatch(/Overall exposure level for groundcrew[a-z-]*.service: [01]\./);
      const exposed = stdout.split("\n").filter((line) => line.startsWith("✗"));
      expect(exposed.length).toBeGreaterThan(3);
      expect(exposed.filter((line) => !NEEDED.test(line))).toEqual([]);
    },
  );
});

const UNIT = "compose/systemd/groundcrew-runner.service";

/** A home with the program and the settings in the places that the unit names. */
function createHome() {
  const { home, env } = createRunnerHost();
  for (const path of [".local/share", ".local/state"]) mkdirSync(join(home, path), { recursive: true });
  symlinkSync(resolve("."), join(home, ".local/share/groundcrew"));
  const runnerEnv = `RUNNER_TOKEN=${RUNNER_TOKEN}\nPATH=${env.PATH}\n`;
  writeFiles(join(home, ".config/groundcrew"), { "runner.env": runnerEnv, "runner.json": "{}" });
  return home;
}

describe("The runner's systemd unit", () => {
  test("INFRA-05 has a unit beside it that backs up the user's runner", { timeout: 60_000 }, () => {
    const home = createHome();
    // As systemd starts it: with the variables of the unit, then those of its file, and `%h` replaced.
    const folders = { "%h": home };
    const { env, command } = readUnitStart("groundcrew-runner-backup.service", folders);
    const [file = ""] = readUnitLines("groundcrew-runner-backup.service", "EnvironmentFile", folders);
    const [program = "", ...args] = command;
    const allEnv = { HOME: home, ...env, ...parseEnv(readFileSync(file, "utf8")) };
    expect(spawnSync(program, args, { cwd: home, env: allEnv }).status).toBe(0);
    const backups = join(home, ".local/state/groundcrew-backups");
    const [name = ""] = readdirSync(backups).filter((entry) => !entry.startsWith("."));
    expect(readFileSync(join(backups, name, "runner/runner.env"), "utf8")).toContain(RUNNER_TOKEN);
    expect(JSON.parse(readFileSync(join(backups, name, "manifest.json"), "utf8")).parts).toEqual(["runner"]);
  });

  test.skipIf(!HAS_SYSTEMD)("is valid, and no more exposed than sessions need, by systemd's own analysis", () => {
    const home = createHome();
    const env = { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: home };
    const analyze = (...args: string[]) =>
      spawnSync("systemd-analyze", ["--user", ...args, UNIT], { env, encoding: "utf8" });
    const verified = analyze("verify");
    expect([verified.status, verified.stderr]).toEqual([0, ""]);
    const { status, stdout } = analyze("security", "--offline=true", "--threshold=75");
    expect(status, stdout).toBe(0);
    expect(stdout).toContain("Overall exposure level for groundcrew-runner.service");
  });
});
