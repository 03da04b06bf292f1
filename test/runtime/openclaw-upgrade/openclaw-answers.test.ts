import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parsePinnedValue } from "../../../functions/doctor/versions.ts";
import { parseOpenclawOptions } from "../../../runtime/cli/openclaw-command.ts";
import { checkComposeService, parseComposeService } from "../../../runtime/openclaw-upgrade/compose-driver.ts";
import { compareScans, judgeScans, parseScan } from "../../../runtime/openclaw-upgrade/image-scans.ts";
import {
  checkDirectMessages,
  findExemptAgents,
  planLimits,
} from "../../../runtime/openclaw-upgrade/openclaw-settings.ts";
import { runRollbackSteps, runUpgradeSteps } from "../../../runtime/openclaw-upgrade/run-upgrade.ts";
import {
  checkProcesses,
  checkWorkspace,
  findLines,
  findTurnProblem,
  hasModelAnswer,
  parseMcpProbe,
  parseProcessStatus,
  parseSpawnMetrics,
  parseWorkspaceEntries,
} from "../../../runtime/openclaw-upgrade/smoke-test.ts";
import { parseUpgradeSettings } from "../../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { renderUpgradeReport, type UpgradeRecord } from "../../../runtime/openclaw-upgrade/upgrade-record.ts";
import { ROLLBACK_LIMIT, ROLLBACK_TIMEOUTS } from "../../../runtime/openclaw-upgrade/upgrade-steps.ts";
import { PROCESS_STATUS } from "./compose-rig.ts";
import { createUpgrade, FROM, RECORD } from "./upgrade-rig.ts";

const toResult = (stdout: string, stderr = "", status = 0) => ({ status, stdout, stderr });

