import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { toDone } from "../runtime/runner/product-rig.ts";
import { CODEX, createCodexRig } from "./codex-rig.ts";

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
    toDone("All is done"),
  ]);
  await rig.approve(key);
  await rig.decide(await rig.waitForRequest("permission", "allowed.txt"), "allow");
  await rig.decide(await rig.waitForRequest("permission", "denied.txt"), "deny");
  await rig.decide(await rig.waitForRequest("permission", "outside.txt"), "deny");
  await rig.decide(await rig.waitForRequest("question", "Which name?"), "answer", "Ruby");
  await rig.waitFor(() => rig.readTerminal(key)).toMatch(/git commit|Would you like/);
  await rig.decide(await rig.waitForRequest("permission", "git commit"), "allow");
  const result = { summary: "All is done", source: "tool", commits: [{ subject: "feat: made" }] };
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject(result);
  expect(rig.readWork(key, "denied.txt")).toBeUndefined();
  expect(existsSync(join(rig.codexHome, "outside.txt"))).toBe(false);
  expect(rig.readWork(key, "env.txt")).not.toMatch(/TOKEN/);
  // Neither trust nor a rule was written for other sessions.
  expect(readFileSync(join(rig.codexHome, "config.toml"), "utf8")).not.toMatch(/trust|projects|approv/);
  expect(existsSync(join(rig.codexHome, "rules"))).toBe(false);
});

test("kill -9 of the runner and of the app-server while a request waits: it stays one, and the thread goes on", async () => {
  const rig = await createCodexRig({ isApart: true });
  const { key } = await rig.addTicket([
    "permission echo once >> first.txt",
    "permission git commit -q --allow-empty -m made",
    toDone("Done"),
  ]);
  await rig.approve(key);
  const first = await rig.waitForRequest("permission", "first.txt");
  await rig.stop("runner", "SIGKILL");
  await rig.decide(first, "allow");
  rig.start("runner");
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
