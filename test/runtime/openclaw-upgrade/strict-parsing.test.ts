import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parsePinnedValue } from "../../../functions/doctor/versions.ts";
import { parseOpenclawOptions } from "../../../runtime/cli/openclaw-command.ts";
import {
  checkComposeService,
  checkProcesses,
  checkWorkspace,
  parseComposeService,
  parseProcessStatus,
  parseWorkspaceEntries,
} from "../../../runtime/openclaw-upgrade/container-checks.ts";
import { renderUpgradeReport } from "../../../runtime/openclaw-upgrade/run-upgrade.ts";
import { parseUpgradeSettings } from "../../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { compareScans, parseScan } from "../../../runtime/openclaw-upgrade/upgrade-record.ts";
import { PROCESS_STATUS } from "./compose-rig.ts";
import { RECORD } from "./upgrade-rig.ts";

describe("The processes of the container", () => {
  const check = (text: string) =>
    checkProcesses(parseProcessStatus(text), "1000:1000").flatMap(({ name, status }) =>
      status === "ok" ? [] : [name],
    );

  test("UPG: the kernel's own form of this process is read", () => {
    const [own] = parseProcessStatus(readFileSync("/proc/self/status", "utf8"));
    expect(own?.uids).toEqual(Array(4).fill(process.getuid?.()));
  });

  test.each([
    ["as they should be", PROCESS_STATUS, []],
    ["another user", PROCESS_STATUS.replace("Uid:\t1000\t1000", "Uid:\t1000\t0"), ["process users"]],
    ["another group", PROCESS_STATUS.replace("Gid:\t1000", "Gid:\t0"), ["process users"]],
    [
      "NET_RAW in the bounding set",
      PROCESS_STATUS.replace("00000000000000c1", "00000000000020c1"),
      ["process capabilities"],
    ],
    ["no seccomp", PROCESS_STATUS.replace("Seccomp:\t2", "Seccomp:\t0"), ["process seccomp"]],
    ["a second one as root", PROCESS_STATUS + PROCESS_STATUS.replaceAll("1000", "0"), ["process users"]],
  ])("UPG: processes %s", (_, text, problems) => {
    expect(check(text)).toEqual(problems);
  });

  test.each([
    ["nothing", ""],
    ["an error", "sh: cat: not found\n"],
    ["no capabilities", PROCESS_STATUS.replace(/^CapBnd.*\n/m, "")],
    ["a mask that is no number", PROCESS_STATUS.replace("00000000000000c1", "c1")],
    ["three user ids", PROCESS_STATUS.replace("Uid:\t1000\t", "Uid:\t")],
  ])("UPG: %s is no list of processes", (_, text) => {
    expect(() => parseProcessStatus(text)).toThrow(/no process|no valid/);
  });
});

describe("The workspace", () => {
  test("UPG: owner and mode are checked, and names cannot forge entries", () => {
    const check = (text: string) => checkWorkspace(parseWorkspaceEntries(text), "1000:1000").status;
    expect(check("1000:1000 755 d /workspace\0")).toBe("ok");
    expect(check("0:0 755 d /workspace/a\0")).toBe("failed");
    expect(check("1000:1000 500 d /workspace/a\0")).toBe("failed");
    expect(check("1000:1000 777 d /workspace/a\0")).toBe("warning");
    expect(check("1000:1000 1777 d /workspace/tmp\0")).toBe("ok");
    expect(check("0:0 777 l /workspace/link\0")).toBe("ok");
    expect(parseWorkspaceEntries("0:0 644 f /w/a\n1000:1000 755 d /x\0")).toHaveLength(1);
    expect(() => parseWorkspaceEntries("1000:1000 755 d /workspace")).toThrow("cut off");
    expect(() => parseWorkspaceEntries("ada:ada 755 d /workspace\0")).toThrow("cannot be read");
  });
});

describe("The Compose service", () => {
  const settings = parseUpgradeSettings("x", '{"driver":"compose","folder":"/srv","agent":"imhotep"}');
  const good = {
    image: "ghcr.io/openclaw/openclaw:2026.2.26",
    user: "1000:1000",
    cap_drop: ["ALL"],
    cap_add: ["CAP_CHOWN"],
    networks: { sandbox: null, backend: null, egress: null },
    volumes: [{ target: "/home/node" }, { target: "/workspace/" }],
  };
  test.each([
    [{}, []],
    [{ image: "openclaw:latest" }, ["image"]],
    [{ user: undefined }, ["user"]],
    [{ privileged: true }, ["capabilities"]],
    [{ cap_drop: null }, ["capabilities"]],
    [{ cap_add: ["NET_ADMIN"] }, ["capabilities"]],
    [{ security_opt: ["seccomp=unconfined"] }, ["seccomp"]],
    [{ security_opt: ["seccomp:unconfined"] }, ["seccomp"]],
    [{ networks: { sandbox: null, backend: null } }, ["networks"]],
    [{ volumes: [{ target: "/home/node/.openclaw" }] }, ["volumes"]],
  ])("UPG: %j fails in %j", (change, problems) => {
    if ("problems" in settings || settings.driver !== "compose") throw new Error("settings");
    const service = parseComposeService(JSON.stringify({ services: { s: { ...good, ...change } } }), "s");
    const failed = checkComposeService(service, settings, "2026.2.26").filter(({ status }) => status === "failed");
    expect(failed.map(({ name }) => name)).toEqual(problems);
  });
});