describe("OpenClaw's answers", () => {
  test("UPG: a turn counts only when the gateway ran it", () => {
    expect(findTurnProblem(toResult('{\n  "runId": "r",\n  "status": "ok"\n}'))).toBeUndefined();
    expect(findTurnProblem(toResult('{"runId":"r","status":"timeout"}'))).toContain("timeout");
    // 2026.2.26 then runs the turn itself and prints an answer without a status.
    expect(
      findTurnProblem(toResult('{"payloads":[{"text":"OK"}]}', "Gateway agent failed; falling back to embedded: …")),
    ).toBe("the turn ran without the gateway, which did not answer");
    expect(findTurnProblem(toResult("", "boom", 1))).toContain("boom");
  });

  test("UPG: an MCP entry without tools, one that did not answer, and a version without MCP differ", () => {
    const probe = (servers: object) =>
      parseMcpProbe("plane", toResult(JSON.stringify({ servers, diagnostics: ["401"] })));
    expect(probe({ plane: { tools: 24 } })).toBe(24);
    expect(probe({ plane: { tools: 0 } })).toEqual({ problem: "it offers no tool" });
    expect(probe({})).toEqual({ problem: 'it did not answer: ["401"]' });
    expect(parseMcpProbe("plane", toResult("", "error: unknown command 'mcp'", 1))).toBe("unsupported");
  });

  test("UPG: a transcript proves a run only by an answer of the model", () => {
    const line = (role: string, stopReason: string) =>
      `${JSON.stringify({ type: "message", message: { role, stopReason } })}\n`;
    expect(hasModelAnswer(`{"type":"session"}\n${line("assistant", "stop")}`)).toBe(true);
    expect(hasModelAnswer(line("user", "stop") + line("assistant", "error"))).toBe(false);
    expect(hasModelAnswer('{"message":{"role":"assist')).toBe(false);
  });

  test("UPG: spawn metrics count agents that run at once, their waits and failures", () => {
    const run = (createdAt: number, startedAt: number, endedAt: number | undefined, status = "succeeded") => ({
      ...{ runtime: "subagent", status, createdAt, startedAt, endedAt },
    });
    const tasks = [
      run(0, 10, 20),
      run(0, 20, 40, "failed"),
      run(5, 25, undefined, "running"),
      { ...run(0, 0, 99), runtime: "cli" },
    ];
    expect(parseSpawnMetrics(toResult(JSON.stringify({ tasks })))).toEqual({
      ...{ total: 3, failed: 1, mostAtOnce: 2, medianWaitMs: 20, medianRunMs: 20 },
    });
    expect(parseSpawnMetrics(toResult("", "unknown command", 1))).toBeUndefined();
  });

  test("UPG: a refused system call is found in the log once per line, and a similar word is not", () => {
    const log =
      "Error: EACCES: permission denied, open '/workspace/x'\nError: EACCES: permission denied, open '/workspace/x'\nEPERMANENT fine";
    expect(findLines(log)).toEqual(["Error: EACCES: permission denied, open '/workspace/x'"]);
  });

  test("UPG: only settings that differ are changed", () => {
    const limits = { agents: 5, memory: "256m", cpus: 0.25, minutes: 30 };
    const docker = { memory: "256m", cpus: 0.25 };
    const defaults = { subagents: { maxConcurrent: 8, runTimeoutSeconds: 1800 }, sandbox: { docker } };
    expect(planLimits({ agents: { defaults } }, limits)).toEqual([
      { path: "agents.defaults.subagents.maxConcurrent", value: 5 },
    ]);
    expect(planLimits({}, limits)).toHaveLength(4);
  });

  test.each([
    [{}, "warning"],
    [{ dmPolicy: "allowlist", allowFrom: [42] }, "ok"],
    [{ dmPolicy: "allowlist" }, "failed"],
    [{ dmPolicy: "open" }, "failed"],
    [{ dmPolicy: "allowlist", allowFrom: ["*"] }, "failed"],
    [{ dmPolicy: "disabled" }, "ok"],
    [{ accounts: { team: { dmPolicy: "open" } }, dmPolicy: "allowlist", allowFrom: [42] }, "failed"],
    [{ accounts: { team: { dmPolicy: "allowlist", allowFrom: [42] } } }, "ok"],
    [{ accounts: { team: { allowFrom: [42] } }, dmPolicy: "allowlist" }, "failed"],
  ])("UPG: who may write with %j is %s", (telegram, status) => {
    expect(checkDirectMessages({ channels: { telegram } }).status).toBe(status);
  });

  test("UPG: agents whose own settings replace a limit are named, those with the same value are not", () => {
    const limits = { agents: 5, memory: "256m", cpus: 0.25, minutes: 30 };
    const agents = {
      list: [
        { id: "imhotep", sandbox: { docker: { memory: "4g" } } },
        { id: "thot", subagents: { maxConcurrent: 5 } },
      ],
      entries: { shuri: { subagents: { runTimeoutSeconds: 0 } }, hermes: {} },
    };
    expect(findExemptAgents({ agents }, limits)).toEqual(["imhotep", "shuri"]);
    expect(findExemptAgents({}, limits)).toEqual([]);
  });
});

