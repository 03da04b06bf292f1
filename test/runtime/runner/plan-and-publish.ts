import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type ProductRig, toDone } from "./product-rig.ts";

const PULL_REQUEST = "https://git.example.com/onb/app/pulls/1";
const toCommit = (text: string) =>
  `permission echo ${text} >> made.txt && git add -A && git commit -qm 'feat: ${text}'`;

/**
 * The life of a ticket whose session plans first and whose result is published: the plan is sent back and approved, the
 * result sent back and approved, its red checks sent back, the pull request merged and the worktree removed. `interrupt`
 * is called while the plan waits.
 */
export async function runPlanAndPublish(rig: ProductRig, interrupt: () => Promise<void>): Promise<void> {
  const forge = rig.host.addForge(["gh"]);
  const steps = ["plan Change a.txt", "plan Change b.txt", toCommit("first"), toDone("It is made")];
  const { key, item } = await rig.addTicket(steps);
  const readQuestion = async () => (await rig.readQuestions(key))?.[0];
  const answer = async (text: string) => rig.answer(key, (await readQuestion()).id, text);
  /** A person allows the commit of a round, and the session completes its ticket. */
  const finishRound = async (summary: string) => {
    await rig.waitFor(readQuestion).toMatchObject({ kind: "permission", text: expect.stringContaining("made.txt") });
    await answer("allow");
    await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary, state: "completed" });
  };
  const update = async () => {
    expect(await rig.update(key)).toMatchObject({ status: "publishing" });
    await rig
      .waitFor(() => rig.readCompleted(key))
      .toMatchObject({ state: "done", publication: { url: PULL_REQUEST } });
  };

  await rig.approve(key);
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change a.txt") });
  await answer("Change b.txt instead");
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change b.txt") });
  await interrupt();
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change b.txt") });
  await answer("approve");
  await finishRound("It is made");

  const again = [toCommit("second"), toDone("It is better", key)].map((step) => `do: ${step}`).join("\n");
  await rig.call(`/api/sessions/${key}/send-back`, "POST", { text: `Make it better\n${again}` });
  await finishRound("It is better");
  expect(forge.read().pulls).toEqual([]);
  await update();
  const pull = { title: `${key}: Make it`, body: expect.stringContaining("It is better") };
  expect(forge.read().pulls).toMatchObject([pull]);
  expect(rig.findComments(item, PULL_REQUEST)).toHaveLength(1);

  const log = [toCommit("third"), toDone("It is green", key)].map((step) => `do: ${step}`).join("\n");
  forge.change({ checks: "failed", log: `expected 1, was 2\n${log}` });
  const readRequest = async () => (await rig.call("/api/requests")).requests[0];
  await rig.waitFor(readRequest).toMatchObject({ kind: "result", answers: ["send_back", "reject"] });
  await rig.decide(await readRequest(), "send_back");
  await finishRound("It is green");
  await update();
  expect(forge.read().pulls).toHaveLength(1);
  const commits = rig.host.git(["log", "--format=%s", `groundcrew/${key.toLowerCase()}`], forge.bare);
  expect(commits).toBe("feat: third\nfeat: second\nfeat: first\nfirst\n");
  forge.change({ checks: "passed" });
  forge.close(1, "merged");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ state: "done", publication: { state: "merged" } });
  await rig.waitFor(() => existsSync(join(rig.host.runnerFolder, "worktrees", key))).toBe(false);
  expect(rig.findComments(item, PULL_REQUEST)).toHaveLength(2);
}
