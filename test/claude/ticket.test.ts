import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runPlanAndPublish, toDone } from "../runtime/runner/product-rig.ts";
import { hasProgram } from "../support/has-program.ts";
import { CLAUDE, type ClaudeRig, createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const SUMMARY = 'All "good" $(id) `x`';
const UPDATE = { status: "updated", comment_posted: true, state_updated: true };

async function waitForPermission(rig: ClaudeRig, key: string, text: string): Promise<string> {
  const read = async () => (await rig.readQuestions(key))?.find((one: { text: string }) => one.text.includes(text));
  await rig.waitFor(read).toMatchObject({ kind: "permission" });
  return (await read()).id;
}

/** A dialog that has just been drawn ignores keys, so a person presses them again. */
async function decideInTerminal(rig: ClaudeRig, key: string, findKey: (screen: string) => string): Promise<void> {
  const readScreen = () => rig.readTerminal(key);
  const isAsked = () => readScreen().includes("Do you want to proceed?");
  // A key may come before the dialog takes keys. One too many would be typed into the line below.
  while (isAsked()) {
    rig.host.tmux("send-keys", "-t", `=claude-${key}:`, findKey(readScreen()));
    const end = Date.now() + 3_000;
    while (isAsked() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const VERSION = CLAUDE && execFileSync(CLAUDE, ["--version"], { encoding: "utf8" }).trim();

async function runTicket(isBoxed: boolean): Promise<void> {
  const rig = await createClaudeRig({ isBoxed });
  const { key, item } = await rig.addTicket([
    "permission echo made > made.txt && git add -A && git commit -qm 'feat: made'",
    "permission touch denied.txt",
    "permission touch allowed.txt",
    toDone(SUMMARY),
  ]);
  await rig.approve(key);
  const answer = async (text: string, decision: string) => {
    await rig.answer(key, await waitForPermission(rig, key, text), decision);
  };
  await answer("made.txt", "allow");
  await answer("denied.txt", "deny");
  // A person decides this one in the terminal, while the hook still waits for an answer.
  await waitForPermission(rig, key, "allowed.txt");
  await rig.waitFor(() => rig.readTerminal(key)).toMatch(/touch allowed\.txt[\s\S]*Do you want to proceed\?/);
  await decideInTerminal(rig, key, () => "1");
  // What a person is typing when the session ends must not make its command to exit a message to the model.
  rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "-l", "--", "half a line");
  const result = { summary: SUMMARY, source: "tool", state: "completed", cost_usd: expect.any(Number) };
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ ...result, commits: [{ subject: "feat: made" }] });
  expect(await rig.update(key)).toMatchObject(UPDATE);
  expect(rig.findComments(item, "feat: made")).toHaveLength(1);
  expect(rig.host.git(["ls-files", "--others"], join(rig.host.runnerFolder, "worktrees", key))).toBe("allowed.txt\n");
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  expect(existsSync(join(rig.host.runnerFolder, "sessions", key, "own"))).toBe(isBoxed);
  expect(JSON.stringify(rig.readTranscript(key))).not.toContain("half a line");
  expect(rig.model.requests.length).toBeGreaterThan(4);
}

test(`a ticket runs with ${VERSION} from its approval to one comment in Plane`, () => runTicket(false));

test.runIf(hasProgram("bwrap"))(`a ticket runs with ${VERSION} in a box in the same way`, () => runTicket(true));

test("the end of a turn asks, its answer is typed, and /complete records the summary without the model", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([]);
  await rig.approve(key);
  const readQuestion = async () => (await rig.readQuestions(key))?.[0];
  await rig.waitFor(readQuestion).toMatchObject({ kind: "input", text: expect.stringContaining("all done") });
  await rig.answer(key, (await readQuestion()).id, "Go on");
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain("❯ Go on");
  await rig.waitFor(readQuestion).toMatchObject({ kind: "input", text: expect.stringContaining("fake model") });
  const requests = rig.model.requests.length;
  await rig.call(`/api/sessions/${key}/input`, "POST", { text: `/complete ${SUMMARY}` });
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: SUMMARY, source: "command" });
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  expect(rig.model.requests).toHaveLength(requests);
});

test.each([
  ["Escape", () => "Escape"],
  // Its number depends on what else Claude offers.
  ["No", (screen: string) => /(\d)\. No\b/.exec(screen)?.[1] ?? ""],
])(
  "a permission that is denied in the terminal by %s is closed, and the session waits for text",
  async (_, findKey) => {
    const rig = await createClaudeRig();
    const { key } = await rig.addTicket(["permission touch denied.txt"]);
    await rig.approve(key);
    const question = await waitForPermission(rig, key, "denied.txt");
    await rig.waitFor(() => rig.readTerminal(key)).toContain("Do you want to proceed?");
    await decideInTerminal(rig, key, findKey);
    const readQuestions = () => rig.readQuestions(key);
    await rig.waitFor(readQuestions).toMatchObject([{ kind: "input", text: expect.stringContaining("Interrupted") }]);
    const late = await rig.answer(key, question, "allow");
    expect(late).toMatchObject({ error: { code: "conflict" } });
    const [{ id }] = await readQuestions();
    await rig.answer(key, id, "Leave it");
    await rig.waitFor(() => rig.readTerminal(key)).toContain("❯ Leave it");
  },
);

