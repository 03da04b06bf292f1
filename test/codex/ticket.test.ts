import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { CODEX, completion, createCodexRig, decide, waitForRequest } from "./codex-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

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
