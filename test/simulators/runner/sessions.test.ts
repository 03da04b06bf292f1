import { test, vi } from "vitest";
import { createSimulatorRig, print } from "./simulator-rig.ts";

vi.setConfig({ testTimeout: 60_000 });

const PERMISSION = {
  do: "ask_permission",
  tool: "Bash",
  input: { command: "npm test" },
  allowed: print("all tests pass"),
  denied: print("not allowed"),
} as const;
const COMMIT = { do: "commit", subject: "feat: made", files: 2, insertions: 30, deletions: 4 } as const;

/** The answer of Groundcrew to a permission request. */
function decide(behavior: "allow" | "deny") {
  return { hookSpecificOutput: { hookEventName: "PermissionRequest", decision: { behavior } } };
}

test.concurrent("A session reports its output, cost, tokens, commits and size of the change", async (context) => {
  const { expect } = context;
  const rig = await createSimulatorRig(context, {
    "ONB-1": {
      steps: [
        ...print("one\n\u001b[32mtwo\u001b[0m"),
        { do: "spend", usd: 0.2, input: 1_000, output: 20 },
        { do: "spend", usd: 0.3, input: 500, output: 5 },
        COMMIT,
        { do: "edit" },
      ],
    },
  });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitFor(() => rig.report("ONB-1")?.dirty).toBe(true);
  expect(rig.report("ONB-1")).toMatchObject({
    cost_usd: 0.5,
    tokens: { input: 1_500, output: 25 },
    commits: [{ id: expect.stringMatching(/^[0-9a-f]{40}$/), subject: "feat: made" }],
    diff: { files: 2, insertions: 30, deletions: 4 },
    conflicts: [],
  });
  expect(rig.report("ONB-1")?.screen).toMatch(/one\ntwo$/);
  // The end of a turn is reported, with what was said last.
  await rig.waitFor(() => rig.server.hooks.map(({ body }) => body["hook_event_name"])).toEqual(["Stop"]);
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("A permission is asked by the hook with the token of the run, and the answer decides", async (context) => {
  const { expect } = context;
  const rig = await createSimulatorRig(context, { "ONB-1": { steps: [PERMISSION] } });
  rig.server.answerHook.set("PermissionRequest", decide("deny"));
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("not allowed");
  expect(rig.server.hooks[0]).toEqual({
    ticket: "ONB-1",
    authorization: "Bearer session-token-ONB-1",
    body: expect.objectContaining({
      hook_event_name: "PermissionRequest",
      tool_name: "Bash",
      tool_input: { command: "npm test" },
    }),
  });
});

test.concurrent.for([
  [{ id: "a", kind: "keys", text: "1" }, "all tests pass"],
  [{ id: "a", kind: "keys", text: "Escape" }, "not allowed"],
] as const)(
  "Without an answer by the hook a permission is decided in the terminal: %o",
  async ([input, outcome], context) => {
    const rig = await createSimulatorRig(context, { "ONB-1": { steps: [PERMISSION] } });
    const desired = rig.want("ONB-1");
    rig.server.set({ sessions: [desired] });
    await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("Do you want to proceed?");
    rig.server.set({ sessions: [{ ...desired, inputs: [input] }] });
    await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain(outcome);
  },
);

test.concurrent("A question ends the turn, and what is typed continues the session", async (context) => {
  const { expect } = context;
  const steps = [{ do: "ask_person", text: "Which colour?" } as const, ...print("painted")];
  const rig = await createSimulatorRig(context, { "ONB-1": { steps } });
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired] });
  await rig
    .waitFor(() => rig.server.hooks.map(({ body }) => body["last_assistant_message"]))
    .toEqual(["Which colour?"]);
  // Typed key by key, as in a terminal that a person has taken over.
  const keys = ["B", "l", "u", "x", "BSpace", "e", "Enter"].map(
    (text, i) => ({ id: `k${i}`, kind: "keys", text }) as const,
  );
  rig.server.set({ sessions: [{ ...desired, inputs: keys }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("❯ Blue\npainted");
  expect(rig.server.hooks[1]?.body).toMatchObject({ hook_event_name: "UserPromptSubmit", prompt: "Blue" });
});

test.concurrent("Escape interrupts the work, and the next text continues it", async (context) => {
  const rig = await createSimulatorRig(context, {
    "ONB-1": { steps: [...print("begun"), { do: "print", text: "counting\n".repeat(500), ms: 50 }] },
  });
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("counting");
  const interrupt = { id: "a", kind: "interrupt", text: "" } as const;
  rig.server.set({ sessions: [{ ...desired, inputs: [interrupt] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toMatch(/Interrupted$/);
  const text = { id: "b", kind: "text", text: "Go on" } as const;
  rig.server.set({ sessions: [{ ...desired, inputs: [interrupt, text] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toMatch(/❯ Go on\n● Understood\.\ncounting/);
});

test.concurrent("A completion is recorded by the hook, and reported as a file where the hook gets no answer", async (context) => {
  const { expect } = context;
  const rig = await createSimulatorRig(context, {
    "ONB-1": { steps: [{ do: "complete", summary: "All done" }] },
    "ONB-2": { steps: [{ do: "write_completion_file", summary: "Done as well" }] },
  });
  rig.server.answerHook.set("UserPromptExpansion", { decision: "block", reason: "Recorded" });
  rig.server.set({ sessions: [rig.want("ONB-1"), rig.want("ONB-2")] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toMatch(/❯ \/complete All done\n.*Recorded$/);
  expect(rig.server.hooks.find(({ ticket }) => ticket === "ONB-1")?.body).toMatchObject({
    hook_event_name: "UserPromptExpansion",
    command_name: "complete",
    command_args: "All done",
  });
  expect(rig.report("ONB-1")?.completion).toBeUndefined();
  await rig.waitFor(() => rig.report("ONB-2")?.completion).toEqual({ summary: "Done as well", source: "file" });
  rig.server.answerHook.clear();
  rig.server.set({ sessions: [rig.want("ONB-1", { run: 2 })] });
  await rig.waitFor(() => rig.report("ONB-1")?.completion).toEqual({ summary: "All done", source: "file" });
});

test.concurrent("A dialog at the start waits for a key", async (context) => {
  const { expect } = context;
  const startDialog = "Do you trust the files in this folder?";
  const rig = await createSimulatorRig(context, { "ONB-1": { startDialog, steps: print("begun") } });
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.attention).toContain("Answer in the terminal");
  expect(rig.report("ONB-1")).toMatchObject({ state: "starting", screen: startDialog });
  rig.server.set({ sessions: [{ ...desired, inputs: [{ id: "a", kind: "keys", text: "Enter" }] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("begun");
  expect(rig.report("ONB-1")).toMatchObject({ state: "running" });
  expect(rig.report("ONB-1")?.attention).toBeUndefined();
});

test.concurrent("A session that crashed or vanished is resumed behind the step at which it ended", async (context) => {
  const { expect } = context;
  const steps = [COMMIT, { do: "spend", usd: 0.1, input: 1, output: 1 }, { do: "crash" }, ...print("second")] as const;
  const rig = await createSimulatorRig(context, { "ONB-1": { steps } });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toEqual({ reason: "killed", signal: "SIGKILL" });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("second");
  expect(rig.report("ONB-1")).toMatchObject({ commits: [{ subject: "feat: made" }], cost_usd: 0.1 });
  rig.runner.restartHost();
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toEqual({ reason: "vanished" });
  await rig.waitFor(() => rig.report("ONB-1")?.state).toBe("running");
});

test.concurrent("A worktree with unmerged commits or changes is kept unless its removal is forced", async (context) => {
  const rig = await createSimulatorRig(context, { "ONB-1": { steps: [COMMIT, { do: "exit", status: 0 }] } });
  const of = { ticket: "ONB-1", run: 1 };
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toEqual({ reason: "exited", status: 0 });
  rig.server.set({ remove: [{ ...of, force: false }] });
  await rig.waitFor(() => rig.report("ONB-1")?.attention).toContain("its branch is not merged into main");
  rig.server.set({ remove: [{ ...of, force: true }] });
  await rig.waitFor(() => rig.report("ONB-1")).toBeUndefined();
});

test.concurrent("Sessions live on while the runner is away, and everything is reported afterwards", async (context) => {
  const { expect } = context;
  const rig = await createSimulatorRig(context, {
    "ONB-1": {
      steps: [
        { do: "wait", ms: 2_000 },
        COMMIT,
        { do: "write_completion_file", summary: "Done" },
        { do: "exit", status: 0 },
      ],
    },
  });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitFor(() => rig.report("ONB-1")?.state).toBe("running");
  await rig.runner.disconnect();
  await rig.waitFor(() => rig.runner.getReports()[0]?.state).toBe("ended");
  rig.runner.connect();
  await rig
    .waitFor(() => rig.report("ONB-1"))
    .toMatchObject({
      state: "ended",
      exit: { reason: "exited", status: 0 },
      completion: { summary: "Done" },
    });
  expect(rig.report("ONB-1")?.commits).toHaveLength(1);
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("A session of a project without a repository, or whose start fails, is reported with its reason", async (context) => {
  const rig = await createSimulatorRig(context, { "ONB-1": { startFailure: "after_create failed" } });
  rig.server.set({ sessions: [rig.want("ONB-1"), rig.want("WEB-1", { project: "WEB" })] });
  await rig
    .waitFor(() => rig.report("WEB-1")?.exit)
    .toEqual({ reason: "start_failed", text: "This runner has no repository for WEB." });
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toEqual({ reason: "start_failed", text: "after_create failed" });
});
