import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { findSessionProcesses } from "../../../runtime/runner/claude-process.ts";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

test.concurrent("an approved ticket becomes a session in a worktree and on a branch of its own", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const commit = "run echo hello > made.txt && git add made.txt && git commit -qm 'feat: made'";
  rig.server.set({ sessions: [rig.want("ONB-1", [commit])] });
  await rig.waitForState("ONB-1", "running");
  await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["feat: made"]);
  expect(rig.report("ONB-1")).toMatchObject({
    name: "claude-ONB-1",
    branch: "groundcrew/onb-1",
    dirty: false,
    diff: { files: 1, insertions: 1, deletions: 0 },
    conflicts: [],
  });
  await rig
    .waitFor(() => rig.report("ONB-1"))
    .toMatchObject({ cost_usd: 0.00246, tokens: { input: 1_130, output: 25 } });
  expect(rig.report("ONB-1")?.screen).toContain("all done");
  expect(rig.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
  expect(rig.git(["status", "--porcelain"])).toBe("");
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("a session receives its own token and no other secret, and no command line shows it", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished }, { env: { ANTHROPIC_API_KEY: "model-key" } });
  // The shell makes a file before its command writes to it; the renamed file appears whole.
  const desired = rig.want("ONB-1", ["run env > env.partial && mv env.partial env.txt"]);
  rig.server.set({ sessions: [desired] });
  const envFile = join(rig.worktree("ONB-1"), "env.txt");
  await rig.waitFor(() => existsSync(envFile)).toBe(true);
  const env = readFileSync(envFile, "utf8");
  await rig.waitForState("ONB-1", "running");
  for (const line of ["GROUNDCREW_TICKET=ONB-1", "GROUNDCREW_TOKEN=session-token-ONB-1", "ANTHROPIC_API_KEY=model-key"])
    expect(env).toContain(`${line}\n`);
  expect(env).toContain(`GROUNDCREW_COMPLETION_FILE=${rig.sessionFile("ONB-1", "completion.txt")}\n`);
  expect(env).not.toMatch(/PLANE|TELEGRAM|RUNNER_TOKEN|plane-secret|telegram-secret/);
  const commands = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  expect(commands).toContain(desired.session_id);
  expect(commands).not.toContain(desired.token);
  expect(rig.tmux("show-environment", "-g")).not.toMatch(/TOKEN|KEY/);
  expect(existsSync(rig.sessionFile("ONB-1", "launch.json"))).toBe(false);
});

test.concurrent("a permission request is answered by the hook, with the token of the run", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const decision = { behavior: "allow" };
  rig.server.answerHook.set("PermissionRequest", {
    hookSpecificOutput: { hookEventName: "PermissionRequest", decision },
  });
  rig.server.set({ sessions: [rig.want("ONB-1", ["permission touch allowed.txt"])] });
  await rig.waitFor(() => existsSync(join(rig.worktree("ONB-1"), "allowed.txt"))).toBe(true);
  const calls = rig.server.hooks.filter(({ body }) => body["hook_event_name"] === "PermissionRequest");
  expect(calls).toEqual([expect.objectContaining({ ticket: "ONB-1", authorization: "Bearer session-token-ONB-1" })]);
});

