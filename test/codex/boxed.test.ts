import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { runPlanAndPublish } from "../runtime/runner/plan-and-publish.ts";
import { completion, createCodexRig, decide, waitForRequest } from "./codex-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const HOSTILE = resolve("test/codex/hostile-command.py");

test("a boxed ticket runs from its approval to its result: it commits unasked, and asks for what is outside its sandbox", async () => {
  const rig = await createCodexRig({ isBoxed: true });
  const { key } = await rig.addTicket([
    "run env > env.txt; ls -a $HOME > home.txt",
    "permission touch allowed.txt",
    "permission touch denied.txt",
    "question Which name?|Ruby|C",
    "run git add -A && git commit -qm 'feat: made'",
    completion("All is done"),
  ]);
  writeFileSync(join(rig.host.home, "secret.txt"), "");
  await rig.call(`/api/approve/${key}`, "POST", {});
  await decide(rig, await waitForRequest(rig, "permission", "touch allowed.txt"), "allow");
  const denied = await waitForRequest(rig, "permission", "touch denied.txt");
  // Its own terminal is attached, from a box of its own.
  await rig
    .waitFor(() => rig.host.tmux("capture-pane", "-p", "-t", `=claude-${key}:`), 60_000)
    .toContain("touch denied.txt");
  await decide(rig, denied, "deny");
  await decide(rig, await waitForRequest(rig, "question", "Which name?"), "answer", "Ruby");
  await rig
    .waitFor(() => rig.readCompleted(key), 120_000)
    .toMatchObject({ summary: "All is done", source: "tool", commits: [{ subject: "feat: made" }] });
  expect(existsSync(rig.work(key, "allowed.txt"))).toBe(true);
  expect(existsSync(rig.work(key, "denied.txt"))).toBe(false);
  expect(readFileSync(rig.work(key, "env.txt"), "utf8")).not.toMatch(/TOKEN/);
  expect(readFileSync(rig.work(key, "home.txt"), "utf8")).not.toContain("secret.txt");
  // Nothing was written for other sessions.
  expect(readFileSync(join(rig.codexHome, "config.toml"), "utf8")).not.toMatch(/trust|projects|approv/);
  expect(existsSync(join(rig.codexHome, "rules"))).toBe(false);
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
    completion("Done"),
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await decide(rig, await waitForRequest(rig, "permission", "hostile-command"), "allow");
  const read = (name: string) => (existsSync(rig.work(key, name)) ? readFileSync(rig.work(key, name), "utf8") : "");
  return { ...rig, key, read };
}

test("in a box, a command that was allowed reaches neither the socket nor the memory of what allows the next one", async () => {
  const rig = await runHostileTicket(true);
  const { key, read } = rig;
  const second = await waitForRequest(rig, "permission", "touch second.txt");
  const rounds = Number(read("rounds.txt"));
  await rig.waitFor(() => Number(read("rounds.txt"))).toBeGreaterThan(rounds + 2);
  expect(read("found.json")).toBe("");
  expect(existsSync(rig.work(key, "second.txt"))).toBe(false);
  writeFileSync(rig.work(key, "stop"), "");
  await decide(rig, second, "deny");
  await rig.waitFor(() => rig.readCompleted(key), 120_000).toMatchObject({ summary: "Done" });
  expect(existsSync(rig.work(key, "second.txt"))).toBe(false);
});

test("without a box, the same command allows the next one itself", async () => {
  const { waitFor, read, work, key } = await runHostileTicket(false);
  await waitFor(() => existsSync(work(key, "second.txt"))).toBe(true);
  await waitFor(() => read("found.json")).toContain("has answered");
});

test("kill -9 of the runner and of a box while a request waits: its command never runs, and the thread goes on", async () => {
  const rig = await createCodexRig({ isApart: true, isBoxed: true });
  const { key } = await rig.addTicket([
    "permission echo once >> first.txt",
    "permission echo once >> second.txt",
    "permission echo once >> third.txt",
    "run git add -A && git commit -qm made",
    completion("Done"),
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const first = await waitForRequest(rig, "permission", "first.txt");
  await rig.stop("runner", "SIGKILL");
  await decide(rig, first, "allow");
  rig.start("runner");
  await waitForRequest(rig, "permission", "second.txt");
  const pane = rig.host.tmux("list-panes", "-a", "-F", "#{pane_pid}").trim();
  const [box = ""] = readFileSync(`/proc/${pane}/task/${pane}/children`, "utf8").trim().split(" ");
  process.kill(Number(box), "SIGKILL");
  await decide(rig, await waitForRequest(rig, "permission", "third.txt"), "allow");
  await rig.waitFor(() => rig.readCompleted(key), 120_000).toMatchObject({ summary: "Done", commits: [{}] });
  const [one, two, three] = ["first", "second", "third"].map((name) => rig.work(key, `${name}.txt`));
  expect([readFileSync(one ?? "", "utf8"), existsSync(two ?? ""), readFileSync(three ?? "", "utf8")]).toEqual([
    ...["once\n", false, "once\n"],
  ]);
});

test("a boxed plan and result are sent back, then approved, published, repaired when checks are red, merged and cleaned", async () => {
  const rig = await createCodexRig({ isApart: true, isBoxed: true, publish: "pull-request", planFirst: true });
  await runPlanAndPublish(rig, () => rig.restart("groundcrew"));
});
