import { expect, test, vi } from "vitest";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 240_000 });

const COMMIT = "run echo made > made.txt; git add -A; git commit -qm 'feat: made'";
const UPDATE = { status: "updated", comment_posted: true, state_updated: true };

test("one process runs an approved ticket from Plane to its comment, with tmux, git and a stand-in for Claude Code", async () => {
  const rig = await createProductRig();
  const summary = { task: "ONB-1", status: "done", text: "All is done" };
  const { key, item } = await rig.addTicket([
    COMMIT,
    "permission touch allowed.txt",
    `call update_task_status ${JSON.stringify(summary)}`,
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(async () => (await rig.readSession(key))?.questions).toMatchObject([{ kind: "permission" }]);
  const [question] = (await rig.readSession(key)).questions;
  expect(question.text).toContain("touch allowed.txt");
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question: question.id, answer: "allow" });
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "All is done", source: "tool" });
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject(UPDATE);
  expect(rig.findComments(item, "All is done")).toHaveLength(1);
  expect(rig.host.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  expect(await rig.stop("groundcrew", "SIGTERM")).toBe(0);
});

test("in a session, the command groundcrew reads and completes its ticket with the token of the run, and nothing else", async () => {
  const rig = await createProductRig();
  const { key } = await rig.addTicket([
    'run groundcrew get_task_details ONB-1 > details.txt 2>&1; echo "exit $?" >> details.txt',
    'run groundcrew add_comment ONB-1 --text Hello > refused.txt 2>&1; echo "exit $?" >> refused.txt',
    "run cp details.txt refused.txt $HOME",
    "run groundcrew update_task_status ONB-1 --status done --text 'By the command'",
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "By the command", source: "tool" });
  expect(rig.host.readHome("details.txt")).toMatch(/Make it[\s\S]*exit 0/);
  expect(rig.host.readHome("refused.txt")).toMatch(/add_comment[\s\S]*exit [12]/);
});

test("OPENCLAW-18 a completion file counts once the branch has a commit and the repository's test command has passed", async () => {
  const rig = await createProductRig({ testCommand: "grep -q made made.txt" });
  const { key, item } = await rig.addTicket(
    ['run echo "Made it" > $GROUNDCREW_COMPLETION_FILE', "permission true", COMMIT],
    "commit, tests",
  );
  await rig.call(`/api/approve/${key}`, "POST", {});
  const missing = "ONB-1 is not done yet: the runner sees no commit on the branch: commit, then try again.";
  await rig
    .waitFor(() => rig.readSession(key))
    .toMatchObject({ attention: missing, questions: [{ kind: "permission" }] });
  const [question] = (await rig.readSession(key)).questions;
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question: question.id, answer: "allow" });
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Made it", source: "file" });
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject(UPDATE);
  expect(rig.findComments(item, "Tests: passed, run by the ticket runner")).toHaveLength(1);
});
