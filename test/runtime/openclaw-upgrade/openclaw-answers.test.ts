import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../../functions/doctor/openclaw.ts";
import { parseOpenclawOptions } from "../../../runtime/cli/openclaw-command.ts";
import type { ProgramResult } from "../../../runtime/node/programs.ts";
import { applyLimits, checkDirectMessages } from "../../../runtime/openclaw-upgrade/openclaw-settings.ts";
import { ROLLBACK_STEPS, rollBackOpenclaw, upgradeOpenclaw } from "../../../runtime/openclaw-upgrade/run-upgrade.ts";
import { runSmokeTest } from "../../../runtime/openclaw-upgrade/smoke-test.ts";
import {
  parseUpgradeSettings,
  runWithDeadline,
  type UpgradeDriver,
} from "../../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { renderUpgradeReport, type UpgradeRecord } from "../../../runtime/openclaw-upgrade/upgrade-record.ts";
import { HOUR, MINUTE, SECOND } from "../../../shared/time.ts";
import { createComposeRig, PROCESS_STATUS, SERVICE } from "./compose-rig.ts";
import { createUpgrade, FROM, RECORD, TO } from "./upgrade-rig.ts";

const toResult = (stdout: string, stderr = "", status = 0): ProgramResult => ({ status, stdout, stderr });

type Answers = Record<string, ProgramResult>;

/** An installation whose programs answer by the beginning of their arguments; nothing else answers. */
function createAnswering(answers: Answers, settings: object = {}, change: Partial<UpgradeDriver> = {}) {
  const calls: string[] = [];
  const answer = async (args: readonly string[]) => {
    const call = args.join(" ");
    calls.push(call);
    return Object.entries(answers).find(([start]) => call.startsWith(start))?.[1] ?? toResult("", "no answer", 1);
  };
  const { context } = createUpgrade({ runOpenclaw: answer, exec: answer, ...change });
  return { context: { ...context, settings: { ...context.settings, ...settings } }, calls };
}

/** What the smoke test finds, by the names of its checks. */
async function testVersion({ context }: Pick<ReturnType<typeof createAnswering>, "context">) {
  const { findings } = await runWithDeadline(HOUR, context, (step) => runSmokeTest(step, TO, 0));
  return Object.fromEntries(findings.map((finding) => [finding.name, finding])) as Record<string, Finding>;
}

