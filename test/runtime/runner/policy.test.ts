import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, type TestContext, test, vi } from "vitest";
import type { PolicyFile } from "../../../shared/config/tickets-schema.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { hasProgram } from "../../support/has-program.ts";
import { createProductRig } from "./product-rig.ts";
import { createRunnerRig, REFUSED_BOX, type RunnerRig, shareRunner, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** The arguments of Claude Code, which is the parent of the shell that runs a command. */
const STORE_ARGUMENTS = "run tr '\\0' '\\n' < /proc/$PPID/cmdline > args.draft && mv args.draft args.txt";

async function createPolicyRig(context: TestContext, repository: object = {}, env: Record<string, string> = {}) {
  return createRunnerRig(context, { tickets: WITHOUT_BOX, repository, env });
}

/** Commits files on a branch of the repository, as a team does. */
function commitFiles(rig: RunnerRig, files: Record<string, object | string>, branch = "main") {
  rig.git(["checkout", "-q", "-B", branch]);
  for (const [name, content] of Object.entries(files)) {
    const path = join(rig.repository, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  rig.git(["add", "-A"]);
  rig.git(["commit", "-q", "-m", "policy"]);
  rig.git(["checkout", "-q", "main"]);
}

const commitPolicy = (rig: RunnerRig, policy: PolicyFile | Record<string, unknown>) =>
  commitFiles(rig, { ".groundcrew.json": policy });

/** Runs ONB-1 to the end of its first turn. */
async function runSteps(rig: RunnerRig, steps: string[]) {
  rig.server.set({ sessions: [rig.want("ONB-1", steps)] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("all done");
}

const readWork = (rig: RunnerRig, name: string) => readFileSync(join(rig.worktree("ONB-1"), name), "utf8");
const readArguments = (rig: RunnerRig) => readWork(rig, "args.txt").split("\n");
const getOption = (args: readonly string[], name: string) => args[args.indexOf(name) + 1];
const countRequests = (rig: RunnerRig) =>
  rig.server.hooks.filter(({ body }) => body["hook_event_name"] === "PermissionRequest").length;
const findPolicy = (rig: RunnerRig) => rig.server.requests.at(-1)?.policies?.find(({ project }) => project === "ONB");

test.concurrent("mode, rules, model, text, set-up and base of the settings take effect, and nothing asks", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, {
    ...{ permission_mode: "acceptEdits", allow: ["Bash(git add:*)", "Bash(git commit:*)"], deny: ["Bash(curl:*)"] },
    ...{ model: "claude-fake-5", prompt: "Sign {ticket} off on {branch}." },
    ...{ setup: { command: "pwd > setup.txt; echo $GROUNDCREW_TICKET >> setup.txt", minutes: 1 }, base: "develop" },
  });
  commitFiles(rig, { "develop.txt": "of develop" }, "develop");
  await runSteps(rig, [
    ...["permission touch made.txt", "permission git add made.txt", "permission git commit -qm 'feat: made'"],
    ...["permission curl http://127.0.0.1:9", STORE_ARGUMENTS],
  ]);
  expect(countRequests(rig)).toBe(0);
  expect(rig.report("ONB-1")?.screen).toContain("Bash with command curl http://127.0.0.1:9 has been denied");
  await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["feat: made"]);
  expect(readWork(rig, "develop.txt")).toBe("of develop");
  expect(readWork(rig, "setup.txt")).toBe(`${rig.worktree("ONB-1")}\nONB-1\n`);
  const args = readArguments(rig);
  expect(getOption(args, "--permission-mode")).toBe("acceptEdits");
  expect(getOption(args, "--model")).toBe("claude-fake-5");
  expect(args).toContain("Sign ONB-1 off on groundcrew/onb-1.");
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("the repository's own file on the base branch makes a policy stricter and completes it", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(
    context,
    { env: ["OF_THE_TEAM", "OF_OTHERS"], prompt: "Ours." },
    { OF_THE_TEAM: "1", OF_OTHERS: "2" },
  );
  commitFiles(rig, { "develop.txt": "of develop" }, "develop");
  commitFiles(rig, {
    ".groundcrew.json": {
      ...{ permission_mode: "dontAsk", deny: ["Bash(rm:*)"], model: "claude-fake-6", prompt: "Theirs.", minutes: 10 },
      ...{ setup: { command: "touch setup.txt" }, test_command: "exit 3", base: "develop", env: ["OF_THE_TEAM"] },
      allow: ["Bash(touch:*)"],
    },
    ".claude/settings.json": {
      permissions: { deny: ["Bash(git push:*)"], ask: ["Bash(ls:*)"], allow: ["Bash(mv:*)"] },
    },
    ".mcp.json": { mcpServers: { docs: { command: "docs-server" } } },
  });
  await runSteps(rig, ["permission touch not-allowed.txt", "run env > env.txt", STORE_ARGUMENTS]);
  expect(countRequests(rig)).toBe(0);
  expect(existsSync(join(rig.worktree("ONB-1"), "not-allowed.txt"))).toBe(false);
  const args = readArguments(rig);
  expect(getOption(args, "--permission-mode")).toBe("dontAsk");
  expect(getOption(args, "--model")).toBe("claude-fake-6");
  expect(args.join("\n")).toContain("Ours.\n\nTheirs.");
  expect(readWork(rig, "env.txt")).toMatch(/^OF_THE_TEAM=1$/m);
  expect(readWork(rig, "env.txt")).not.toContain("OF_OTHERS");
  expect(existsSync(join(rig.worktree("ONB-1"), "setup.txt"))).toBe(true);
  expect(existsSync(join(rig.worktree("ONB-1"), "develop.txt"))).toBe(true);
  const { permissions } = JSON.parse(readFileSync(rig.sessionFile("ONB-1", "settings.json"), "utf8"));
  expect(permissions).toMatchObject({ deny: ["Bash(rm:*)", "Bash(git push:*)"], ask: ["Bash(ls:*)"] });
  expect(JSON.stringify(permissions)).not.toMatch(/touch|mv/);
  expect(Object.keys(JSON.parse(readFileSync(rig.sessionFile("ONB-1", "mcp.json"), "utf8")).mcpServers)).toEqual([
    "groundcrew",
  ]);
  rig.server.set({ sessions: [], test: [{ ticket: "ONB-1", run: 1, id: "t1" }] });
  await rig.waitFor(() => rig.report("ONB-1")?.tests?.problem).toContain("exit code 3");
  expect(findPolicy(rig)).toMatchObject({ base: "main", commit: rig.git(["rev-parse", "main"]).trim() });
  expect(findPolicy(rig)?.lines).toContainEqual({ name: "minutes", value: 10, from: ".groundcrew.json" });
  expect(findPolicy(rig)?.left_out.map(({ value }) => value)).toEqual([
    "OF_OTHERS",
    "Bash(touch:*)",
    "Bash(mv:*)",
    "docs",
  ]);
});

test.concurrent("a trusted base branch also allows tools and brings servers", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, { trust_repository: true });
  commitFiles(rig, {
    ".groundcrew.json": { allow: ["Bash(touch:*)"], permission_mode: "acceptEdits" },
    ".claude/settings.json": { permissions: { allow: ["Bash(git add:*)"] } },
    ".mcp.json": { mcpServers: { docs: { command: "docs-server" }, groundcrew: { command: "forged" } } },
  });
  await runSteps(rig, ["permission touch made.txt", "permission git add made.txt", STORE_ARGUMENTS]);
  expect(countRequests(rig)).toBe(0);
  expect(getOption(readArguments(rig), "--permission-mode")).toBe("acceptEdits");
  const { mcpServers } = JSON.parse(readFileSync(rig.sessionFile("ONB-1", "mcp.json"), "utf8"));
  expect(mcpServers).toMatchObject({ docs: { command: "docs-server" }, groundcrew: { type: "http" } });
});

test.concurrent("what the branch of a ticket has in its files changes nothing, also when its session is resumed", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, { trust_repository: true });
  commitPolicy(rig, { model: "of-the-base" });
  const forged = {
    ".groundcrew.json": { model: "forged", permission_mode: "bypassPermissions", allow: ["Bash"] },
    ".claude/settings.json": {
      permissions: { allow: ["Bash(touch:*)"] },
      hooks: { SessionStart: [{ hooks: [{ type: "command", command: `touch ${rig.home}/hooked` }] }] },
    },
    ".mcp.json": { mcpServers: { forged: { command: "forged" } } },
  };
  const write = Object.entries(forged).map(
    ([name, content]) => `run mkdir -p .claude && echo '${JSON.stringify(content)}' > ${name}`,
  );
  const desired = rig.want("ONB-1", [...write, "run git add -A && git commit -qm forged", "exit 1"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "ended");
  rig.server.set({ sessions: [] });
  const steps = [STORE_ARGUMENTS, "permission touch asked.txt"].map((step) => `do: ${step}`).join("\n");
  const inputs = [{ id: "ONB-1.1.r2", kind: "paste" as const, text: steps }];
  rig.server.set({ sessions: [{ ...desired, resume: true, round: 2, inputs }] });
  await rig.waitFor(() => countRequests(rig)).toBe(1);
  const args = readArguments(rig);
  expect(getOption(args, "--permission-mode")).toBe("manual");
  expect(getOption(args, "--model")).toBe("of-the-base");
  expect(existsSync(join(rig.home, "hooked"))).toBe(false);
  expect(readFileSync(rig.sessionFile("ONB-1", "mcp.json"), "utf8")).not.toContain("forged");
  expect(JSON.stringify(findPolicy(rig))).not.toContain("forged");
});

