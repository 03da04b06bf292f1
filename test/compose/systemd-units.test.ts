import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { createTemporaryFolder } from "./production-tree.ts";
import { readUnitLines } from "./systemd-unit.ts";

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

  test("name scripts that can be executed", () => {
    for (const name of ["compose/build-tree", "compose/systemd/install", "compose/systemd/groundcrew-run"])
      expect(statSync(name).mode & 0o111, name).toBe(0o111);
  });

  test("are sandboxed alike, so that a backup can do no more than the product", () => {
    const [product = "", backup = ""] = SERVICES.map((unit) => {
      const text = readFileSync(`compose/systemd/${unit}`, "utf8");
      return text.slice(text.indexOf("ProtectSystem=")).split("\n\n")[0]?.trim();
    });
    expect(product).toContain("SystemCallFilter=");
    expect(backup).toBe(product);
  });

  test.skipIf(!hasProgram("systemd-analyze")).each([...SERVICES, "groundcrew-backup.timer"])(
    "%s is accepted by systemd, without a warning",
    (unit) => {
      const folder = createTemporaryFolder("units");
      // The program is not installed here.
      for (const name of [...SERVICES, "groundcrew-backup.timer"]) {
        const text = readFileSync(`compose/systemd/${name}`, "utf8");
        writeFileSync(join(folder, name), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"), { mode: 0o644 });
      }
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(folder, unit)], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    },
  );

  test.skipIf(!hasProgram("systemd-analyze")).each(SERVICES)(
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
