import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig, runPlanAndPublish, toDone } from "../runtime/runner/product-rig.ts";
import { createTestFolder } from "../support/test-folder.ts";

/** The program of Codex, which `run-installed.js` finds. */
const CODEX = process.env["TEST_CODEX"] ?? "";

/** Codex makes no helpers below /tmp, without which its sandbox does not work; so the runner is elsewhere, too. */
const FOLDER = "/var/tmp";

/** Starts the product with the installed Codex, whose model is a fake one on this machine. */
async function createCodexRig(options: Parameters<typeof createProductRig>[0] = {}) {
  vi.stubEnv("TMPDIR", FOLDER);
  const model = createModelSimulator();
  const url = await model.start();
  const codexHome = createTestFolder("codex");
  onTestFinished(() => void vi.unstubAllEnvs());
  onTestFinished(() => model.stop());
  const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${url}/v1"\nwire_api = "responses"\n`;
  const config = `model = "gpt-6-sol"\nmodel_provider = "fake"\n${provider}`;
  writeFileSync(join(codexHome, "config.toml"), config);
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const env = { CODEX_BIN: CODEX, CODEX_HOME: codexHome, ...proxies };
  const rig = await createProductRig({ ...options, cli: "codex", env });
  return { ...rig, codexHome };
}

vi.setConfig({ testTimeout: 600_000 });

const RESULT = { summary: "All is done", source: "tool", commits: [{ subject: "feat: made" }] };

/** Neither trust nor a rule was written for other sessions. */
function expectNothingWritten({ codexHome }: { codexHome: string }) {
  expect(readFileSync(join(codexHome, "config.toml"), "utf8")).not.toMatch(/trust|projects|approv/);
  expect(existsSync(join(codexHome, "rules"))).toBe(false);
}

test(`a ticket runs with ${CODEX && execFileSync(CODEX, ["--version"], { encoding: "utf8" }).trim()} from its approval to its result`, async () => {
  const rig = await createCodexRig();
  const { key } = await rig.addTicket([
    "run env > env.txt",
    "permission touch allowed.txt",
    "permission touch denied.txt",
    // Below /tmp its sandbox lets everything be written.
    `patch ${join(rig.codexHome, "outside.txt")} hello`,
    "question Which name?|Ruby|C",
    "permission git add -A && git commit -qm 'feat: made'",
    toDone("All is done"),
  ]);
  await rig.approve(key);
  await rig.decide(await rig.waitForRequest("permission", "allowed.txt"), "allow");
  await rig.decide(await rig.waitForRequest("permission", "denied.txt"), "deny");
  await rig.decide(await rig.waitForRequest("permission", "outside.txt"), "deny");
  await rig.decide(await rig.waitForRequest("question", "Which name?"), "answer", "Ruby");
  await rig.waitFor(() => rig.readTerminal(key)).toMatch(/git commit|Would you like/);
  await rig.decide(await rig.waitForRequest("permission", "git commit"), "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject(RESULT);
  expect(rig.readWork(key, "denied.txt")).toBeUndefined();
  expect(existsSync(join(rig.codexHome, "outside.txt"))).toBe(false);
  expect(rig.readWork(key, "env.txt")).not.toMatch(/TOKEN/);
  expectNothingWritten(rig);
});

/** Approves a ticket, and allows its first request after kill -9 of the runner, which starts again then. */
async function allowFirstWithoutRunner(rig: Awaited<ReturnType<typeof createCodexRig>>, key: string): Promise<void> {
  await rig.approve(key);
  const first = await rig.waitForRequest("permission", "first.txt");
  await rig.stop("runner", "SIGKILL");
  await rig.decide(first, "allow");
  rig.start("runner");
}

test("kill -9 of the runner and of the app-server while a request waits: it stays one, and the thread goes on", async () => {
  const rig = await createCodexRig({ isApart: true });
  const { key } = await rig.addTicket([
    "permission echo once >> first.txt",
    "permission git commit -q --allow-empty -m made",
    toDone("Done"),
  ]);
  await allowFirstWithoutRunner(rig, key);
  const second = await rig.waitForRequest("permission", "git commit");
  expect(rig.readWork(key, "first.txt")).toBe("once\n");
  await rig.restart("runner");
  await rig.decide(second, "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Done" });
});

test("a plan waits for its approval, and writes nothing before", async () => {
  const rig = await createCodexRig({ planFirst: true });
  const { key } = await rig.addTicket([
    "run touch early.txt",
    "plan First do A",
    "permission git commit -q --allow-empty -m planned",
    toDone("Planned"),
  ]);
  await rig.approve(key);
  const plan = await rig.waitForRequest("plan", "First do A");
  expect(rig.readWork(key, "early.txt")).toBeUndefined();
  await rig.decide(plan, "approve");
  await rig.decide(await rig.waitForRequest("permission", "git commit"), "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Planned" });
});

