import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { findSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { getTestProgram } from "../../support/test-programs.ts";
import { createRunnerRig, shareRunner, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** The runner of the tests that need no settings of their own, and kill nothing that others use. */
const useRunner = shareRunner({
  endsOnce: true,
  repository: { env: ["NPM_REGISTRY"] },
  env: { ANTHROPIC_API_KEY: "model-key", AWS_REGION: "eu-west-3", NPM_REGISTRY: "of-the-team", OTHER: "other" },
});

const COMMIT = "run echo hello > made.txt && git add made.txt && git commit -qm 'feat: made'";

test.concurrent("an approved ticket becomes a session in a worktree and on a branch of its own, with its own token and no other secret", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const branch = `groundcrew/${key.toLowerCase()}`;
  // The shell makes a file before its command writes to it; the renamed file appears whole.
  const desired = rig.run(key, [COMMIT, "run env > env.partial && mv env.partial env.txt"]);
  await rig.waitForState(key, "running");
  await rig.waitForCommits(key, ["feat: made"]);
  await rig
    .waitFor(() => rig.report(key))
    .toMatchObject({
      ...{ name: `claude-${key}`, branch, dirty: true, diff: { files: 1, insertions: 1, deletions: 0 }, conflicts: [] },
      ...{
        cost_usd: expect.closeTo(0.00369, 6),
        tokens: { input: 3_390, output: 75 },
        screen: expect.stringContaining("all done"),
      },
    });
  expect(rig.git(["log", "--format=%s", branch])).toBe("feat: made\nfirst\n");
  expect(rig.git(["status", "--porcelain"])).toBe("");

  const env = readFileSync(join(rig.worktree(key), "env.txt"), "utf8").split("\n");
  const completion = `GROUNDCREW_COMPLETION_FILE=${rig.sessionFile(key, "completion.txt")}`;
  const own = [`GROUNDCREW_TICKET=${key}`, `GROUNDCREW_TOKEN=session-token-${key}`, completion];
  const allowed = ["ANTHROPIC_API_KEY=model-key", "AWS_REGION=eu-west-3", "NPM_REGISTRY=of-the-team"];
  expect(env).toEqual(expect.arrayContaining([...own, ...allowed]));
  expect(env.join("\n")).not.toMatch(/OTHER=|PLANE|TELEGRAM|RUNNER_TOKEN|plane-secret|telegram-secret/);
  const commands = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  expect(commands).toContain(desired.session_id);
  expect(commands).not.toContain(desired.token);
  expect(rig.tmux("show-environment", "-g")).not.toMatch(/TOKEN|KEY/);
  expect(existsSync(rig.sessionFile(key, "launch.json"))).toBe(false);
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("keys, texts and interrupts reach the terminal once each, in order, and run nothing", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const desired = rig.run(key, ["permission echo yes >> allowed.txt"]);
  await rig.waitForScreen(key, "Do you want to proceed?");
  const inputs: typeof desired.inputs = [
    { id: "a", kind: "keys", text: "1" },
    { id: "b", kind: "text", text: "first line\n$(touch hacked); `touch hacked`;" },
    { id: "c", kind: "interrupt", text: "" },
    { id: "d", kind: "text", text: "--second;" },
  ];
  rig.set({ sessions: [{ ...desired, inputs }] });
  await rig.waitFor(() => rig.report(key)?.applied).toEqual(["a", "b", "c", "d"]);
  await rig.waitForScreen(key, "Fake answer: --second;");
  await rig.waitUntilSeen(rig.set({ sessions: [{ ...desired, inputs }] }));
  expect(rig.listHooks().filter(({ body }) => body["hook_event_name"] === "Stop")).toHaveLength(3);
  expect(readFileSync(join(rig.worktree(key), "allowed.txt"), "utf8")).toBe("yes\n");
  expect(existsSync(join(rig.worktree(key), "hacked"))).toBe(false);
  expect(rig.report(key)?.screen).toContain("Fake answer: first line\n$(touch hacked); `touch hacked`;");
});

test.concurrent("a start that asks for trust needs attention, keys answer it, and a text waits until Claude has begun", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const desired = rig.want(key, ["trust-dialog"]);
  const inputs: typeof desired.inputs = [
    { id: "a", kind: "text", text: "Look at the tests first" },
    { id: "b", kind: "keys", text: "Down" },
    { id: "c", kind: "keys", text: "Enter" },
  ];
  rig.set({ sessions: [{ ...desired, inputs: inputs.slice(0, 1) }] });
  await rig.waitFor(() => rig.report(key)?.attention).toContain("whether this folder is trusted");
  expect(rig.report(key)?.state).toBe("starting");
  rig.set({ sessions: [{ ...desired, inputs }] });
  await rig.waitForScreen(key, "Fake answer: Look at the tests first");
  expect(rig.report(key)?.applied).toEqual(["b", "c", "a"]);
});

test.concurrent("a dialog that is denied in the terminal is reported as an interruption until something is typed", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const desired = rig.run(key, ["permission touch denied.txt"]);
  await rig.waitForScreen(key, "Do you want to proceed?");
  expect(rig.report(key)).not.toHaveProperty("interruption");
  rig.tmux("send-keys", "-t", `=claude-${key}:`, "Escape");
  await rig.waitFor(() => rig.report(key)?.interruption).toMatch(/^[0-9a-f-]{36}$/);
  rig.set({ sessions: [{ ...desired, inputs: [{ id: "a", kind: "text", text: "Go on" }] }] });
  await rig.waitForScreen(key, "Fake answer: Go on");
  await rig.waitFor(() => rig.report(key)).not.toHaveProperty("interruption");
});

