import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runPlanAndPublish } from "./plan-and-publish.ts";
import { createProductRig, type ProductRig, shareProduct } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

/** Long ways whose parts have tests of their own are in the full run only. */
const IS_FULL_RUN = Boolean(process.env["FULL"]);

const useProduct = shareProduct({ testCommand: "grep -q made made.txt" });

const COMMIT = "run echo made > made.txt; git add -A; git commit -qm 'feat: made'";
const UPDATE = { status: "updated", comment_posted: true, state_updated: true };

test("one process runs an approved ticket from Plane to its comment, with tmux, git and a stand-in for Claude Code", async () => {
  const rig = await useProduct();
  const summary = { task: "{key}", status: "done", text: "All is done" };
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
  // The commits of a boxed session are fetched from its clone.
  await rig
    .waitFor(() => rig.host.git(["log", "--format=%s", `groundcrew/${key.toLowerCase()}`]))
    .toBe("feat: made\nfirst\n");
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
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "By the command", source: "tool" });
  expect(rig.host.readCached("details.txt")).toMatch(/Make it[\s\S]*exit 0/);
  expect(rig.host.readCached("refused.txt")).toMatch(/add_comment[\s\S]*exit [12]/);
});

test.runIf(IS_FULL_RUN)("a runner says whether its user can open pull requests", async () => {
  const rig = await createProductRig({ publish: "pull-request" });
  const readCheck = async () => (await rig.readHostChecks())["publish"];
  const checkAgain = async () => {
    await rig.stop("groundcrew", "SIGTERM");
    rig.start("groundcrew");
  };
  await rig.waitFor(readCheck).toMatchObject({ status: "failed", detail: expect.stringContaining("no remote origin") });
  const forge = rig.host.addForge(["gh"]);
  forge.change({ isSignedIn: false });
  await checkAgain();
  const detail = expect.stringContaining("gh is not signed in at git.example.com");
  await rig.waitFor(readCheck).toMatchObject({ status: "failed", detail });
  forge.change({ isSignedIn: true });
  await checkAgain();
  await rig
    .waitFor(readCheck)
    .toMatchObject({ status: "ok", detail: "ONB: pull requests for main of https://git.example.com/onb/app.git" });
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
  const { key, item } = await rig.addTicket(
    ['run echo "Made it" > $GROUNDCREW_COMPLETION_FILE', "permission true", COMMIT],
    "commit, tests",
  );
  await rig.call(`/api/approve/${key}`, "POST", {});
  const missing = `${key} is not done yet: the runner sees no commit on the branch: commit, then try again.`;
  await rig
    .waitFor(() => rig.readSession(key))
    .toMatchObject({ attention: missing, questions: [{ kind: "permission" }] });
  const [question] = (await rig.readSession(key)).questions;
  await rig.call(`/api/sessions/${key}/answer`, "POST", { question: question.id, answer: "allow" });
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Made it", source: "file" });
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject(UPDATE);
  expect(rig.findComments(item, "Tests: passed, run by the ticket runner")).toHaveLength(1);
});

const VICTIMS = ["groundcrew", "runner", "tmux"] as const;
type Victim = (typeof VICTIMS)[number];
/** The steps of a ticket, after each of which a part is killed. */
type Step = "pending" | "approved" | "asked" | "allowed" | "completed" | "updating";

/** Which parts are killed at each step. The full run kills every part at every step, one part in each flow. */
const PLANS: [string, Record<Step, readonly Victim[]>][] = IS_FULL_RUN
  ? VICTIMS.map((victim) => [`${victim} at every step`, killAtEachStep(victim)])
  : [
      [
        "one part after the other",
        {
          pending: ["groundcrew"],
          approved: ["runner"],
          asked: ["tmux"],
          allowed: ["groundcrew"],
          completed: ["runner", "tmux"],
          updating: ["groundcrew", "runner"],
        },
      ],
    ];

function killAtEachStep(victim: Victim): Record<Step, readonly Victim[]> {
  const kills = [victim];
  return { pending: kills, approved: kills, asked: kills, allowed: kills, completed: kills, updating: kills };
}

const SUMMARY = { task: "ONB-1", status: "done", text: "All is done" };
const TICKET = [
  "permission echo allowed >> $HOME/.cache/allowed.txt; echo made > made.txt; git add -A; git commit -qm 'feat: made'",
  `call update_task_status ${JSON.stringify(SUMMARY)}`,
];

/** Allows what the session asks until the command has run. */
async function allowUntilDone(rig: ProductRig, key: string): Promise<void> {
  const allow = async () => {
    const session = await rig.readSession(key).catch(() => undefined);
    const open = (session?.questions ?? []).filter(
      ({ kind, answer }: { kind: string; answer?: string }) => kind === "permission" && answer === undefined,
    );
    for (const { id } of open)
      await rig.call(`/api/sessions/${key}/answer`, "POST", { question: id, answer: "allow" }).catch(() => undefined);
    return existsSync(rig.host.findCached("allowed.txt"));
  };
  await rig.waitFor(allow, 120_000).toBe(true);
}