/** A ticket whose one command was allowed, and whose session waits for a person. */
async function runAllowedCommand() {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket(["permission touch allowed.txt"]);
  await rig.approve(key);
  await rig.answer(key, await waitForPermission(rig, key, "allowed.txt"), "allow");
  await rig.waitFor(() => rig.readQuestions(key)).toMatchObject([{ kind: "input" }]);
  return { rig, key };
}

test("after kill -9 of tmux, the session is resumed with its conversation", async () => {
  const { rig, key } = await runAllowedCommand();
  await rig.killTmux();
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain("this session was interrupted");
  expect((await rig.readSession(key)).screen).toContain("touch allowed.txt");
});

test("after kill -9 of Claude Code, tokens and cost are those of the whole session", async () => {
  const { rig, key } = await runAllowedCommand();
  // Three requests of 1,130 tokens, and 25 of each answer, at 0.00123 US dollars.
  await rig.waitFor(() => rig.readSession(key)).toMatchObject({ tokens: { input: 3_390, output: 75 } });
  await rig.waitFor(async () => (await rig.readSession(key))?.cost_usd).toBeCloseTo(0.00369, 5);
  const pid = Number(rig.host.tmux("display-message", "-p", "-t", `=claude-${key}:`, "#{pane_pid}"));
  process.kill(pid, "SIGKILL");
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain("this session was interrupted");
  await rig.waitFor(() => rig.readSession(key)).toMatchObject({ tokens: { input: 4_520, output: 100 } });
  await rig.waitFor(async () => (await rig.readSession(key))?.cost_usd).toBeCloseTo(0.00492, 5);
});

test.each([
  ["refuses is reported as what it is", 429, /request to the model: 429/],
  ["does not answer is reported within six minutes, although the screen goes on", "silent", /^silent since/],
] as const)("a model that %s", async (_, fault, attention) => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([]);
  rig.model.setFault(fault);
  await rig.approve(key);
  await rig.waitFor(async () => (await rig.readSession(key))?.attention, 360_000).toMatch(attention);
});

test("TICKET-01 TICKET-04 a plan and a result are sent back, then approved, published, repaired when checks are red, merged and cleaned", async () => {
  const rig = await createClaudeRig({ isApart: true, publish: "pull-request", planFirst: true });
  await runPlanAndPublish(rig, () => rig.restart("groundcrew"));
});

/** Steps that commit a file of this name and complete the ticket. */
const workOn = (name: string) => [
  `permission echo ${name} > ${name}.txt && git add -A && git commit -qm 'feat: ${name}'`,
  toDone(`Made ${name}`, "ONB-1"),
];

test("two rounds of send back go on in one conversation, with texts that are nothing but text to Claude", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket(workOn("one"));
  await rig.approve(key);
  const finishRound = async (name: string) => {
    await rig.answer(key, await waitForPermission(rig, key, `${name}.txt`), "allow");
    await rig.waitFor(async () => (await rig.readCompleted(key))?.summary).toBe(`Made ${name}`);
  };
  await finishRound("one");
  const long = "é € $(id) ".repeat(1_500);
  for (const name of ["two", "three"]) {
    const steps = workOn(name).map((step) => `do: ${step}`);
    const text = ["/compact x", "@readme.txt", `-- ${long}`, ...steps].join("\n");
    expect(await rig.call(`/api/sessions/${key}/send-back`, "POST", { text })).toMatchObject({ state: "approved" });
    await finishRound(name);
  }
  const entries = rig.readTranscript(key);
  expect(new Set(entries.flatMap(({ sessionId }) => sessionId ?? [])).size).toBe(1);
  const texts = entries.filter(({ type }) => type === "user").map((entry) => JSON.stringify(entry));
  expect(texts.filter((text) => text.includes(`-- ${long}`) && text.includes("/compact x"))).toHaveLength(2);
  expect(JSON.stringify(entries.filter(({ type }) => type === "attachment"))).not.toContain("readme.txt");
  const { rounds } = await rig.call(`/api/tickets/${key}`, "GET");
  const lines = rounds.map(({ round, summary }: { round: number; summary: string }) => `${round} ${summary}`);
  expect(lines).toEqual(["3 Made three", "2 Made two", "1 Made one"]);
});