describe("OpenClaw's answers", () => {
  test.each([
    ["ok", toResult('{\n  "runId": "r",\n  "status": "ok"\n}'), "completed a turn"],
    ["failed", toResult('{"runId":"r","status":"timeout"}'), "status timeout"],
    // 2026.2.26 then runs the turn itself and prints an answer without a status.
    [
      "failed",
      toResult('{"payloads":[{"text":"OK"}]}', "Gateway agent failed; falling back to embedded: …"),
      "the turn ran without the gateway",
    ],
    ["failed", toResult("", "boom", 1), "boom"],
  ])("UPG: a turn counts only when the gateway ran it: %s with %j", async (status, result, detail) => {
    const findings = await testVersion(createAnswering({ "agent ": result }));
    expect(findings["agent turn"]).toMatchObject({ status, detail: expect.stringContaining(detail) });
  });

  test.each([
    ["ok", toResult('{"servers":{"plane":{"tools":24}}}'), "24 tools"],
    ["failed", toResult('{"servers":{"plane":{"tools":0}}}'), "it offers no tool"],
    ["failed", toResult('{"servers":{},"diagnostics":["401"]}'), 'it did not answer: ["401"]'],
    ["skipped", toResult("", "error: unknown command 'mcp'", 1), "this version does not support MCP"],
  ])("UPG: an MCP entry is %s by %j", async (status, result, detail) => {
    const findings = await testVersion(createAnswering({ "mcp probe plane": result }, { mcp: ["plane"] }));
    expect(findings["mcp plane"]).toMatchObject({ status, detail });
  });

  const line = (role: string, stopReason: string) => `${JSON.stringify({ message: { role, stopReason } })}\n`;
  test.each([
    ["ok", `{"type":"session"}\n${line("assistant", "stop")}`],
    ["failed", line("user", "stop") + line("assistant", "error")],
    ["failed", '{"message":{"role":"assist'],
  ])("UPG: a transcript proves a wake only by an answer of the model: %s", async (status, transcript) => {
    const answering = createAnswering({ "sh -c grep": toResult(transcript) });
    let message = "";
    answering.context.fetch = async (_, init) => {
      const body = JSON.parse(String(init?.body));
      message = body.message ?? message;
      return body.message === undefined
        ? new Response('{"ok":false,"error":"message required"}', { status: 400 })
        : new Response('{"ok":true,"runId":"r"}', { status: 202 });
    };
    const { wake } = await testVersion(answering);
    expect(wake?.status).toBe(status);
    // The transcript is found by what this wake said.
    const [, mark = "none"] = /\((.*)\)$/.exec(message) ?? [];
    expect(answering.calls.findLast((call) => call.startsWith("sh -c grep"))).toContain(mark);
  });

  test("UPG: a refused system call is found in the log once per line, and a similar word is not", async () => {
    const line = "Error: EACCES: permission denied, open '/workspace/x'";
    const readLog = async () => `${line}\n${line}\nEPERMANENT fine`;
    const { log } = await testVersion(createAnswering({}, {}, { readLog }));
    expect(log).toMatchObject({ status: "failed", detail: expect.stringContaining("1 different lines") });
  });

  const limits = { agents: 5, memory: "256m", cpus: 0.25, minutes: 30 };
  const limit = async (config: object) => {
    const answers = { "cat ": toResult(JSON.stringify(config)), "config set": toResult("") };
    const { context, calls } = createAnswering(answers, { limits });
    const { changes, findings } = await runWithDeadline(MINUTE, context, applyLimits);
    const sets = calls.filter((call) => call.startsWith("config set"));
    return { changes, sets, exempt: findings.find(({ name }) => name === "agents with limits of their own")?.detail };
  };

  test("UPG: only settings that differ are changed", async () => {
    const docker = { memory: "256m", cpus: 0.25 };
    const defaults = { subagents: { maxConcurrent: 8, runTimeoutSeconds: 1800 }, sandbox: { docker } };
    expect(await limit({ agents: { defaults } })).toMatchObject({
      ...{ changes: 1, sets: ["config set agents.defaults.subagents.maxConcurrent 5"] },
    });
    expect((await limit({})).changes).toBe(4);
  });

  test.each([
    [{}, "warning"],
    [{ dmPolicy: "allowlist", allowFrom: [42] }, "ok"],
    [{ dmPolicy: "open" }, "failed"],
    [{ dmPolicy: "allowlist", allowFrom: ["*"] }, "failed"],
    [{ accounts: { team: { dmPolicy: "open" } }, dmPolicy: "allowlist", allowFrom: [42] }, "failed"],
    [{ accounts: { team: { dmPolicy: "allowlist", allowFrom: [42] } } }, "ok"],
  ])("UPG: who may write with %j is %s", (telegram, worst) => {
    const statuses = checkDirectMessages({ channels: { telegram } }).map(({ status }) => status);
    expect(["failed", "warning", "ok"].find((status) => statuses.includes(status as Finding["status"]))).toBe(worst);
  });
});

describe("The processes of the container", () => {
  const check = async (text: string) => {
    const findings = await testVersion(createAnswering({ "sh -c cat /proc": toResult(text) }));
    return Object.values(findings).filter(({ name, status }) => name.startsWith("process") && status !== "ok");
  };

  test.each([
    ["as they should be", PROCESS_STATUS, []],
    ["another user", PROCESS_STATUS.replace("Uid:\t1000\t1000", "Uid:\t1000\t0"), ["process users"]],
    [
      "NET_RAW in the bounding set",
      PROCESS_STATUS.replace("00000000000000c1", "00000000000020c1"),
      ["process capabilities"],
    ],
    ["no seccomp", PROCESS_STATUS.replace("Seccomp:\t2", "Seccomp:\t0"), ["process seccomp"]],
  ])("UPG: processes %s", async (_, text, problems) => {
    expect((await check(text)).map(({ name }) => name)).toEqual(problems);
  });

  test.each([
    ["nothing", ""],
    ["a mask that is no number", PROCESS_STATUS.replace("00000000000000c1", "c1")],
  ])("UPG: %s is no list of processes", async (_, text) => {
    expect(await check(text)).toEqual([
      expect.objectContaining({
        name: "processes",
        status: "failed",
        detail: "the status of a process cannot be read",
      }),
    ]);
  });
});