test.each(PLANS)("a ticket over kill -9 of %s reaches Plane as one comment", async (_name, victims) => {
  const rig = await createProductRig({ isApart: true });
  const kill = async (step: Step) => {
    for (const victim of victims[step]) await (victim === "tmux" ? rig.killTmux() : rig.restart(victim));
  };

  const { key, item } = await rig.addTicket(TICKET);
  await kill("pending");
  const approve = () => rig.call(`/api/approve/${key}`, "POST", {}).catch(() => undefined);
  await rig.waitFor(approve).toMatchObject({ ticket_id: key });
  await kill("approved");
  const readQuestions = async () => (await rig.readSession(key).catch(() => undefined))?.questions;
  await rig.waitFor(readQuestions, 120_000).toMatchObject([{ kind: "permission" }]);
  await kill("asked");
  await allowUntilDone(rig, key);
  await kill("allowed");
  await rig.waitFor(() => rig.readCompleted(key).catch(() => undefined), 120_000).toMatchObject({ state: "completed" });
  await kill("completed");
  const update = () => rig.call(`/api/update-plane/${key}`, "POST", {}).catch(() => undefined);
  const interrupted = update();
  await kill("updating");
  await interrupted;
  await rig.waitFor(update, 120_000).toMatchObject({ status: "updated", comment_posted: true, state_updated: true });

  expect(rig.findComments(item, "All is done")).toHaveLength(1);
  expect(rig.host.readCached("allowed.txt")).toBe("allowed\n");
  expect(rig.readStatus(item)).toBe("Done");
  await rig.waitFor(() => rig.host.tmux("list-sessions"), 120_000).toBe("");
});

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const QUESTIONS = [
  { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") },
  { question: "Which tools?", header: "Tools", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") },
  { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") },
];

const ANSWER_WAYS: [way: string, place: string, answers: string[]][] = [
  ["the hook while its request waits", "held", ["Green, please", 'ky, "zod, v4"', "M"]],
  ["keys after kill -9 of Groundcrew between two answers", "killed", ["Blue", 'ky, "zod, v4"', "M"]],
];

test.each(IS_FULL_RUN ? ANSWER_WAYS : ANSWER_WAYS.slice(0, 1))(
  "the answers to several questions of a session reach it by %s",
  { timeout: 240_000 },
  async (_, place, answers) => {
    const rig = await useProduct();
    const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: QUESTIONS })}`]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    const readQuestions = async () => (await rig.readSession(key))?.questions;
    for (const [i, answer] of answers.entries()) {
      await rig
        .waitFor(readQuestions, 120_000)
        .toMatchObject([{ text: QUESTIONS[i]?.question, number: i + 1, count: 3 }]);
      const [question] = await readQuestions();
      const body = { question: question.id, answer };
      await rig.call(`/api/sessions/${key}/answer`, "POST", body);
      if (i === 0 && place === "killed") await rig.restart("groundcrew");
      const repeat = async () => rig.call(`/api/sessions/${key}/answer`, "POST", body);
      await rig.waitFor(repeat, 120_000).toMatchObject({ ticket_id: key });
    }
    await rig.waitFor(readQuestions, 120_000).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
    const readScreen = async () => (await rig.readSession(key))?.screen;
    const lines = QUESTIONS.map(({ question }, i) => `· ${question} → ${answers[i]}`);
    await rig.waitFor(readScreen).toContain(lines.join("\n     "));
  },
);

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
  writeFileSync(
    join(home, ".claude.json"),
    JSON.stringify({ hasCompletedOnboarding: true, projects: { [repository]: { hasTrustDialogAccepted: true } } }),
  );
  const { checks } = JSON.parse(await rig.runCommand("doctor", "--json"));
  const name = "runner test-host: log-in";
  expect(checks).toContainEqual(expect.objectContaining({ name, status: "failed" }));
  expect(await rig.stop("groundcrew", "SIGTERM")).toBe(0);
  rig.start("groundcrew", { ANTHROPIC_API_KEY: "key" });
  await rig.waitFor(readChecks).toEqual({ ...programs, "log-in": "ok", trust: "ok" });
});

test.runIf(IS_FULL_RUN)(
  "a session goes on while the store is moved away and after a restart with an empty one, until its ticket is approved again",
  async () => {
    const rig = await createProductRig({ isApart: true });
    const { key, item } = await rig.addTicket(["run echo started >> $HOME/.cache/started.txt", "permission true"]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    await rig.waitFor(async () => (await rig.readSession(key))?.questions).toMatchObject([{ kind: "permission" }]);
    const readPanes = () => rig.host.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{pane_dead}");
    const before = readPanes();
    expect(before).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);

    renameSync(join(rig.host.folder, "data"), join(rig.host.folder, "moved"));
    await rig.waitFor(() => rig.output.join("")).toContain('"message":"exchange failed"');
    expect(readPanes()).toBe(before);

    await rig.stop("groundcrew", "SIGKILL");
    expect(existsSync(join(rig.host.folder, "data"))).toBe(false);
    rig.start("groundcrew");
    const listRunners = async () => (await rig.call("/api/sessions")).runners.map(({ name }: { name: string }) => name);
    await rig.waitFor(listRunners).toEqual(["test-host"]);
    await rig.waitFor(() => rig.output.join("")).toContain("Groundcrew answers again");
    await rig.waitFor(() => rig.output.join("")).toMatch(/does not know this session|"session ended"/);
    expect(rig.output.join("")).not.toContain('"session ended"');
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
    await rig.call(`/api/approve/${key}`, "POST", {});
    await rig.waitFor(() => rig.host.readCached("started.txt")).toBe("started\nstarted\n");
    expect(readPanes()).not.toBe(before);
    expect(readPanes()).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);
  },
);