test.concurrent("a killed session is reported with its signal and last screen, its children are ended, and tokens and cost go on when it is resumed", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const desired = rig.run(key, ["run sleep 1000 > /dev/null 2>&1 &", "die"]);
  await rig.waitForState(key, "ended");
  const report = rig.report(key);
  expect(report).toMatchObject({ exit: { reason: "killed" }, tokens: { input: 2_260, output: 50 } });
  expect(report?.screen).toContain("sleep 1000");
  await rig.waitFor(() => findSessionProcesses(desired.session_id)).toEqual([]);
  await rig.waitFor(() => rig.listSessions()).not.toContain(`claude-${key}`);
  rig.set({ sessions: [{ ...desired, resume: true }] });
  await rig.waitForScreen(key, "this session was interrupted");
  await rig.waitFor(() => rig.report(key)?.tokens).toEqual({ input: 3_390, output: 75 });
  await rig.waitFor(() => rig.report(key)?.cost_usd).toBeCloseTo((report?.cost_usd ?? 0) + 0.00123, 5);
});

test.concurrent("/complete is recorded by the hook, and by the completion file where the hook gets no answer", async (context) => {
  const { key, expect, ...rig } = await useRunner(context);
  rig.server.answerHook.set(`${key} UserPromptExpansion`, { decision: "block", reason: "Recorded" });
  const desired = rig.run(key);
  await rig.waitForState(key, "running");
  const summary = 'all "good" $(id) `x`';
  const complete = (id: string) =>
    rig.set({ sessions: [{ ...desired, inputs: [{ id, kind: "text", text: `/complete ${summary}` }] }] });
  complete("a");
  await rig.waitForScreen(key, "Recorded");
  expect(rig.listHooks().at(-1)?.body).toMatchObject({ command_name: "complete", command_args: summary });
  expect(rig.report(key)?.completion).toBeUndefined();
  rig.server.answerHook.delete(`${key} UserPromptExpansion`);
  complete("b");
  await rig.waitFor(() => rig.report(key)?.completion).toEqual({ summary, source: "file" });
});

test.concurrent.for([
  ["kindly", "exited"],
  ["now", "killed"],
] as const)("a session is stopped %s", async ([how, reason], context) => {
  const { key, expect, ...rig } = await useRunner(context);
  const desired = rig.run(key);
  await rig.waitForScreen(key, "all done");
  rig.stop(key, how, "cancelled by Ada");
  await rig.waitForState(key, "ended");
  expect(rig.report(key)).toMatchObject({ exit: { reason, text: "cancelled by Ada" } });
  expect(rig.report(key)?.screen).toContain("all done");
  await rig.waitFor(() => findSessionProcesses(desired.session_id)).toEqual([]);
});

test.concurrent("a Claude Code that is missing or ends at once is reported with what to do or its words, and runs when it is repaired", async (context) => {
  const folder = createTestFolder("claude", context.onTestFinished);
  const [claude, repaired] = [join(folder, "claude"), join(folder, "repaired")];
  const { expect, ...rig } = await createRunnerRig(context, { tickets: WITHOUT_BOX, env: { CLAUDE_BIN: claude } });
  // Several, because tmux misses the end of about one in ten programs that end at once.
  const sessions = ["ONB-1", "ONB-2", "ONB-3"].map((key) => rig.want(key));
  rig.set({ sessions: sessions.slice(0, 1) });
  const text = `${claude} is not an executable file: set CLAUDE_BIN to the path of Claude Code.`;
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toEqual({ reason: "start_failed", text });
  expect(rig.readOutput()).toContain("Install it, or set CLAUDE_BIN");
  const standIn = `exec '${process.execPath}' --disable-warning=ExperimentalWarning '${getTestProgram("claude")}' "$@"`;
  const fail = `test -e ${repaired} || { echo "error: unknown option '$1'" >&2; exit 1; }`;
  writeFileSync(claude, `#!/bin/sh\n${fail}\n${standIn}\n`, { mode: 0o755 });
  rig.set({ sessions });
  for (const { ticket } of sessions)
    await rig.waitFor(() => rig.report(ticket)?.exit).toEqual({ reason: "exited", status: 1 });
  expect(rig.report("ONB-1")?.screen).toContain("error: unknown option '--session-id'");
  writeFileSync(repaired, "");
  rig.set({ sessions: sessions.slice(0, 1) });
  await rig.waitForState("ONB-1", "running");
  expect(rig.report("ONB-1")?.session_id).toBe(sessions[0]?.session_id);
});

