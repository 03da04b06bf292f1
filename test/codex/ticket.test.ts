import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig, type ProductRig } from "../runtime/runner/product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

/** The program of Codex, which `run-installed.js` finds. */
const CODEX = process.env["TEST_CODEX"] ?? "";

/** Starts the product with the installed Codex, whose model is a fake one on this machine. */
async function createCodexRig(options: Parameters<typeof createProductRig>[0] = {}) {
  const model = createModelSimulator();
  const url = await model.start();
  // Codex makes no helpers below /tmp, without which its sandbox does not work.
  const codexHome = mkdtempSync(resolve("node_modules/.cache/codex-"));
  onTestFinished(async () => {
    await model.stop();
    rmSync(codexHome, { recursive: true, force: true });
  });
  const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${url}/v1"\nwire_api = "responses"\n`;
  const config = `model = "gpt-6-sol"\nmodel_provider = "fake"\n${provider}`;
  writeFileSync(join(codexHome, "config.toml"), config);
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const env = { CODEX_BIN: CODEX, CODEX_HOME: codexHome, ...proxies };
  const rig = await createProductRig({ ...options, cli: "codex", env });
  const work = (key: string, name: string) => join(rig.host.runnerFolder, "worktrees", key, name);
  return { ...rig, codexHome, work };
}

async function waitForRequest(rig: ProductRig, kind: string, text: string) {
  const find = async () =>
    (await rig.call("/api/requests")).requests.find(
      (one: { kind: string }) => one.kind === kind && JSON.stringify(one).includes(text),
    );
  await rig.waitFor(find, 120_000).toBeTruthy();
  return find();
}

const decide = (rig: ProductRig, { id, hash }: { id: string; hash: string }, answer: string, comment?: string) =>
  rig.call(`/api/requests/${id}`, "POST", { answer, hash, ...(comment === undefined ? {} : { comment }) });

const completion = (text: string) =>
  `call update_task_status ${JSON.stringify({ task: "ONB-1", status: "done", text })}`;

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
    completion("All is done"),
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await decide(rig, await waitForRequest(rig, "permission", "allowed.txt"), "allow");
  await decide(rig, await waitForRequest(rig, "permission", "denied.txt"), "deny");
  await decide(rig, await waitForRequest(rig, "permission", "outside.txt"), "deny");
  await decide(rig, await waitForRequest(rig, "question", "Which name?"), "answer", "Ruby");
  await rig
    .waitFor(() => rig.host.tmux("capture-pane", "-p", "-t", `=claude-${key}:`), 60_000)
    .toMatch(/git commit|Would you like/);
  await decide(rig, await waitForRequest(rig, "permission", "git commit"), "allow");
  await rig
    .waitFor(() => rig.readCompleted(key), 120_000)
    .toMatchObject({ summary: "All is done", source: "tool", commits: [{ subject: "feat: made" }] });
  expect(existsSync(rig.work(key, "denied.txt"))).toBe(false);
  expect(existsSync(join(rig.codexHome, "outside.txt"))).toBe(false);
  expect(readFileSync(rig.work(key, "env.txt"), "utf8")).not.toMatch(/TOKEN/);
  // Neither trust nor a rule was written for other sessions.
  expect(readFileSync(join(rig.codexHome, "config.toml"), "utf8")).not.toMatch(/trust|projects|approv/);
  expect(existsSync(join(rig.codexHome, "rules"))).toBe(false);
});

test("kill -9 of the runner and of the app-server while a request waits: it stays one, and the thread goes on", async () => {
  const rig = await createCodexRig({ isApart: true });
  const { key } = await rig.addTicket([
    "permission echo once >> first.txt",
    "permission git commit -q --allow-empty -m made",
    completion("Done"),
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const first = await waitForRequest(rig, "permission", "first.txt");
  await rig.stop("runner", "SIGKILL");
  await decide(rig, first, "allow");
  rig.start("runner");
  const second = await waitForRequest(rig, "permission", "git commit");
  expect(readFileSync(rig.work(key, "first.txt"), "utf8")).toBe("once\n");
  await rig.restart("runner");
  await decide(rig, second, "allow");
  await rig.waitFor(() => rig.readCompleted(key), 120_000).toMatchObject({ summary: "Done" });
});

test("a plan waits for its approval, and writes nothing before", async () => {
  const rig = await createCodexRig({ planFirst: true });
  const { key } = await rig.addTicket([
    "run touch early.txt",
    "plan First do A",
    "permission git commit -q --allow-empty -m planned",
    completion("Planned"),
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const plan = await waitForRequest(rig, "plan", "First do A");
  expect(existsSync(rig.work(key, "early.txt"))).toBe(false);
  await decide(rig, plan, "approve");
  await decide(rig, await waitForRequest(rig, "permission", "git commit"), "allow");
  await rig.waitFor(() => rig.readCompleted(key), 120_000).toMatchObject({ summary: "Planned" });
});
