import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig } from "../runtime/runner/product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const CLAUDE = process.env["TEST_CLAUDE"] ?? "";
/** No key of anybody; Claude Code only checks that there is one. */
const API_KEY = "sk-ant-api03-key-of-the-fake-model-0123456789";
const SUMMARY = 'All "good" $(id) `x`';
const UPDATE = { status: "success", comment_posted: true, state_updated: true };

/** Starts the product with the installed Claude Code, which reaches nothing but this machine. */
async function createClaudeRig() {
  const model = createModelSimulator();
  const url = await model.start();
  onTestFinished(() => model.stop());
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const rig = await createProductRig({
    env: {
      ...{ CLAUDE_BIN: CLAUDE, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: API_KEY, ...proxies },
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    },
  });
  // What a person has answered at the first start of Claude Code on this host.
  const answers = {
    hasCompletedOnboarding: true,
    customApiKeyResponses: { approved: [API_KEY.slice(-20)], rejected: [] },
    projects: { [rig.host.repository]: { hasTrustDialogAccepted: true } },
  };
  writeFileSync(join(rig.host.home, ".claude.json"), JSON.stringify(answers));
  const readTerminal = (key: string) => rig.host.tmux("capture-pane", "-p", "-t", `=claude-${key}:`);
  /** The entries of a session's conversation, as Claude Code has stored them. */
  const readTranscript = (key: string) => {
    const start = readFileSync(join(rig.host.runnerFolder, "sessions", key, "session-start.json"), "utf8");
    const lines = readFileSync(JSON.parse(start).transcript_path, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line));
  };
  return { ...rig, model, readTerminal, readTranscript };
}
type ClaudeRig = Awaited<ReturnType<typeof createClaudeRig>>;

async function waitForPermission(rig: ClaudeRig, key: string, text: string): Promise<string> {
  const read = async () =>
    (await rig.readSession(key))?.questions.find((one: { text: string }) => one.text.includes(text));
  await rig.waitFor(read).toMatchObject({ kind: "permission" });
  return (await read()).id;
}

test(`a ticket runs with ${CLAUDE && execFileSync(CLAUDE, ["--version"], { encoding: "utf8" }).trim()} from its approval to one comment in Plane`, async () => {
  const rig = await createClaudeRig();
  const completion = { task: "ONB-1", status: "done", text: SUMMARY };
  const { key, item } = await rig.addTicket([
    "permission echo made > made.txt && git add -A && git commit -qm 'feat: made'",
    "permission touch denied.txt",
    "permission touch allowed.txt",
    `call update_task_status ${JSON.stringify(completion)}`,
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const answer = async (text: string, decision: string) => {
    const question = await waitForPermission(rig, key, text);
    await rig.call(`/api/sessions/${key}/answer`, "POST", { question, answer: decision });
  };
  await answer("made.txt", "allow");
  await answer("denied.txt", "deny");
  // A person decides this one in the terminal, while the hook still waits for an answer.
  await waitForPermission(rig, key, "allowed.txt");
  await rig.waitFor(() => rig.readTerminal(key)).toMatch(/touch allowed\.txt[\s\S]*Do you want to proceed\?/);
  rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "1");
  await rig
    .waitFor(() => rig.readCompleted(key))
    .toMatchObject({
      ...{ summary: SUMMARY, source: "tool", state: "completed", cost_usd: expect.any(Number) },
      commits: [{ subject: "feat: made" }],
    });
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject(UPDATE);
  expect(rig.findComments(item, "feat: made")).toHaveLength(1);
  expect(rig.host.git(["ls-files", "--others"], join(rig.host.runnerFolder, "worktrees", key))).toBe("allowed.txt\n");
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  expect(rig.model.requests.length).toBeGreaterThan(4);
});

test("the end of a turn asks, its answer is typed, and /complete records the summary without the model", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const readQuestion = async () => (await rig.readSession(key))?.questions[0];
  await rig.waitFor(readQuestion).toMatchObject({ kind: "input", text: expect.stringContaining("all done") });
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question: (await readQuestion()).id, answer: "Go on" });
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain("❯ Go on");
  await rig.waitFor(readQuestion).toMatchObject({ kind: "input", text: expect.stringContaining("fake model") });
  const requests = rig.model.requests.length;
  await rig.call(`/api/sessions/${key}/input`, "POST", { text: `/complete ${SUMMARY}` });
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: SUMMARY, source: "command" });
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  expect(rig.model.requests).toHaveLength(requests);
});

test.each([
  ["Escape", ["Escape"]],
  ["No", ["4"]],
])("a permission that is denied in the terminal by %s is closed, and the session waits for text", async (_, keys) => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket(["permission touch denied.txt"]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const question = await waitForPermission(rig, key, "denied.txt");
  await rig.waitFor(() => rig.readTerminal(key)).toContain("Do you want to proceed?");
  rig.host.tmux("send-keys", "-t", `=claude-${key}:`, ...keys);
  const readQuestions = async () => (await rig.readSession(key))?.questions;
  await rig.waitFor(readQuestions).toMatchObject([{ kind: "input", text: expect.stringContaining("Interrupted") }]);
  const late = await rig.call(`/api/sessions/${key}/answer`, "POST", { question, answer: "allow" });
  expect(late).toMatchObject({ error: { code: "conflict" } });
  const [{ id }] = await readQuestions();
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question: id, answer: "Leave it" });
  await rig.waitFor(() => rig.readTerminal(key)).toContain("❯ Leave it");
});

const COLOURS = ["Red", "Blue"].map((label) => ({ label, description: `It is ${label}.` }));
const QUESTION = { question: "Which colour?", header: "Colour", multiSelect: false, options: COLOURS };

test.each([
  ["on the page by an option", "page", "Blue"],
  ["on the page by a text of its own", "page", "Green, please"],
  ["in the terminal", "terminal", "Red"],
])(
  "a question of Claude Code's question tool that is answered %s succeeds with the answer",
  async (_, place, answer) => {
    const rig = await createClaudeRig();
    const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: [QUESTION] })}`]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    const readQuestions = async () => (await rig.readSession(key))?.questions;
    await rig.waitFor(readQuestions).toMatchObject([{ text: "Which colour?", options: ["Red", "Blue"] }]);
    const [{ id }] = await readQuestions();
    await rig.waitFor(() => rig.readTerminal(key)).toContain("Enter to select");
    if (place === "page") await rig.call(`/api/sessions/${key}/answer`, "POST", { question: id, answer });
    else rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "1");
    // The turn goes on to its end, and nothing is left of the question.
    await rig.waitFor(readQuestions).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
    // Claude Code stores its conversation some time after it.
    const readResults = () => rig.readTranscript(key).flatMap(({ toolUseResult }) => toolUseResult?.answers ?? []);
    await rig.waitFor(readResults).toEqual([{ "Which colour?": answer }]);
  },
);

test("after kill -9 of tmux, the session is resumed with its conversation", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket(["permission touch allowed.txt"]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const question = await waitForPermission(rig, key, "allowed.txt");
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question, answer: "allow" });
  await rig.waitFor(async () => (await rig.readSession(key))?.questions).toMatchObject([{ kind: "input" }]);
  await rig.killTmux();
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain("this session was interrupted");
  expect((await rig.readSession(key)).screen).toContain("touch allowed.txt");
});