const RED = "run printf '\\033[31mred\\033[0m'; printf '\\033]52;c;aGk=\\007\\033]0;title\\007'";

test("a watched terminal is sent in colours, only while it is watched, and once more when its session ends", async (context) => {
  const { key, expect, set, ...rig } = await useRunner(context);
  const { frames, requests } = rig.server;
  const desired = rig.run(key, [RED]);
  await rig.waitForState(key, "running");
  expect(frames).toEqual([]);
  set({ sessions: [{ ...desired, watched: true }] });
  await rig.waitFor(() => frames.at(-1)?.screen).toContain("all done");
  expect(frames.at(-1)).toMatchObject({ ticket: key, run: 1, columns: 120, rows: 40, cursor: { column: 0 } });
  expect(frames.at(-1)?.screen).toContain("\u001b[31mred");
  expect(frames.at(-1)?.screen.split("\n")).toHaveLength(40);

  // What is typed changes the picture; nothing else is sent.
  const type = (id: string, text: string, watched: boolean) =>
    set({ sessions: [{ ...desired, watched, inputs: [{ id, kind: "text", text }] }] });
  type("1", "one more turn", true);
  await rig.waitFor(() => frames.at(-1)?.screen).toContain("Fake answer: one more turn");
  for (const [i, frame] of frames.entries()) expect(frame).not.toEqual(frames[i + 1]);
  set({ sessions: [desired] });
  await rig.waitFor(() => requests.at(-1)?.watched).toEqual([]);
  const count = frames.length;
  type("2", "unseen", false);
  await rig.waitForScreen(key, "Fake answer: unseen");
  expect(frames).toHaveLength(count);
  type("3", "do: exit 3", true);
  await rig.waitForState(key, "ended");
  await rig.waitFor(() => frames.at(-1)?.screen).toContain("exit 3");
});

const logHook = (name: string) => `echo ${name} $GROUNDCREW_BRANCH >> $HOME/$GROUNDCREW_TICKET.txt`;

/** The runner of the tests of hooks: those of a ticket wait where `hold-<ticket>` is, and fail where `fail-<ticket>` is. */
const useHooks = shareRunner({
  endsOnce: true,
  tickets: {
    ...WITHOUT_BOX,
    hooks: {
      after_create: [
        ...[logHook("after_create"), "pwd >> $HOME/pwd-$GROUNDCREW_TICKET.txt; env > $HOME/env-$GROUNDCREW_TICKET.txt"],
        "echo installed 1; while test -e $HOME/hold-$GROUNDCREW_TICKET; do sleep 0.1; done; echo >&2 installed 2",
      ].join("; "),
      before_run: `${logHook("before_run")}; test ! -e $HOME/fail-$GROUNDCREW_TICKET`,
      after_run: logHook("after_run"),
      before_remove: logHook("before_remove"),
    },
  },
  repository: { hook_minutes: 1 },
});

test.concurrent("a worktree is removed when it is clean and merged, or on request, and kept otherwise", async (context) => {
  const { keys, expect, ...rig } = await useHooks(context, 3);
  const [merged = "", unmerged = "", dirty = ""] = keys;
  const steps = [[COMMIT], [COMMIT.replace("hello", "bye")], ["run echo draft > draft.txt"]];
  rig.set({ sessions: keys.map((key, i) => rig.want(key, [...(steps[i] ?? []), "exit 0"])) });
  for (const key of keys) await rig.waitForState(key, "ended");
  rig.git(["merge", "-q", `groundcrew/${merged.toLowerCase()}`]);
  rig.set({ remove: keys.map((ticket) => ({ ticket, run: 1, force: false })) });
  await rig.waitFor(() => existsSync(rig.worktree(merged))).toBe(false);
  await rig.waitFor(() => rig.report(unmerged)?.attention ?? "").toContain("is not merged into main");
  await rig.waitFor(() => rig.report(dirty)?.attention ?? "").toContain("changes that are not committed");
  // The branch goes after its worktree.
  const listBranches = () =>
    keys.filter((key) => rig.git(["branch", "--list", `groundcrew/${key.toLowerCase()}`]) !== "");
  await rig.waitFor(listBranches).toEqual([unmerged, dirty]);
  rig.remove(dirty, true);
  await rig.waitFor(() => existsSync(rig.worktree(dirty))).toBe(false);
  expect(existsSync(rig.worktree(unmerged))).toBe(true);
  const hasRun = (key: string) => rig.host.readHome(`${key}.txt`).includes("before_remove");
  expect(keys.map(hasRun)).toEqual([true, false, true]);
});