test.concurrent("keys, texts and interrupts reach the terminal once each, in order", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const desired = rig.want("ONB-1", ["permission echo yes >> allowed.txt"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Do you want to proceed?");
  const inputs = [
    { id: "a", kind: "keys", text: "1" },
    { id: "b", kind: "text", text: "first line\n$(touch hacked); `touch hacked`;" },
    { id: "c", kind: "interrupt", text: "" },
    { id: "d", kind: "text", text: "--second;" },
  ] as const;
  rig.server.set({ sessions: [{ ...desired, inputs: [...inputs] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.applied).toEqual(["a", "b", "c", "d"]);
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Fake answer: --second;");
  rig.server.set({ sessions: [{ ...desired, inputs: [...inputs] }] });
  const prompts = rig.server.hooks.filter(({ body }) => body["hook_event_name"] === "Stop");
  await rig.waitFor(() => rig.server.requests.at(-1)?.seen).toBe("4");
  expect(prompts).toHaveLength(3);
  expect(readFileSync(join(rig.worktree("ONB-1"), "allowed.txt"), "utf8")).toBe("yes\n");
  expect(existsSync(join(rig.worktree("ONB-1"), "hacked"))).toBe(false);
  expect(rig.report("ONB-1")?.screen).toContain("Fake answer: first line\n$(touch hacked); `touch hacked`;");
});

test.concurrent("a text waits until Claude has begun, while keys answer the dialog at its start", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1", ["trust-dialog"]);
  const inputs = [
    { id: "a", kind: "text", text: "Look at the tests first" },
    { id: "b", kind: "keys", text: "Down" },
    { id: "c", kind: "keys", text: "Enter" },
  ] as const;
  rig.server.set({ sessions: [{ ...desired, inputs: inputs.slice(0, 1) }] });
  await rig.waitFor(() => rig.report("ONB-1")?.attention).toContain("whether this folder is trusted");
  rig.server.set({ sessions: [{ ...desired, inputs: [...inputs] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Fake answer: Look at the tests first");
  expect(rig.report("ONB-1")?.applied).toEqual(["b", "c", "a"]);
});

test.concurrent("a dialog that is denied in the terminal is reported as an interruption until something is typed", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const desired = rig.want("ONB-1", ["permission touch denied.txt"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Do you want to proceed?");
  expect(rig.report("ONB-1")).not.toHaveProperty("interruption");
  rig.tmux("send-keys", "-t", "=claude-ONB-1:", "Escape");
  await rig.waitFor(() => rig.report("ONB-1")?.interruption).toMatch(/^[0-9a-f-]{36}$/);
  rig.server.set({ sessions: [{ ...desired, inputs: [{ id: "a", kind: "text", text: "Go on" }] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Fake answer: Go on");
  await rig.waitFor(() => rig.report("ONB-1")).not.toHaveProperty("interruption");
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("/complete is recorded by the hook, and by the completion file where the hook gets no answer", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  rig.server.answerHook.set("UserPromptExpansion", { decision: "block", reason: "Recorded" });
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "running");
  const summary = 'all "good" $(id) `x`';
  const complete = (id: string) => ({ id, kind: "text" as const, text: `/complete ${summary}` });
  rig.server.set({ sessions: [{ ...desired, inputs: [complete("a")] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Recorded");
  expect(rig.server.hooks.at(-1)?.body).toMatchObject({ command_name: "complete", command_args: summary });
  expect(rig.report("ONB-1")?.completion).toBeUndefined();
  rig.server.answerHook.clear();
  rig.server.set({ sessions: [{ ...desired, inputs: [complete("b")] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.completion).toEqual({ summary, source: "file" });
});

test.concurrent("a killed session is reported with its signal and last screen, and its children are ended", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const desired = rig.want("ONB-1", ["run sleep 1000 > /dev/null 2>&1 &", "die"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject({ reason: "killed" });
  expect(rig.report("ONB-1")?.screen).toContain("sleep 1000");
  await rig.waitFor(() => findSessionProcesses(desired.session_id)).toEqual([]);
  await rig.waitFor(() => rig.listSessions()).toEqual([]);
});

test.concurrent("a session that exits is reported with its status, and is started again when Groundcrew still wants it", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const desired = rig.want("ONB-1", ["run echo started >> starts.txt", "exit 3"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject({ reason: "exited" });
  rig.server.set({ sessions: [{ ...desired, resume: true }] });
  await rig.waitForState("ONB-1", "running");
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("this session was interrupted");
  expect(readFileSync(join(rig.worktree("ONB-1"), "starts.txt"), "utf8")).toBe("started\n");
});

test.concurrent.for([
  ["trust-dialog", /whether this folder is trusted/],
  ["no-session-start", /no SessionStart/],
] as const)(
  "a start with %s needs attention and shows its screen",
  async ([step, attention], { expect, onTestFinished }) => {
    const rig = await createRunnerRig({ expect, onTestFinished });
    rig.server.set({ sessions: [rig.want("ONB-1", [step])] });
    await rig.waitFor(() => rig.report("ONB-1")?.attention).toMatch(attention);
    expect(rig.report("ONB-1")).toMatchObject({ state: "starting", screen: expect.stringMatching(/Claude|workspace/) });
  },
);

test.concurrent.for([
  ["kindly", { reason: "exited", text: "cancelled by Ada" }],
  ["now", { reason: "killed", text: "cancelled by Ada" }],
] as const)("a session is stopped %s", async ([how, exit], { expect, onTestFinished }) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "running");
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how, reason: "cancelled by Ada" }] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject(exit);
  expect(rig.report("ONB-1")?.screen).toContain("all done");
  await rig.waitFor(() => findSessionProcesses(desired.session_id)).toEqual([]);
});

test.concurrent("sessions that Groundcrew does not name go on, with and without a record, until it says that they are over", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitForState("ONB-1", "running");
  rig.tmux("new-session", "-d", "-s", "claude-ONB-9", "--", "sleep", "1000");
  rig.tmux("new-session", "-d", "-s", "mine", "--", "sleep", "1000");
  rig.server.set({});
  await rig.waitFor(() => rig.output.join("")).toContain("Groundcrew does not know this session");
  await rig.waitFor(() => rig.server.requests.at(-1)?.seen).toBe("3");
  const others = ["claude-ONB-9", "mine"];
  expect(rig.listSessions().sort()).toEqual(["claude-ONB-1", ...others]);
  expect(rig.report("ONB-1")).toMatchObject({ state: "running" });
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "cancelled by Ada" }] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.listSessions().sort()).toEqual(others);
});