describe("The processes of the container", () => {
  const check = (text: string) =>
    checkProcesses(parseProcessStatus(text), "1000:1000").flatMap(({ name, status }) =>
      status === "ok" ? [] : [name],
    );

  test("UPG: the kernel's own form of this process is read", () => {
    const [own] = parseProcessStatus(readFileSync("/proc/self/status", "utf8"));
    expect(own?.Uid).toEqual(Array(4).fill(process.getuid?.()));
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
    expect(judgeScans(scan(["CVE-1", "CVE-2"]), scan(["CVE-2", "CVE-3"]))).toEqual([
      { name: "image scan", status: "ok", detail: "1 new vulnerabilities, 1 gone, 1 in both" },
      { name: "CVE-3", status: "warning", detail: "high, in ssl" },
    ]);
    expect(judgeScans(scan([]), { kind: "not scanned", why: "no image" })).toEqual([
      { name: "image scan", status: "skipped", detail: "not compared: scanned by trivy; no image" },
    ]);
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
    [["upgrade", "--from", "2026.9.6", "--to", "2026.9.6"], "the same version"],
    [["upgrade", "--from", "2026.2.26", "--to", "; rm -rf /"], "whole version such as 2026.2.26, not ; rm -rf /"],
    [["upgrade", "--from", "2026.2.26", "--to", "2026.9.6\n2026.9.6"], "whole version such as 2026.2.26"],
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

const hang = () => new Promise<never>(() => {});

describe("The time of a rollback", () => {
  test("UPG: the timeouts of all steps add up to less than 2 minutes", () => {
    const sum = Object.values(ROLLBACK_TIMEOUTS).reduce((total, ms) => total + ms, 0);
    expect(ROLLBACK_LIMIT).toBe(120_000);
    expect(sum).toBeLessThan(ROLLBACK_LIMIT);
  });

  test.each(["stop", "restore", "start"] as const)(
    "UPG: a driver that hangs in %s is given up in time",
    async (name) => {
      const upgrade = createUpgrade({ [name === "restore" ? "transfer" : name]: hang });
      const archive = join(upgrade.folder, "state.tar.gz");
      writeFileSync(archive, "");
      const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      const deploy = { name: "deploy", status: "done" as const, startedAt: 0, findings: [] };
      const record = { ...RECORD, steps: [deploy], backup: { archive, sha256, bytes: 0, ms: 1 } };
      const ended = await runRollbackSteps(upgrade.context, record);
      expect(ended.state).toBe("rollback_failed");
      expect(ended.rollbackSteps.at(-1)).toMatchObject({
        name,
        problem: `no end within ${ROLLBACK_TIMEOUTS[name] / 1_000} s`,
      });
      expect(upgrade.getElapsed()).toBeLessThan(ROLLBACK_LIMIT);
    },
  );

  test("UPG: an old version whose gateway never answers ends the rollback in time, for a person to look", async () => {
    const upgrade = createUpgrade({}, () => false);
    const ended = await runRollbackSteps(upgrade.context, RECORD);
    expect(ended.state).toBe("rollback_failed");
    expect(ended.rollbackSteps.at(-1)?.findings).toMatchObject([{ name: "gateway", status: "failed" }]);
    expect(upgrade.getElapsed()).toBeLessThan(ROLLBACK_LIMIT);
  });

  test.each([
    ["is refused before OpenClaw is stopped", [], "refused", []],
    [
      "and did not at the rehearsal brings the old version back",
      ["rehearse"],
      "rolled_back",
      ["stop", "stop", "start"],
    ],
  ])("UPG: a state whose backup takes longer than a restore may take %s", async (_, more, state, calls) => {
    const upgrade = createUpgrade();
    Object.assign(upgrade.context.driver, {
      readPinned: () => FROM,
      transfer: async () => void upgrade.advance(ROLLBACK_TIMEOUTS.restore + 1),
    });
    const done = ["check", "fetch", "scan", "baseline", ...more].map((name) => ({
      ...{ name, status: "done" as const, startedAt: 0, findings: [] },
    }));
    const ended = await runUpgradeSteps(upgrade.context, { ...RECORD, steps: done });
    expect(ended.state).toBe(state);
    expect(ended.steps.at(-1)?.problem).toContain("Move large files out of state and workspaces");
    expect(upgrade.given.map(([name]) => name)).toEqual(calls);
  });

  test("UPG: a record that a full disk does not take keeps no rollback from starting the old version", async () => {
    const upgrade = createUpgrade({
      readPinned: () => FROM,
      transfer: async () => {
        throw new Error("tar -c: exit code 2: No space left on device");
      },
    });
    const { records } = upgrade.context;
    const done = ["check", "fetch", "scan", "baseline", "rehearse"].map((name) => ({
      ...{ name, status: "done" as const, startedAt: 0, findings: [] },
    }));
    let writes = 0;
    const write = (record: UpgradeRecord) => {
      writes += 1;
      if (writes > 1) throw new Error("ENOSPC: no space left on device");
      return records.write(record);
    };
    const context = { ...upgrade.context, records: { ...records, write } };
    const ended = await runUpgradeSteps(context, { ...RECORD, steps: done });
    expect(ended.state).toBe("rolled_back");
    expect(upgrade.given.map(([name]) => name)).toEqual(["stop", "stop", "start"]);
  });
});
