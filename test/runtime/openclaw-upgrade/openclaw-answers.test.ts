import { describe, expect, test } from "vitest";
import { checkDirectMessages } from "../../../runtime/openclaw-upgrade/check-upgrade.ts";
import {
  findPermissionProblems,
  findTurnProblem,
  hasModelAnswer,
  parseMcpProbe,
  parseSpawnMetrics,
} from "../../../runtime/openclaw-upgrade/openclaw-answers.ts";
import { findExemptAgents, planLimits } from "../../../runtime/openclaw-upgrade/spawn-limits.ts";

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
    expect(findPermissionProblems(log)).toEqual(["Error: EACCES: permission denied, open '/workspace/x'"]);
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