test.concurrent("hooks run once each in the worktree, and what they print is shown; a failing before_run ends the start", async (context) => {
  const { expect, host, ...rig } = await useHooks(context, 2);
  const [key = "", failing = ""] = rig.keys;
  const branch = `groundcrew/${key.toLowerCase()}`;
  const held = join(rig.home, `hold-${key}`);
  writeFileSync(held, "");
  rig.run(key, ["exit 0"]);
  await rig.waitForScreen(key, "installed 1\n");
  expect(rig.report(key)).toMatchObject({ state: "starting" });
  rmSync(held);
  await rig.waitForState(key, "ended");
  const lines = ["after_create", "before_run", "after_run"].map((name) => `${name} ${branch}\n`).join("");
  await rig.waitFor(() => host.readHome(`${key}.txt`)).toBe(lines);
  expect(host.readHome(`pwd-${key}.txt`)).toBe(`${rig.worktree(key)}\n`);
  expect(host.readHome(`env-${key}.txt`)).not.toMatch(/TOKEN|PLANE|TELEGRAM/);
  writeFileSync(join(rig.home, `fail-${failing}`), "");
  rig.run(failing);
  await rig.waitForState(failing, "ended");
  expect(rig.report(failing)?.exit).toEqual({ reason: "start_failed", text: "Hook before_run: exit code 1" });
  expect(rig.listSessions()).not.toContain(`claude-${failing}`);
});

test
  .runIf(IS_FULL_RUN)
  .concurrent(
    "a key that is not only ASCII names worktree, branch and session, also where the locale is C",
    async (context) => {
      const key = "ÖKO_2-15";
      const rig = await createRunnerRig(context, { env: { LC_ALL: "C", LANG: "C" } });
      const complete = "run printf 'fertig für heute' > $GROUNDCREW_COMPLETION_FILE";
      rig.run(key, [COMMIT.replace("made'", "größer'"), complete]);
      const completion = { summary: "fertig für heute", source: "file" };
      await rig.waitFor(() => rig.report(key)?.completion).toEqual(completion);
      await rig.waitForCommits(key, ["feat: größer"]);
      rig.expect(rig.report(key)).toMatchObject({ name: `claude-${key}`, branch: "groundcrew/öko_2-15" });
    },
  );

test.concurrent("a runner with a wrong token or without settings says what to do", async (context) => {
  const rig = await createRunnerRig(context, { env: { RUNNER_TOKEN: "another-token-0123456789" } });
  await rig.waitFor(() => rig.readOutput()).toContain("RUNNER_TOKEN is refused");
  rig.expect(rig.readOutput()).not.toContain("another-token");
  const unset = await createRunnerRig(context, { env: { RUNNER_TOKEN: "", GROUNDCREW_URL: "" } });
  await unset.waitFor(() => unset.exitCode).toBe(78);
  await unset.waitFor(() => unset.readOutput()).toMatch(/RUNNER_TOKEN is not set|GROUNDCREW_URL is not set/);
});

test.runIf(IS_FULL_RUN)(
  "while the model does not answer, the screen goes on and the session makes no progress",
  async (context) => {
    const { expect, ...rig } = await useRunner(context, 2);
    const [silent = "", refused = ""] = rig.keys;
    rig.set({ sessions: [rig.want(silent, ["silent"]), rig.want(refused, ["retry 401 invalid x-api-key"])] });
    const readOutputs = () =>
      new Set(
        rig.server.requests.flatMap(({ sessions }) =>
          sessions.flatMap(({ ticket, last_output_at }) => (ticket === silent ? [last_output_at] : [])),
        ),
      );
    await rig.waitForScreen(silent, "Thinking…");
    const progress = rig.report(silent)?.last_progress_at;
    await rig.waitFor(() => readOutputs().size).toBeGreaterThan(4);
    expect(rig.report(silent)?.last_progress_at).toBe(progress);
    const attention = "Claude repeats its request to the model: 401 invalid x-api-key";
    await rig.waitFor(() => rig.report(refused)?.attention).toBe(attention);
    rig.tmux("send-keys", "-t", `=claude-${refused}:`, "Escape");
    await rig.waitFor(() => rig.report(refused)).not.toHaveProperty("attention");
  },
);
