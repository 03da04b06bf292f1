import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { findSessionProcesses } from "../../runtime/runner/session-processes.ts";
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

const POLICY = { permission_mode: "acceptEdits", allow: ["Bash(git add:*)", "Bash(git commit:*)"] };

const STEPS = [
  ...["permission touch made.txt", "permission git add made.txt", "permission git commit -qm 'feat: made'"],
  ...["permission git show --stat HEAD", "permission cat .env"],
  toDone("It is made"),
];

/** Approves a ticket and, where it has one, its plan, then its result; returns the kinds of all that was asked. */
async function runWithPolicy(rig: ClaudeRig, steps: readonly string[]): Promise<string[]> {
  const { key } = await rig.addTicket(steps);
  const asked = new Map<string, string>();
  const look = async () => {
    for (const request of (await rig.call("/api/requests")).requests) {
      if (!asked.has(request.id) && request.kind === "plan") await rig.decide(request, "approve");
      asked.set(request.id, request.kind);
    }
    return rig.readCompleted(key);
  };
  await look();
  await rig.approve(key);
  await rig.waitFor(look).toMatchObject({ summary: "It is made", state: "completed" });
  await look();
  await rig.update(key);
  await rig.waitFor(look).toMatchObject({ state: "done", commits: [{ subject: "feat: made" }] });
  expect(JSON.stringify(rig.readTranscript(key))).not.toContain("of-the-team");
  return [...asked.values()];
}

const BOXES = hasProgram("bwrap") ? [false, true] : [false];

test.each(BOXES)(`with a good policy a ticket needs two verdicts with ${VERSION} (in a box: %s)`, async (isBoxed) => {
  const rig = await createClaudeRig({ isBoxed, policy: POLICY });
  rig.host.commitFiles({
    ".env": "SECRET=of-the-team",
    ".groundcrew.json": { deny: ["Read(./.env)"], prompt: "Sign off as the team." },
    ".claude/settings.json": { permissions: { ask: ["Bash(git push:*)"] } },
  });
  expect(await runWithPolicy(rig, STEPS)).toEqual(["ticket", "result"]);
});

test(`the rules of a policy come with the approval of a plan with ${VERSION}`, async () => {
  const rig = await createClaudeRig({ policy: { ...POLICY, plan_first: true } });
  rig.host.commitFiles({ "readme.md": "of the team" });
  expect(await runWithPolicy(rig, ["plan Make it", ...STEPS])).toEqual(["ticket", "plan", "result"]);
});

/** Timeout for a state of ten sessions at once on one or two processors: 10 min. */
const TIMEOUT_MS = 600_000;
const KEYS = Array.from({ length: 10 }, (_, i) => `ONB-${i + 1}`);

test("ten tickets at once become ten pull requests: none is lost or done twice, and after the merge nothing is left", {
  timeout: 3 * TIMEOUT_MS,
}, async () => {
  const rig = await createClaudeRig({
    ...{ isApart: true, publish: "pull-request", tickets: { max_sessions: KEYS.length } },
  });
  const forge = rig.host.addForge(["gh"]);
  // Rules of a person, so that nobody has to allow ten commands.
  mkdirSync(join(rig.host.home, ".claude"), { recursive: true });
  writeFileSync(join(rig.host.home, ".claude", "settings.json"), JSON.stringify({ permissions: { allow: ["Bash"] } }));
  const items = [];
  for (const key of KEYS) {
    const commit = `echo ${key} >> $HOME/runs.txt && echo ${key} > ${key}.txt && git add -A && git commit -qm 'feat: ${key}'`;
    const { item } = await rig.addTicket([`run ${commit}`, toDone(`Made ${key}`)]);
    items.push(item);
  }
  await Promise.all(KEYS.map(rig.approve));
  const readAll = (state: string) => async () => {
    const results = await Promise.all(KEYS.map((key) => rig.readCompleted(key)));
    return results.map((result) => (result?.state === state ? result.summary : undefined));
  };
  const summaries = KEYS.map((key) => `Made ${key}`);
  await rig.waitFor(readAll("completed"), TIMEOUT_MS).toEqual(summaries);
  const ids = KEYS.map((key) => rig.readRecord(key).session_id);
  console.info("seconds from the approval to the session:", await readStartTimes());

  await Promise.all(KEYS.map(rig.update));
  await rig.waitFor(readAll("done"), TIMEOUT_MS).toEqual(summaries);
  const { pulls } = forge.read();
  expect(pulls.map(({ branch }) => branch).sort()).toEqual(KEYS.map((key) => `groundcrew/${key.toLowerCase()}`).sort());
  for (const { number } of pulls) forge.close(number, "merged");
  const readWorktrees = () => readdirSync(join(rig.host.runnerFolder, "worktrees"));
  await rig.waitFor(readWorktrees, TIMEOUT_MS).toEqual([]);
  await rig.waitFor(() => rig.host.git(["branch", "--format=%(refname:short)"]), TIMEOUT_MS).toBe("main\n");

  // Each command ran once, each result is in Plane once, and no process of a session is left.
  expect(rig.host.readHome("runs.txt").trim().split("\n").sort()).toEqual([...KEYS].sort());
  for (const [i, item] of items.entries()) expect(rig.findComments(item, `Made ${KEYS[i]}`)).toHaveLength(1);
  expect(rig.host.tmux("list-sessions")).toBe("");
  expect(ids.flatMap((id) => findSessionProcesses(id))).toEqual([]);

  async function readStartTimes() {
    const times = KEYS.map(async (key) => {
      const { rounds } = await rig.call(`/api/tickets/${key}`);
      const started = rig.readOutput().match(new RegExp(`"time":"([^"]+)"[^}]*"session started","ticket":"${key}"`));
      return started?.[1] ? (Date.parse(started[1]) - Date.parse(rounds[0].at)) / 1000 : undefined;
    });
    return (await Promise.all(times)).join(", ");
  }
});
