import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { type Desired, shareRunner } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const COMMIT = "run echo one > made.txt && git add made.txt && git commit -qm 'feat: one'";

const useRunner = shareRunner();
type Rig = Awaited<ReturnType<typeof useRunner>>;

/** A session whose first round has ended with a result that the runner has reported. */
async function createResult(context: TestContext) {
  const rig = await useRunner(context);
  const desired = rig.want(rig.key, [COMMIT]);
  rig.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report(rig.key)?.screen).toContain("all done");
  await endRound(rig, 1);
  return { rig, key: rig.key, desired };
}

async function endRound(rig: Rig, round: number) {
  const { key } = rig;
  const stop = [{ ticket: key, run: 1, how: "kindly", reason: "completed" }] as const;
  rig.set({ stop: [...stop] });
  await rig.waitForState(key, "ended");
  rig.set({ stop: [...stop] });
  await rig.waitFor(() => rig.report(key)).toBeUndefined();
  const readRound = () => JSON.parse(readFileSync(rig.sessionFile(key, "record.json"), "utf8")).round;
  await rig.waitFor(readRound).toBe(round);
}

/** The session of a further round, as Groundcrew wants it. */
function sendBack(desired: Desired, round: number, text: string): Desired {
  const inputs = [{ id: `${desired.ticket}.1.r${round}`, kind: "paste", text } as const];
  return { ...desired, round, resume: true, inputs };
}

const readPrompts = (rig: Rig) =>
  rig
    .listHooks()
    .flatMap(({ body }) => (body["hook_event_name"] === "UserPromptSubmit" ? [String(body["prompt"])] : []));

test.concurrent("two rounds continue one conversation in one worktree, each with its text and nothing else", async (context) => {
  const { expect } = context;
  const { rig, key, desired } = await createResult(context);
  const long = `/exit\n@readme.txt\n-- ${"é € ; `id` $(id)\n".repeat(1_300)}`;
  const second = `${long}do: run echo two >> made.txt && git commit -qam 'fix: two'`;
  rig.set({ sessions: [sendBack(desired, 2, second)] });
  await rig.waitFor(() => rig.report(key)?.commits.map(({ subject }) => subject)).toEqual(["fix: two", "feat: one"]);
  expect(rig.report(key)).toMatchObject({ round: 2, session_id: desired.session_id, applied: [`${key}.1.r2`] });
  const prompt = readPrompts(rig).at(-1) ?? "";
  expect(prompt).toBe(
    `A person has read the result of ticket ${key} and sends it back:\n\n${second.replace("\n@", "\n\\@")}`,
  );
  await rig.waitFor(() => rig.report(key)?.screen).toContain("all done");
  const readDifferences = () =>
    rig.server.differences
      .filter(({ ticket }) => ticket === key)
      .map(({ round, text }) => [round, text.match(/^\+\w.*$/gm)]);
  await rig.waitFor(readDifferences).toEqual([
    [1, ["+one"]],
    [2, ["+one", "+two"]],
  ]);
  await endRound(rig, 2);
  rig.set({ sessions: [sendBack(desired, 3, "do: run echo three > third.txt")] });
  await rig.waitFor(() => existsSync(join(rig.worktree(key), "third.txt"))).toBe(true);
  expect(readPrompts(rig)).toHaveLength(3);
  const starts = JSON.parse(readFileSync(rig.sessionFile(key, "session-start.json"), "utf8"));
  expect(starts).toMatchObject({ session_id: desired.session_id, source: "resume" });
  expect(rig.report(key)).not.toHaveProperty("is_new_conversation");
  expect(rig.server.problems).toEqual([]);
});

test.runIf(IS_FULL_RUN)(
  "kill -9 of the session and of the runner in a round repeat neither its text nor its work",
  async (context) => {
    const { expect } = context;
    const { rig, key, desired } = await createResult(context);
    const wanted = sendBack(desired, 2, "do: run echo two >> two.txt\ndo: die");
    rig.set({ sessions: [wanted] });
    await rig.waitForState(key, "ended");
    await rig.kill();
    rig.start();
    await rig.waitFor(() => rig.report(key)?.screen).toContain("this session was interrupted");
    await rig.waitForState(key, "running");
    expect(readFileSync(join(rig.worktree(key), "two.txt"), "utf8")).toBe("two\n");
    expect(readPrompts(rig).filter((text) => text.includes("sends it back"))).toHaveLength(1);
  },
);

test.concurrent("a conversation that Claude does not know is followed by a new one, with the difference so far and the text", async (context) => {
  const { expect } = context;
  const { rig, key, desired } = await createResult(context);
  const { transcript_path } = JSON.parse(readFileSync(rig.sessionFile(key, "session-start.json"), "utf8"));
  rmSync(transcript_path);
  writeFileSync(join(rig.worktree(key), "made.txt"), "one\nnot committed\n");
  rig.set({ sessions: [sendBack(desired, 2, "do: run echo two > two.txt")] });
  await rig.waitFor(() => existsSync(join(rig.worktree(key), "two.txt"))).toBe(true);
  await rig.waitFor(() => rig.report(key)?.is_new_conversation).toBe(true);
  const difference = rig.sessionFile(key, "difference.patch");
  expect(readFileSync(difference, "utf8")).toContain("+one\n+not committed");
  const prompt = readPrompts(rig).at(-1) ?? "";
  expect(prompt).toContain(`its conversation cannot be resumed. Read the ticket file`);
  expect(prompt).toContain(
    `${difference}.\n\nA person has read the result of ticket ${key} and sends it back:\n\ndo: run`,
  );
});

test.concurrent("a conversation that somebody else has open is not resumed beside it, and the reason is said", async (context) => {
  const { expect } = context;
  const { rig, key, desired } = await createResult(context);
  const other = spawn("sh", ["-c", "sleep 300", "claude", "--resume", desired.session_id]);
  context.onTestFinished(() => void other.kill("SIGKILL"));
  rig.set({ sessions: [sendBack(desired, 2, "do: run echo two > two.txt")] });
  await rig.waitForState(key, "ended");
  expect(rig.report(key)?.exit).toMatchObject({
    reason: "start_failed",
    text: `Process ${other.pid} has the conversation of ${key} open. Exit Claude Code there first.`,
  });
  other.kill("SIGKILL");
  await rig.waitFor(() => existsSync(join(rig.worktree(key), "two.txt"))).toBe(true);
});