describe("Image scans", () => {
  const trivy = (ids: string[]) =>
    JSON.stringify({
      Results: [
        { Target: "x", Vulnerabilities: ids.map((id) => ({ VulnerabilityID: id, PkgName: "ssl", Severity: "HIGH" })) },
        { Target: "y" },
      ],
    });

  test("UPG: the difference of two scans is by vulnerability and package, of one scanner only", () => {
    const scan = (ids: string[], scanner = "trivy") => ({
      kind: "scanned" as const,
      scanner,
      found: parseScan("trivy", trivy(ids)),
    });
    const difference = compareScans(scan(["CVE-1", "CVE-2"]), scan(["CVE-2", "CVE-3"]));
    expect([difference?.added[0]?.id, difference?.removed[0]?.id, difference?.unchanged]).toEqual([
      "CVE-3",
      "CVE-1",
      1,
    ]);
    expect(compareScans(scan([]), scan([], "grype"))).toBeUndefined();
    const match = { vulnerability: { id: "CVE-9", severity: "Low" }, artifact: { name: "zlib" } };
    expect(parseScan("grype", JSON.stringify({ matches: [match] }))).toEqual([
      { id: "CVE-9", package: "zlib", severity: "low" },
    ]);
    expect(() => parseScan("grype", "{}")).toThrow();
  });
});

describe("The report of an upgrade", () => {
  test("UPG: texts cannot leave their place, and credentials are removed", () => {
    const hostile =
      "a | b `code` \u202e<img src=x> Authorization: Bearer abcdef123456 postgres://ada:hunter22@db/x marked-secret";
    const step = { name: "smoke", status: "failed" as const, startedAt: 0, problem: hostile, findings: [] };
    const report = renderUpgradeReport({ ...RECORD, state: "rolled_back", steps: [step] }, ["marked-secret"]);
    expect(report).not.toMatch(/\u202e|abcdef123456|hunter22|marked-secret/);
    expect(report).toContain(
      "- step smoke: `` a | b `code` <img src=x> Authorization: Bearer [secret] postgres://ada:[secret]@db/x [secret] ``",
    );
    expect(report).toContain("| smoke | failed |  | `` a ¦ b `code` <img");
  });
});

describe("Input of people", () => {
  test.each([
    [[], "The command is missing"],
    [["upgrad"], "Did you mean upgrade?"],
    [["upgrade", "--to", "2026.9.6"], "--from is missing"],
    [["upgrade", "--from", "2.23", "--to", "2026.9.6"], "whole version such as 2026.2.26, not 2.23"],
    [["upgrade", "--from", "2026.9.6", "--to", "2026.9.6"], "the same version"],
    [["upgrade", "--from", "../x", "--to", "2026.9.6"], "whole version such as 2026.2.26, not ../x"],
    [["upgrade", "--from", "2026.2.26", "--to", "; rm -rf /"], "whole version such as 2026.2.26, not ; rm -rf /"],
    [["upgrade", "--from", "2026.2.26", "--to", "2026.9.6\n2026.9.6"], "whole version such as 2026.2.26"],
    [["upgrade", "--from", "2026.2.26", "--to", "latest"], "whole version such as 2026.2.26, not latest"],
    [["upgrade", "--from", "2026.9.6", "--to", "2026.2.26"], "2026.2.26 is older than 2026.9.6"],
    [["upgrade", "--from", "2026.10.1", "--to", "2026.9.30"], "2026.9.30 is older than 2026.10.1"],
    [["upgrade", "--from", "2026.9.1-1", "--to", "2026.9.1"], "2026.9.1 is older than 2026.9.1-1"],
    [["upgrade", "--from", "2026.9.1", "--to", "2026.9.1-beta.2"], "2026.9.1-beta.2 is older than 2026.9.1"],
    [["upgrade", "--from"], "--from needs a value"],
    [["upgrade", "--from=2026.2.26", "--from=2026.2.26"], "set twice"],
    [["upgrade", "--from=2026.2.26", "--to=2026.9.6", "--check", "--dry-run"], "either --check or --dry-run"],
    [["rollback", "--check"], "has no option --check"],
  ])("UPG: the arguments %j are refused: %s", (args, message) => {
    expect(() => parseOpenclawOptions(args)).toThrow(message);
  });

  test.each([
    [undefined, "does not exist. Write one, for example"],
    ["{", "is not valid JSON"],
    ['{"driver":"podman"}', "driver"],
    ['{"driver":"npm","agent":"imhotep"}', "prefix"],
    ['{"driver":"npm","agent":"--help","prefix":"/opt"}', "agent: must be a name"],
    ['{"driver":"compose","agent":"a","folder":"srv"}', "folder: must be an absolute path"],
    ['{"driver":"compose","agent":"a","folder":"/srv","foldr":1}', "foldr"],
    ['{"driver":"compose","agent":"a","folder":"/srv","reach":{"plane":"api"}}', "must be a URL, or host:port"],
    ['{"driver":"compose","agent":"a","folder":"/srv","limits":{"memory":"lots"}}', "must be like"],
  ])("UPG: the settings %s are refused with %s", (text, message) => {
    const settings = parseUpgradeSettings("x.json", text);
    expect("problems" in settings ? settings.problems.join() : "").toContain(message);
  });

  test("UPG: a pinned value keeps registry, port and variant, and neither latest nor a digest is a version", () => {
    expect(parsePinnedValue("reg.test:5000/openclaw:2026.7.1-2-slim")).toEqual({
      ...{ before: "reg.test:5000/openclaw:", version: "2026.7.1-2", after: "-slim" },
    });
    expect(parsePinnedValue("2026.9.1-beta.1")?.version).toBe("2026.9.1-beta.1");
    for (const text of ["openclaw:latest", "openclaw@sha256:0123", "openclaw:2026.9.6@sha256:0123", ""])
      expect(parsePinnedValue(text)).toBeUndefined();
  });
});