test.concurrent("rules that allow come with the approval of a plan, and not before it", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, { allow: ["Bash(touch:*)"], deny: ["Bash(rm:*)"] });
  rig.server.set({ sessions: [rig.want("ONB-1", ["permission touch early.txt"], { plans: true })] });
  await rig.waitFor(() => countRequests(rig)).toBe(1);
  const { permissions } = JSON.parse(readFileSync(rig.sessionFile("ONB-1", "settings.json"), "utf8"));
  expect(permissions.allow).not.toContain("Bash(touch:*)");
  expect(permissions.deny).toEqual(["Bash(rm:*)"]);
});

test.concurrent("a set-up that fails ends the start, with what it said", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, { setup: { command: "echo no network >&2; exit 4" } });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject({ reason: "start_failed", text: "setup: exit code 4: no network" });
});

const BAD_FILES: [Record<string, object | string>, RegExp][] = [
  [
    { ".groundcrew.json": "{" },
    /\.groundcrew\.json of main \([0-9a-f]{8}\) is not valid: no JSON object\. Repair it on main/,
  ],
  [{ ".groundcrew.json": { modle: "x" } }, /unknown name modle/],
  [{ ".groundcrew.json": { minutes: 0 } }, /minutes, wanted: whole minutes, 1 to 1440/],
  [{ ".groundcrew.json": " ".repeat(300_000) }, /has more than 262144 bytes/],
  [{ ".claude/settings.json": { permissions: { deny: "all" } } }, /settings\.json of main .*permissions\.deny/],
  [{ ".groundcrew.json": { base: "nowhere" } }, /there is no branch nowhere/],
  [{ ".groundcrew.json": { network: "model" } }, /network is model, which only a box keeps, and sandbox is off/],
];