describe("The workspace", () => {
  /** A folder that GNU find looks at, as where OpenClaw runs. */
  const check = async (fill: (folder: string) => void, owner = `${process.getuid?.()}:${process.getgid?.()}`) => {
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-workspace-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    fill(folder);
    const exec: UpgradeDriver["exec"] = async ([program = "", ...args]) => {
      const { status, stdout, stderr } = spawnSync(program === "find" ? program : "false", args, { encoding: "utf8" });
      return toResult(stdout, stderr, status ?? 1);
    };
    const { workspace } = await testVersion(createAnswering({}, {}, { exec, owner, workspaces: [folder] }));
    return [workspace?.status, workspace?.detail.replaceAll(folder, "")];
  };
  const put = (name: string, mode: number) => (folder: string) => {
    mkdirSync(join(folder, name));
    chmodSync(join(folder, name), mode);
  };

  test.each([
    [put("a", 0o755), "ok", ", all of"],
    [put("a", 0o500), "failed", "its owner cannot use: /a"],
    [put("a", 0o777), "warning", "everyone can write: /a"],
    [put("a\nopen:b", 0o777), "warning", "everyone can write: /a open:b"],
  ])("UPG: mode and owner are checked, and names cannot forge entries: %#", async (fill, status, detail) => {
    expect(await check(fill)).toEqual([status, expect.stringContaining(detail)]);
  });
});

const SOCKET = { type: "bind", source: "/var/run/docker.sock", target: "/var/run/docker.sock", read_only: false };

/** Changes of the Compose service, and the checks that fail with them. */
const SERVICES: [object, string[]][] = [
  [{}, []],
  [{ image: "openclaw:latest", cap_drop: undefined }, ["image", "capabilities", "new version"]],
  [
    {
      ...{ user: undefined, privileged: true, security_opt: ["seccomp:unconfined"] },
      ...{ networks: { sandbox: null, backend: null }, volumes: [{ target: "/home/node/.openclaw" }, SOCKET] },
    },
    ["user", "capabilities", "seccomp", "networks", "volumes", "Docker socket"],
  ],
];

test("UPG: a Compose service with more rights than it needs, or without its volumes, fails the checks of --check", async () => {
  const rig = await createComposeRig();
  for (const [change, problems] of SERVICES) {
    rig.put("config.json", { services: { "openclaw-gateway": { ...SERVICE, ...change } } });
    const { out } = await rig.run("upgrade", "--from", FROM, "--to", TO, "--check", "--json");
    const failed = (JSON.parse(out).findings as Finding[]).filter(({ status }) => status === "failed");
    expect(
      failed.map(({ name }) => name),
      JSON.stringify(change),
    ).toEqual(problems);
  }
});