const HOSTILE = resolve("test/codex/hostile-command.py");

test("a boxed ticket runs from its approval to its result: it commits unasked, and asks for what is outside its sandbox", async () => {
  const rig = await createCodexRig({ isBoxed: true });
  const { key } = await rig.addTicket([
    "run env > env.txt; ls -a $HOME > home.txt",
    "permission touch allowed.txt",
    "permission touch denied.txt",
    "question Which name?|Ruby|C",
    "run git add -A && git commit -qm 'feat: made'",
    toDone("All is done"),
  ]);
  writeFileSync(join(rig.host.home, "secret.txt"), "");
  await rig.approve(key);
  await rig.decide(await rig.waitForRequest("permission", "touch allowed.txt"), "allow");
  const denied = await rig.waitForRequest("permission", "touch denied.txt");
  // Its own terminal is attached, from a box of its own.
  await rig.waitFor(() => rig.readTerminal(key)).toContain("touch denied.txt");
  await rig.decide(denied, "deny");
  await rig.decide(await rig.waitForRequest("question", "Which name?"), "answer", "Ruby");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject(RESULT);
  expect(rig.readWork(key, "allowed.txt")).toBeDefined();
  expect(rig.readWork(key, "denied.txt")).toBeUndefined();
  expect(rig.readWork(key, "env.txt")).not.toMatch(/TOKEN/);
  expect(rig.readWork(key, "home.txt")).not.toContain("secret.txt");
  expectNothingWritten(rig);
  expect(existsSync(join(rig.codexHome, "sessions"))).toBe(false);
});

/** A ticket of which the first command, which a person allows, tries to allow the second one. */
async function runHostileTicket(isBoxed: boolean) {
  const rig = await createCodexRig({ isBoxed });
  // Without a box it sees the whole machine, of which it is to leave the rest alone.
  const only = isBoxed ? "" : rig.host.runnerFolder;
  const { key } = await rig.addTicket([
    `permission setsid python3 ${HOSTILE} ${only} > /dev/null 2>&1 &`,
    "permission touch second.txt",
    toDone("Done"),
  ]);
  await rig.approve(key);
  await rig.decide(await rig.waitForRequest("permission", "hostile-command"), "allow");
  return { rig, key, read: (name: string) => rig.readWork(key, name) };
}

test("in a box, a command that was allowed reaches neither the socket nor the memory of what allows the next one", async () => {
  const { rig, key, read } = await runHostileTicket(true);
  const second = await rig.waitForRequest("permission", "touch second.txt");
  const countRounds = () => Number(read("rounds.txt") ?? 0);
  const rounds = countRounds();
  await rig.waitFor(countRounds).toBeGreaterThan(rounds + 2);
  expect(read("found.json")).toBeUndefined();
  expect(rig.readWork(key, "second.txt")).toBeUndefined();
  writeFileSync(join(rig.host.runnerFolder, "worktrees", key, "stop"), "");
  await rig.decide(second, "deny");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Done" });
  expect(rig.readWork(key, "second.txt")).toBeUndefined();
});

test("without a box, the same command allows the next one itself", async () => {
  const { rig, read } = await runHostileTicket(false);
  await rig.waitFor(() => read("second.txt")).toBe("");
  await rig.waitFor(() => read("found.json")).toContain("has answered");
});

test("kill -9 of the runner and of a box while a request waits: its command never runs, and the thread goes on", async () => {
  const rig = await createCodexRig({ isApart: true, isBoxed: true });
  const { key } = await rig.addTicket([
    "permission echo once >> first.txt",
    "permission echo once >> second.txt",
    "permission echo once >> third.txt",
    "run git add -A && git commit -qm made",
    toDone("Done"),
  ]);
  await allowFirstWithoutRunner(rig, key);
  await rig.waitForRequest("permission", "second.txt");
  const pane = rig.host.tmux("list-panes", "-a", "-F", "#{pane_pid}").trim();
  const [box = ""] = readFileSync(`/proc/${pane}/task/${pane}/children`, "utf8").trim().split(" ");
  process.kill(Number(box), "SIGKILL");
  await rig.decide(await rig.waitForRequest("permission", "third.txt"), "allow");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Done", commits: [{}] });
  const texts = ["first", "second", "third"].map((name) => rig.readWork(key, `${name}.txt`));
  expect(texts).toEqual(["once\n", undefined, "once\n"]);
});

test("a boxed plan and result are sent back, then approved, published, repaired when checks are red, merged and cleaned", async () => {
  const rig = await createCodexRig({ isApart: true, isBoxed: true, publish: "pull-request", planFirst: true });
  await runPlanAndPublish(rig, () => rig.restart("groundcrew"));
});