/** The runner of the tests that need no settings of their own, one after the other. */
const useRunner = shareRunner({ tickets: WITHOUT_BOX, programs: REFUSED_BOX });

test("nothing starts with a file on the base branch that cannot be kept, until it is repaired", async (context) => {
  const rig = await useRunner(context, BAD_FILES.length + 1);
  for (const [i, [files, problem]] of BAD_FILES.entries()) {
    const key = rig.keys[i] ?? "";
    commitFiles(rig, files);
    rig.set({ sessions: [rig.want(key)] });
    await rig.waitForState(key, "ended");
    expect(rig.report(key)?.exit).toMatchObject({ reason: "start_failed", text: expect.stringMatching(problem) });
    expect(rig.report(key)?.exit?.text).toMatch(/^The policy of ONB cannot be kept: /);
    expect(existsSync(rig.worktree(key))).toBe(false);
    rig.git(["rm", "-qr", ...Object.keys(files)]);
    rig.git(["commit", "-qm", "repaired"]);
  }
  commitFiles(rig, { ".groundcrew.json": { minutes: 0 } });
  const findCheck = () => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "policy");
  await rig
    .waitFor(findCheck)
    .toMatchObject({ status: "failed", detail: expect.stringContaining("wanted: whole minutes") });
  commitFiles(rig, { ".groundcrew.json": { minutes: 5 } });
  await rig.waitFor(findCheck).toBeUndefined();
  const last = rig.keys.at(-1) ?? "";
  rig.set({ sessions: [rig.want(last)] });
  await rig.waitForState(last, "running");
});

test("nothing starts with a link in the place of the file", async (context) => {
  const rig = await useRunner(context);
  rmSync(join(rig.repository, ".groundcrew.json"), { force: true });
  symlinkSync("/etc/hostname", join(rig.repository, ".groundcrew.json"));
  rig.git(["add", "-A"]);
  rig.git(["commit", "-qm", "link"]);
  rig.set({ sessions: [rig.want(rig.key)] });
  await rig.waitForState(rig.key, "ended");
  expect(rig.report(rig.key)?.exit?.text).toContain("is not a plain file");
  rmSync(join(rig.repository, ".groundcrew.json"));
});

