import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { createProductRig, runPlanAndPublish, shareProduct, toDone } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const useProduct = shareProduct({ testCommand: "grep -q made made.txt" });

const COMMIT = "run echo made > made.txt; git add -A; git commit -qm 'feat: made'";
const UPDATE = { status: "updated", comment_posted: true, state_updated: true };

test("one process runs an approved ticket from Plane to its comment, with tmux, git and a stand-in for Claude Code", async () => {
  const rig = await useProduct();
  const { key, item } = await rig.addTicket([COMMIT, "permission touch allowed.txt", toDone("All is done")]);
  await rig.approve(key);
  await rig.waitFor(() => rig.readQuestions(key)).toMatchObject([{ kind: "permission" }]);
  const [question] = await rig.readQuestions(key);
  expect(question.text).toContain("touch allowed.txt");
  await rig.answer(key, question.id, "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "All is done", source: "tool" });
  expect(await rig.update(key)).toMatchObject(UPDATE);
  expect(rig.findComments(item, "All is done")).toHaveLength(1);
  // The commits of a boxed session are fetched from its clone.
  const readLog = () => rig.host.git(["log", "--format=%s", `groundcrew/${key.toLowerCase()}`]);
  await rig.waitFor(readLog).toBe("feat: made\nfirst\n");
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
});

test("in a session, the command groundcrew reads and completes its ticket with the token of the run, and nothing else", async () => {
  const rig = await useProduct();
  const { key } = await rig.addTicket([
    'run groundcrew get_task_details {key} > details.txt 2>&1; echo "exit $?" >> details.txt',
    'run groundcrew add_comment {key} --text Hello > refused.txt 2>&1; echo "exit $?" >> refused.txt',
    "run cp details.txt refused.txt $HOME/.cache",
    "run groundcrew update_task_status {key} --status done --text 'By the command'",
  ]);
  await rig.approve(key);
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "By the command", source: "tool" });
  expect(rig.host.readCached("details.txt")).toMatch(/Make it[\s\S]*exit 0/);
  expect(rig.host.readCached("refused.txt")).toMatch(/add_comment[\s\S]*exit [12]/);
});

test.runIf(IS_FULL_RUN)(
  "TICKET-01 TICKET-04 a plan and a result are sent back, then approved, published, repaired when checks are red, merged and cleaned",
  async () => {
    const rig = await createProductRig({ isApart: true, publish: "pull-request", planFirst: true });
    await runPlanAndPublish(rig, async () => {
      await rig.restart("groundcrew");
      await rig.restart("runner");
    });
  },
);

test("OPENCLAW-18 a completion file counts once the branch has a commit and the repository's test command has passed", async () => {
  const rig = await useProduct();
  const steps = ['run echo "Made it" > $GROUNDCREW_COMPLETION_FILE', "permission true", COMMIT];
  const { key, item } = await rig.addTicket(steps, "commit, tests");
  await rig.approve(key);
  const attention = `${key} is not done yet: the runner sees no commit on the branch: commit, then try again.`;
  await rig.waitFor(() => rig.readSession(key)).toMatchObject({ attention, questions: [{ kind: "permission" }] });
  await rig.answer(key, (await rig.readQuestions(key))[0].id, "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Made it", source: "file" });
  expect(await rig.update(key)).toMatchObject(UPDATE);
  expect(rig.findComments(item, "Tests: passed, run by the ticket runner")).toHaveLength(1);
});

type Victim = "groundcrew" | "runner" | "tmux";
/** The steps of a ticket, after each of which a part is killed. */
const STEPS = ["pending", "approved", "asked", "allowed", "completed", "updating"] as const;
type Plan = Partial<Record<(typeof STEPS)[number], readonly Victim[]>>;

/** The full run kills every part at every step, one part in each flow. */
const ONE_PLAN: Plan = { approved: ["runner"], asked: ["tmux"], allowed: ["groundcrew"], updating: ["groundcrew"] };
const toPlan = (victim: Victim) => Object.fromEntries(STEPS.map((step) => [step, [victim]]));
const PLANS: [string, Plan][] = IS_FULL_RUN
  ? (["groundcrew", "runner", "tmux"] as const).map((victim) => [`${victim} at every step`, toPlan(victim)])
  : [["one part after the other", ONE_PLAN]];

const TICKET = [
  "permission echo allowed >> $HOME/.cache/allowed.txt; echo made > made.txt; git add -A; git commit -qm 'feat: made'",
  toDone("All is done"),
];

