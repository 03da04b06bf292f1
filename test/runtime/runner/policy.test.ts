import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test, vi } from "vitest";
import { IS_FULL_RUN, pickSize } from "../../reliability/random-source.ts";
import { createProductRig } from "./product-rig.ts";
import { createRunnerRig, REFUSED_BOX, type RunnerRig, shareRunner, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** The arguments of Claude Code, which is the parent of the shell that runs a command. */
const STORE_ARGUMENTS = "run tr '\\0' '\\n' < /proc/$PPID/cmdline > args.draft && mv args.draft args.txt";

/** What the tests below have of it beside their `expect`. */
type Rig = Omit<RunnerRig, "expect">;

const createPolicyRig = (context: TestContext, repository: object = {}, env: Record<string, string> = {}) =>
  createRunnerRig(context, { tickets: WITHOUT_BOX, repository, env });

/** Runs ONB-1 to the end of its first turn. */
async function runSteps(rig: Rig, steps: string[]) {
  const desired = rig.run("ONB-1", steps);
  await rig.waitForScreen("ONB-1", "all done");
  return desired;
}

const readWork = (rig: Rig, name: string) => readFileSync(join(rig.worktree("ONB-1"), name), "utf8");
const readArguments = (rig: Rig) => readWork(rig, "args.txt").split("\n");
/** Mode and model. */
const getOptions = (args: readonly string[]) =>
  ["--permission-mode", "--model"].map((name) => args[args.indexOf(name) + 1]);
const readPermissions = (rig: Rig, key = "ONB-1") =>
  JSON.parse(readFileSync(rig.sessionFile(key, "settings.json"), "utf8")).permissions;
const readServers = (rig: Rig) => JSON.parse(readFileSync(rig.sessionFile("ONB-1", "mcp.json"), "utf8")).mcpServers;
const countRequests = (rig: Rig) =>
  rig.server.hooks.filter(({ body }) => body["hook_event_name"] === "PermissionRequest").length;
const RULES = { deny: ["Bash(git push:*)"], ask: ["Bash(ls:*)"] };
const findPolicy = (rig: Rig) => rig.server.requests.at(-1)?.policies?.find(({ project }) => project === "ONB");

test.concurrent("mode, rules, model, text, set-up and base of the settings take effect, nothing asks, and rules that allow come with the approval of a plan", async (context) => {
  const rig = await createPolicyRig(context, {
    ...{ permission_mode: "acceptEdits", allow: ["Bash(git add:*)", "Bash(git commit:*)"], deny: ["Bash(curl:*)"] },
    ...{ model: "claude-fake-5", prompt: "Sign {ticket} off on {branch}." },
    ...{ setup: { command: "pwd > setup.txt; echo $GROUNDCREW_TICKET >> setup.txt", minutes: 1 }, base: "develop" },
  });
  const { expect } = rig;
  rig.host.commitFiles({ "develop.txt": "of develop" }, "develop");
  const desired = await runSteps(rig, [
    ...["permission touch made.txt", "permission git add made.txt", "permission git commit -qm 'feat: made'"],
    ...["permission curl http://127.0.0.1:9", STORE_ARGUMENTS],
  ]);
  expect(countRequests(rig)).toBe(0);
  expect(rig.report("ONB-1")?.screen).toContain("Bash with command curl http://127.0.0.1:9 has been denied");
  await rig.waitForCommits("ONB-1", ["feat: made"]);
  expect(readWork(rig, "develop.txt")).toBe("of develop");
  expect(readWork(rig, "setup.txt")).toBe(`${rig.worktree("ONB-1")}\nONB-1\n`);
  const args = readArguments(rig);
  expect(getOptions(args)).toEqual(["acceptEdits", "claude-fake-5"]);
  expect(args).toContain("Sign ONB-1 off on groundcrew/onb-1.");
  rig.set({ sessions: [desired, rig.want("ONB-2", ["permission git add early.txt"], { plans: true })] });
  await rig.waitFor(() => countRequests(rig)).toBe(1);
  expect(readPermissions(rig, "ONB-2").allow).not.toContain("Bash(git add:*)");
  expect(readPermissions(rig, "ONB-2").deny).toEqual(["Bash(curl:*)"]);
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("the repository's own file on the base branch makes a policy stricter and completes it", async (context) => {
  const settings = { env: ["OF_THE_TEAM", "OF_OTHERS"], prompt: "Ours." };
  const { expect, ...rig } = await createPolicyRig(context, settings, { OF_THE_TEAM: "1", OF_OTHERS: "2" });
  rig.host.commitFiles({ "develop.txt": "of develop" }, "develop");
  rig.host.commitFiles({
    ".groundcrew.json": {
      ...{ permission_mode: "dontAsk", deny: ["Bash(rm:*)"], model: "claude-fake-6", prompt: "Theirs.", minutes: 10 },
      ...{ setup: { command: "touch setup.txt" }, test_command: "exit 3", base: "develop", env: ["OF_THE_TEAM"] },
      allow: ["Bash(touch:*)"],
    },
    ".claude/settings.json": { permissions: { ...RULES, allow: ["Bash(mv:*)"] } },
    ".mcp.json": { mcpServers: { docs: { command: "docs-server" } } },
  });
  await runSteps(rig, ["permission touch not-allowed.txt", "run env > env.txt", STORE_ARGUMENTS]);
  expect(countRequests(rig)).toBe(0);
  const hasFile = (name: string) => existsSync(join(rig.worktree("ONB-1"), name));
  expect(["not-allowed.txt", "setup.txt", "develop.txt"].map(hasFile)).toEqual([false, true, true]);
  const args = readArguments(rig);
  expect(getOptions(args)).toEqual(["dontAsk", "claude-fake-6"]);
  expect(args.join("\n")).toContain("Ours.\n\nTheirs.");
  expect(readWork(rig, "env.txt")).toMatch(/^OF_THE_TEAM=1$/m);
  expect(readWork(rig, "env.txt")).not.toContain("OF_OTHERS");
  const permissions = readPermissions(rig);
  expect(permissions).toMatchObject({ deny: ["Bash(rm:*)", "Bash(git push:*)"], ask: ["Bash(ls:*)"] });
  expect(JSON.stringify(permissions)).not.toMatch(/touch|mv/);
  expect(Object.keys(readServers(rig))).toEqual(["groundcrew"]);
  rig.set({ test: [{ ticket: "ONB-1", run: 1, id: "t1" }] });
  await rig.waitFor(() => rig.report("ONB-1")?.tests?.problem).toContain("exit code 3");
  const policy = findPolicy(rig);
  expect(policy).toMatchObject({ base: "main", commit: rig.git(["rev-parse", "main"]).trim() });
  expect(policy?.lines).toContainEqual({ name: "minutes", value: 10, from: ".groundcrew.json" });
  const leftOut = ["OF_OTHERS", "Bash(touch:*)", "Bash(mv:*)", "docs"];
  expect(policy?.left_out.map(({ value }) => value)).toEqual(leftOut);
});

test.concurrent("a trusted base branch also allows tools and brings servers; what the branch of a ticket has changes nothing, also when its session is resumed", async (context) => {
  const { expect, ...rig } = await createPolicyRig(context, { trust_repository: true });
  rig.host.commitFiles({
    ".groundcrew.json": { allow: ["Bash(touch:*)"], permission_mode: "acceptEdits", model: "of-the-base" },
    ".claude/settings.json": { permissions: { allow: ["Bash(git add:*)"] } },
    ".mcp.json": { mcpServers: { docs: { command: "docs-server" }, groundcrew: { command: "forged" } } },
  });
  const hook = { hooks: [{ type: "command", command: `touch ${rig.home}/hooked` }] };
  const forged = {
    ".groundcrew.json": { model: "forged", permission_mode: "bypassPermissions", allow: ["Bash"] },
    ".claude/settings.json": {
      ...{ permissions: { allow: ["Bash(git tag:*)"] }, disableAllHooks: true },
      hooks: { SessionStart: [hook], UserPromptSubmit: [hook], Stop: [hook] },
    },
    ".mcp.json": { mcpServers: { forged: { command: "forged" } } },
  };
  const write = Object.entries(forged).map(
    ([name, content]) => `run mkdir -p .claude && echo '${JSON.stringify(content)}' > ${name}`,
  );
  const allowed = ["permission touch made.txt", "permission git add made.txt"];
  const desired = rig.run("ONB-1", [...allowed, ...write, "run git add -A && git commit -qm forged", "exit 1"]);
  await rig.waitForState("ONB-1", "ended");
  expect(countRequests(rig)).toBe(0);
  const servers = { docs: { command: "docs-server" }, groundcrew: { type: "http" } };
  expect(readServers(rig)).toMatchObject(servers);
  rig.set({});
  const text = [STORE_ARGUMENTS, "permission git tag asked"].map((step) => `do: ${step}`).join("\n");
  const inputs: typeof desired.inputs = [{ id: "ONB-1.1.r2", kind: "paste", text }];
  rig.set({ sessions: [{ ...desired, resume: true, round: 2, inputs }] });
  await rig.waitFor(() => countRequests(rig)).toBe(1);
  const args = readArguments(rig);
  expect(getOptions(args)).toEqual(["acceptEdits", "of-the-base"]);
  expect(existsSync(join(rig.home, "hooked"))).toBe(false);
  expect(Object.keys(readServers(rig)).sort()).toEqual(["docs", "groundcrew"]);
  expect(JSON.stringify([findPolicy(rig), readServers(rig)])).not.toContain("forged");
});

const NO_JSON =
  /^The policy of ONB cannot be kept: \.groundcrew\.json of main \([0-9a-f]{8}\) is not valid: no JSON object\. Repair/;
const REFUSED_FILES: [Record<string, object | string>, RegExp][] = [
  [{ ".groundcrew.json": "{" }, NO_JSON],
  [{ ".groundcrew.json": { modle: "x" } }, /unknown name modle/],
  [{ ".groundcrew.json": { minutes: 0 } }, /minutes, wanted: whole minutes, 1 to 1440/],
  [{ ".groundcrew.json": " ".repeat(300_000) }, /has more than 262144 bytes/],
  [{ ".claude/settings.json": { permissions: { deny: "all" } } }, /settings\.json of main .*permissions\.deny/],
  [{ ".groundcrew.json": { base: "nowhere" } }, /there is no branch nowhere/],
  [{ ".groundcrew.json": { network: "model" } }, /network is model, which only a box keeps, and sandbox is off/],
  [
    { ".groundcrew.json": { sandbox: "required" } },
    /^No session starts: sandbox is required for ONB, and no box works/,
  ],
  [{ ".groundcrew.json": { setup: { command: "echo no network >&2; exit 4" } } }, /^setup: exit code 4: no network/],
];
const TRIED_FILES = pickSize(
  REFUSED_FILES,
  REFUSED_FILES.filter((_, i) => i % 2 === 0),
);

/** The runner whose base branch each step changes. */
const useRunner = shareRunner({ tickets: WITHOUT_BOX, programs: REFUSED_BOX });

test("nothing starts with a file on the base branch that cannot be kept or is a link, until it is repaired", async (context) => {
  const { expect, ...rig } = await useRunner(context, TRIED_FILES.length + 2);
  const refuse = async (key = "") => {
    rig.run(key);
    await rig.waitForState(key, "ended");
    expect(rig.report(key)?.exit?.reason).toBe("start_failed");
    return rig.report(key)?.exit?.text;
  };
  for (const [i, [files, problem]] of TRIED_FILES.entries()) {
    rig.host.commitFiles(files);
    expect(await refuse(rig.keys[i])).toMatch(problem);
    rig.git(["rm", "-qr", ...Object.keys(files)]);
    rig.git(["commit", "-qm", "repaired"]);
  }
  symlinkSync("/etc/hostname", join(rig.repository, ".groundcrew.json"));
  rig.host.commitFiles({});
  expect(await refuse(rig.keys.at(-2))).toContain("is not a plain file");
  rmSync(join(rig.repository, ".groundcrew.json"));
  rig.host.commitFiles({ ".groundcrew.json": { minutes: 0 } });
  const findCheck = () => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "policy");
  const failed = { status: "failed", detail: expect.stringContaining("wanted: whole minutes") };
  await rig.waitFor(findCheck).toMatchObject(failed);
  rig.host.commitFiles({ ".groundcrew.json": { minutes: 5 } });
  await rig.waitFor(findCheck).toBeUndefined();
  const last = rig.keys.at(-1) ?? "";
  rig.run(last);
  await rig.waitForState(last, "running");
});

test.runIf(IS_FULL_RUN)(
  "over the whole product, a session first makes the plan that the file wants, and ends at the budget of the file",
  async ({ expect }) => {
    const rig = await createProductRig({ policy: { allow: ["Bash(touch:*)"] } });
    const steps = ["plan Make it", "permission touch made.txt", ...Array.from({ length: 9 }, () => "run true")];
    const { key } = await rig.addTicket(steps);
    rig.host.commitFiles({ ".groundcrew.json": { plan_first: true, budget_usd: 0.01 } });
    const readLines = async () => (await rig.call("/api/tickets/policies/ONB")).lines;
    await rig.waitFor(readLines).toContainEqual({ name: "plan_first", value: true, from: ".groundcrew.json" });
    await rig.approve(key);
    const readQuestion = async () => (await rig.readQuestions(key))?.[0];
    await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: "Make it" });
    expect(rig.readWork(key, "made.txt")).toBeUndefined();
    await rig.answer(key, (await readQuestion()).id, "approve");
    // Its rule came with the plan, so nobody was asked; eleven requests to the model cost more than a cent.
    await rig.waitFor(() => rig.readSession(key)).toMatchObject({ state: "waiting", reason: "budget_over" });
    expect(rig.readWork(key, "made.txt")).toBe("");
    await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
    expect(await readQuestion()).toMatchObject({ kind: "ended" });
  },
);

test.runIf(IS_FULL_RUN)("the file chooses the CLI, and its model", async (context) => {
  const rig = await createPolicyRig(context);
  rig.host.commitFiles({ ".groundcrew.json": { cli: "codex", model: "gpt-fake" } });
  rig.run("ONB-1");
  await rig.waitForState("ONB-1", "running");
  rig.expect(rig.readRecord("ONB-1")).toMatchObject({ cli: "codex" });
});
