import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import type { Desired } from "./exchange-server.ts";
import { shareRunner } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const useRunner = shareRunner();
type Rig = Awaited<ReturnType<typeof useRunner>>;

/** A session whose first round has ended with a result that the runner has reported. */
async function createResult(context: TestContext) {
  const rig = await useRunner(context);
  const { key, expect } = rig;
  const desired = rig.run(key, ["run echo one > made.txt && git add made.txt && git commit -qm 'feat: one'"]);
  await rig.waitForScreen(key, "all done");
  await endRound(rig);
  return { rig, key, desired, expect };
}

async function endRound(rig: Rig) {
  rig.stop(rig.key, "kindly");
  await rig.waitForState(rig.key, "ended");
  rig.stop(rig.key, "kindly");
  await rig.waitFor(() => rig.report(rig.key)).toBeUndefined();
  await rig.waitFor(() => rig.readRecord(rig.key).round).toBe(1);
}

/** Wants the session of the second round. */
function sendBack(rig: Rig, desired: Desired, text: string) {
  const inputs: Desired["inputs"] = [{ id: `${desired.ticket}.1.r2`, kind: "paste", text }];
  rig.set({ sessions: [{ ...desired, round: 2, resume: true, inputs }] });
}

const readPrompts = (rig: Rig) =>
  rig
    .listHooks()
    .flatMap(({ body }) => (body["hook_event_name"] === "UserPromptSubmit" ? [String(body["prompt"])] : []));

test.concurrent("two rounds continue one conversation in one worktree, each with its text and nothing else", async (context) => {
  const { rig, key, desired, expect } = await createResult(context);
  const long = `/exit\n@readme.txt\n-- ${"é € ; `id` $(id)\n".repeat(1_300)}`;
  const second = `${long}do: run echo two >> made.txt && git commit -qam 'fix: two'`;
  sendBack(rig, desired, second);
  await rig.waitForCommits(key, ["fix: two", "feat: one"]);
  expect(rig.report(key)).toMatchObject({ round: 2, session_id: desired.session_id, applied: [`${key}.1.r2`] });
  const begin = `A person has read the result of ticket ${key} and sends it back:\n\n`;
  expect(readPrompts(rig).at(-1)).toBe(begin + second.replace("\n@", "\n\\@"));
  await rig.waitForScreen(key, "all done");
  const readDifferences = () =>
    rig.server.differences
      .filter(({ ticket }) => ticket === key)
      .map(({ round, text }) => [round, text.match(/^\+\w.*$/gm)]);
  await rig.waitFor(readDifferences).toEqual([
    [1, ["+one"]],
    [2, ["+one", "+two"]],
  ]);
  expect(readPrompts(rig)).toHaveLength(2);
  const starts = JSON.parse(readFileSync(rig.sessionFile(key, "session-start.json"), "utf8"));
  expect(starts).toMatchObject({ session_id: desired.session_id, source: "resume" });
  expect(rig.report(key)).not.toHaveProperty("is_new_conversation");
});

test.concurrent("a conversation that somebody else has open is not resumed beside it; one that Claude does not know is followed by a new one, with the difference so far and the text", async (context) => {
  const { rig, key, desired, expect } = await createResult(context);
  const other = spawn("sh", ["-c", "sleep 300", "claude", "--resume", desired.session_id]);
  context.onTestFinished(() => void other.kill("SIGKILL"));
  sendBack(rig, desired, "do: run echo two > two.txt");
  await rig.waitForState(key, "ended");
  const text = `Process ${other.pid} has the conversation of ${key} open. Exit Claude Code there first.`;
  expect(rig.report(key)?.exit).toMatchObject({ reason: "start_failed", text });
  const { transcript_path } = JSON.parse(readFileSync(rig.sessionFile(key, "session-start.json"), "utf8"));
  rmSync(transcript_path);
  writeFileSync(join(rig.worktree(key), "made.txt"), "one\nnot committed\n");
  other.kill("SIGKILL");
  await rig.waitFor(() => existsSync(join(rig.worktree(key), "two.txt"))).toBe(true);
  await rig.waitFor(() => rig.report(key)?.is_new_conversation).toBe(true);
  const difference = rig.sessionFile(key, "difference.patch");
  expect(readFileSync(difference, "utf8")).toContain("+one\n+not committed");
  const prompt = readPrompts(rig).at(-1);
  expect(prompt).toContain("its conversation cannot be resumed. Read the ticket file");
  const sentBack = `A person has read the result of ticket ${key} and sends it back:\n\ndo: run`;
  expect(prompt).toContain(`${difference}.\n\n${sentBack}`);
});

test.runIf(IS_FULL_RUN)(
  "kill -9 of the session and of the runner in a round repeat neither its text nor its work",
  async (context) => {
    const { rig, key, desired, expect } = await createResult(context);
    sendBack(rig, desired, "do: run echo two >> two.txt\ndo: die");
    await rig.waitForState(key, "ended");
    await rig.kill();
    rig.start();
    await rig.waitForScreen(key, "this session was interrupted");
    await rig.waitForState(key, "running");
    expect(readFileSync(join(rig.worktree(key), "two.txt"), "utf8")).toBe("two\n");
    expect(readPrompts(rig).filter((text) => text.includes("sends it back"))).toHaveLength(1);
  },
);