test.runIf(IS_FULL_RUN)("the file chooses the CLI, and its model", async (context) => {
  const rig = await useRunner(context);
  commitPolicy(rig, { cli: "codex", model: "gpt-fake" });
  rig.set({ sessions: [rig.want(rig.key)] });
  await rig.waitForState(rig.key, "running");
  expect(JSON.parse(readFileSync(rig.sessionFile(rig.key, "record.json"), "utf8"))).toMatchObject({ cli: "codex" });
});

test("a file that requires a box has no session start without one", async (context) => {
  const rig = await useRunner(context);
  commitPolicy(rig, { sandbox: "required" });
  rig.set({ sessions: [rig.want(rig.key)] });
  await rig.waitForState(rig.key, "ended");
  expect(rig.report(rig.key)?.exit?.text).toMatch(/^No session starts: sandbox is required for ONB, and no box works/);
});

test.concurrent.for(hasProgram("bwrap") ? ["model", "all"] : [])(
  "with the network %s of the file a boxed session has its own, or the machine's",
  async (network, context) => {
    const { expect } = context;
    const rig = await createRunnerRig(context, { isBoxed: true });
    commitPolicy(rig, { network });
    await runSteps(rig, ["run readlink /proc/self/ns/net > network.txt"]);
    const isOwn = readWork(rig, "network.txt").trim() !== readlinkSync("/proc/self/ns/net");
    expect(isOwn).toBe(network === "model");
  },
);

test.concurrent("a result goes into the branch that base names, at which its branch has begun, freshly fetched", async (context) => {
  const { expect } = context;
  const rig = await createPolicyRig(context, { publish: "pull-request", base: "develop" });
  const forge = rig.addForge(["gh"]);
  const tree = rig.git(["rev-parse", "main^{tree}"], forge.bare).trim();
  const commit = rig.git(["commit-tree", tree, "-p", "main", "-m", "of develop"], forge.bare).trim();
  rig.git(["update-ref", "refs/heads/develop", commit], forge.bare);
  const steps = ["run echo made > made.txt && git add -A && git commit -qm made", "exit 0"];
  rig.server.set({ sessions: [rig.want("ONB-1", steps)] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.git(["merge-base", "origin/develop", "groundcrew/onb-1"]).trim()).toBe(commit);
  rig.server.set({ publish: [{ ticket: "ONB-1", run: 1, id: "try-1", title: "ONB-1: Make it", body: "It is made" }] });
  await rig.waitFor(() => rig.report("ONB-1")?.publication).toMatchObject({ id: "try-1", state: "open" });
  expect(forge.read().pulls).toMatchObject([{ base: "develop" }]);
});

test.runIf(IS_FULL_RUN)(
  "over the whole product, a session first makes the plan that the file wants, and ends at the budget of the file",
  async () => {
    const rig = await createProductRig({ policy: { allow: ["Bash(touch:*)"] } });
    const steps = ["plan Make it", "permission touch made.txt", ...Array.from({ length: 9 }, () => "run true")];
    const { key } = await rig.addTicket(steps);
    writeFileSync(
      join(rig.host.repository, ".groundcrew.json"),
      JSON.stringify({ plan_first: true, budget_usd: 0.01 }),
    );
    rig.host.git(["add", "-A"]);
    rig.host.git(["commit", "-qm", "policy"]);
    const readLines = async () => (await rig.call("/api/tickets/policies/ONB")).lines;
    await rig.waitFor(readLines).toContainEqual({ name: "plan_first", value: true, from: ".groundcrew.json" });
    await rig.call(`/api/approve/${key}`, "POST", {});
    const readQuestion = async () => (await rig.readSession(key))?.questions[0];
    await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: "Make it" });
    expect(existsSync(join(rig.host.runnerFolder, "worktrees", key, "made.txt"))).toBe(false);
    await rig.call(`/api/sessions/${key}/answer`, "POST", { question: (await readQuestion()).id, answer: "approve" });
    // Its rule came with the plan, so nobody was asked; eleven requests to the model cost more than a cent.
    await rig.waitFor(() => rig.readSession(key)).toMatchObject({ state: "waiting", reason: "budget_over" });
    expect(existsSync(join(rig.host.runnerFolder, "worktrees", key, "made.txt"))).toBe(true);
    await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
    expect(await readQuestion()).toMatchObject({ kind: "ended" });
  },
);