test.each(PLANS)("a ticket over kill -9 of %s reaches Plane as one comment", async (_name, victims) => {
  const rig = await createProductRig({ isApart: true });
  const kill = async (step: (typeof STEPS)[number]) => {
    for (const victim of victims[step] ?? []) await (victim === "tmux" ? rig.killTmux() : rig.restart(victim));
  };
  const { key, item } = await rig.addTicket(TICKET);
  await kill("pending");
  await rig.waitFor(() => rig.approve(key).catch(() => undefined)).toMatchObject({ ticket_id: key });
  await kill("approved");
  const read = () => rig.readQuestions(key).catch(() => undefined);
  await rig.waitFor(read).toMatchObject([{ kind: "permission" }]);
  await kill("asked");
  /** Allows what the session asks until the command has run. */
  const allow = async () => {
    for (const { id, kind, answer: given } of (await read()) ?? [])
      if (kind === "permission" && given === undefined) await rig.answer(key, id, "allow").catch(() => undefined);
    return existsSync(rig.host.findCached("allowed.txt"));
  };
  await rig.waitFor(allow).toBe(true);
  await kill("allowed");
  await rig.waitFor(() => rig.readCompleted(key).catch(() => undefined)).toMatchObject({ state: "completed" });
  await kill("completed");
  const update = () => rig.update(key).catch(() => undefined);
  const interrupted = update();
  await kill("updating");
  await interrupted;
  await rig.waitFor(update).toMatchObject(UPDATE);
  expect(rig.findComments(item, "All is done")).toHaveLength(1);
  expect(rig.host.readCached("allowed.txt")).toBe("allowed\n");
  expect(rig.readStatus(item)).toBe("Done");
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
});

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const QUESTIONS = [
  { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") },
  { question: "Which tools?", header: "Tools", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") },
  { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") },
];
test("the answers to several questions of a session reach it by the hook while its request waits", async () => {
  const rig = await useProduct();
  const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: QUESTIONS })}`]);
  await rig.approve(key);
  const read = () => rig.readQuestions(key);
  const answers = ["Green, please", 'ky, "zod, v4"', "M"];
  for (const [i, text] of answers.entries()) {
    await rig.waitFor(read).toMatchObject([{ text: QUESTIONS[i]?.question, number: i + 1, count: 3 }]);
    const [{ id }] = await read();
    expect(await rig.answer(key, id, text)).toMatchObject({ ticket_id: key });
  }
  await rig.waitFor(read).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
  const lines = QUESTIONS.map(({ question }, i) => `· ${question} → ${answers[i]}`);
  await rig.waitFor(async () => (await rig.readSession(key))?.screen).toContain(lines.join("\n     "));
});

test("groundcrew doctor says what each runner's machine has and lacks, and that it was repaired", async () => {
  const rig = await useProduct();
  const { home, repository } = rig.host;
  const readChecks = async () =>
    Object.fromEntries(Object.entries(await rig.readHostChecks()).map(([name, { status }]) => [name, status]));
  const programs = {
    ...{ tmux: "ok", git: "ok", "Claude Code": "ok", repository: "ok", "free space": expect.any(String) },
    box: process.env["TEST_BOXED"] === "1" ? "ok" : "warning",
  };
  await rig.waitFor(readChecks).toEqual({ ...programs, "log-in": "failed", trust: "warning" });
  const trusted = { projects: { [repository]: { hasTrustDialogAccepted: true } } };
  writeFileSync(join(home, ".claude.json"), JSON.stringify({ hasCompletedOnboarding: true, ...trusted }));
  const { checks } = JSON.parse(await rig.runCommand("doctor", "--json"));
  const failed = { name: "runner test-host: log-in", status: "failed" };
  expect(checks).toContainEqual(expect.objectContaining(failed));
  expect(await rig.stop("groundcrew", "SIGTERM")).toBe(0);
  rig.start("groundcrew", { ANTHROPIC_API_KEY: "key" });
  await rig.waitFor(readChecks).toEqual({ ...programs, "log-in": "ok", trust: "ok" });
});

test.runIf(IS_FULL_RUN)(
  "a session goes on while the store is moved away and after a restart with an empty one, until its ticket is approved again",
  async () => {
    const rig = await createProductRig({ isApart: true });
    const { key, item } = await rig.addTicket(["run echo started >> $HOME/.cache/started.txt", "permission true"]);
    await rig.approve(key);
    await rig.waitFor(() => rig.readQuestions(key)).toMatchObject([{ kind: "permission" }]);
    const readPanes = () => rig.host.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{pane_dead}");
    const before = readPanes();
    expect(before).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);

    renameSync(join(rig.host.folder, "data"), join(rig.host.folder, "moved"));
    await rig.waitFor(() => rig.readOutput()).toContain('"message":"exchange failed"');
    expect(readPanes()).toBe(before);

    await rig.stop("groundcrew", "SIGKILL");
    expect(existsSync(join(rig.host.folder, "data"))).toBe(false);
    rig.start("groundcrew");
    const listRunners = async () => (await rig.call("/api/sessions")).runners.map(({ name }: { name: string }) => name);
    await rig.waitFor(listRunners).toEqual(["test-host"]);
    await rig.waitFor(() => rig.readOutput()).toContain("Groundcrew answers again");
    await rig.waitFor(() => rig.readOutput()).toMatch(/does not know this session|"session ended"/);
    expect(rig.readOutput()).not.toContain('"session ended"');
    await rig.call("/ticks/poll", "POST");
    expect(readPanes()).toBe(before);

    // Only a person's new approval replaces it.
    rig.simulators.plane.editItem(item, { state: "In Progress" });
    const listPending = async () => {
      await rig.call("/ticks/poll", "POST");
      return (await rig.call("/api/pending-tickets")).tickets.map(({ id }: { id: string }) => id);
    };
    await rig.waitFor(listPending).toContain(key);
    expect(readPanes()).toBe(before);
    await rig.approve(key);
    await rig.waitFor(() => rig.host.readCached("started.txt")).toBe("started\nstarted\n");
    expect(readPanes()).not.toBe(before);
    expect(readPanes()).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);
  },
);