describe("The report of an upgrade", () => {
  test("UPG: texts cannot leave their place, and credentials are removed", () => {
    const hostile =
      "a | b\n``` `code` \u202e<img src=x> Authorization: Bearer abcdef123456 postgres://ada:hunter22@db/x marked-secret";
    const step = { name: "smoke", status: "failed" as const, startedAt: 0, problem: hostile, findings: [] };
    const report = renderUpgradeReport({ ...RECORD, state: "rolled_back", steps: [step] }, ["marked-secret"]);
    expect(report).not.toMatch(/\u202e|abcdef123456|hunter22|marked-secret/);
    expect(report.match(/^failed {3}step smoke .*$/gm)).toEqual([
      "failed   step smoke  a | b ``` `code` <img src=x> Authorization: Bearer [secret] postgres://ada:[secret]@db/x [secret] (not ended)",
      "failed   step smoke  a | b ``` `code` <img src=x> Authorization: Bearer [secret] postgres://ada:[secret]@db/x [secret] (not ended)",
    ]);
    // The text stays in blocks whose fence it cannot end.
    expect(report.match(/^`{4}(?:text)?$/gm)).toEqual(["````text", "````", "````text", "````"]);
  });
});

describe("Input of people", () => {
  test.each([
    [[], "The command is missing"],
    [["upgrade", "--to", "2026.9.6"], "--from is missing"],
    [["upgrade", "--from", "2026.2.26", "--to", "; rm -rf /"], "whole version such as 2026.2.26, not ; rm -rf /"],
    [["upgrade", "--from", "2026.2.26", "--to", "2026.9.6\n2026.9.6"], "whole version such as 2026.2.26"],
    [["upgrade", "--from", "2026.10.1", "--to", "2026.9.30"], "2026.9.30 is older than 2026.10.1"],
    [["upgrade", "--from", "2026.9.1", "--to", "2026.9.1-beta.2"], "2026.9.1-beta.2 is older than 2026.9.1"],
    [["upgrade", "--from=2026.2.26", "--to=2026.9.6", "--check", "--dry-run"], "either --check or --dry-run"],
    [["rollback", "--check"], "has no option --check"],
  ])("UPG: the arguments %j are refused: %s", (args, message) => {
    expect(() => parseOpenclawOptions(args)).toThrow(message);
  });

  test.each([
    [undefined, "does not exist. Write one, for example"],
    ['{"driver":"npm","agent":"imhotep"}', "prefix"],
    ['{"driver":"npm","agent":"--help","prefix":"/opt"}', "agent: must be a name"],
    ['{"driver":"compose","agent":"a","folder":"/srv","reach":{"plane":"api"}}', "must be a URL, or host:port"],
    ['{"driver":"compose","agent":"a","folder":"/srv","limits":{"memory":"lots"}}', "must be like"],
  ])("UPG: the settings %s are refused with %s", (text, message) => {
    const settings = parseUpgradeSettings("x.json", text);
    expect("problem" in settings ? settings.problem : "").toContain(message);
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

/** Limit of a whole rollback. */
const LIMIT = 2 * MINUTE;

const toDone = (...names: string[]): UpgradeRecord["steps"] =>
  names.map((name) => ({ name, status: "done" as const, startedAt: 0, findings: [] }));

const BEFORE_REHEARSAL = ["check", "fetch", "scan", "baseline"];

describe("The time of a rollback", () => {
  test("UPG: the timeouts of all steps add up to less than 2 minutes", () => {
    expect(ROLLBACK_STEPS.reduce((total, { timeout }) => total + timeout, 0)).toBeLessThan(LIMIT);
  });

  test.each(["stop", "restore", "start"] as const)(
    "UPG: a driver that hangs in %s is given up in time",
    async (name) => {
      const upgrade = createUpgrade({ [name === "restore" ? "transfer" : name]: hang });
      const archive = join(upgrade.folder, "state.tar.gz");
      writeFileSync(archive, "");
      const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      upgrade.context.records.write({ ...RECORD, steps: toDone("backup", "deploy"), backup: { archive, sha256 } });
      const { state, record } = await rollBackOpenclaw(upgrade.context);
      expect(state).toBe("rollback_failed");
      const timeout = ROLLBACK_STEPS.find((step) => step.name === name)?.timeout ?? 0;
      expect(record?.steps.at(-1)).toMatchObject({ name, problem: `no end within ${timeout / SECOND} s` });
      expect(upgrade.getElapsed()).toBeLessThan(LIMIT);
    },
  );

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
      transfer: async () => void upgrade.advance(31 * SECOND),
    });
    upgrade.context.records.write({ ...RECORD, steps: toDone(...BEFORE_REHEARSAL, ...more) });
    const ended = await upgradeOpenclaw(upgrade.context, RECORD);
    expect(ended.state).toBe(state);
    const problems = ended.record?.steps.flatMap(({ problem }) => problem ?? []);
    expect(problems).toEqual([expect.stringContaining("Move large files out of state and workspaces")]);
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
    records.write({ ...RECORD, steps: toDone(...BEFORE_REHEARSAL, "rehearse") });
    let writes = 0;
    const write = (record: UpgradeRecord) => {
      writes += 1;
      if (writes > 1) throw new Error("ENOSPC: no space left on device");
      return records.write(record);
    };
    const context = { ...upgrade.context, records: { ...records, write } };
    expect((await upgradeOpenclaw(context, RECORD)).state).toBe("rolled_back");
    expect(upgrade.given.map(([name]) => name)).toEqual(["stop", "stop", "start"]);
  });
});
