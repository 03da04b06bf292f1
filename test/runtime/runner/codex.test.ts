import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { createTestFolder } from "../../support/test-folder.ts";
import { getTestProgram } from "../../support/test-programs.ts";
import { createProductRig, type ProductRig, shareProduct } from "./product-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const COMMAND =
  'cp "$GROUNDCREW_TICKET_FILE" seen.md; git commit -q --allow-empty -m own; echo Own > "$GROUNDCREW_COMPLETION_FILE"';
const useProduct = shareProduct({
  cli: "codex",
  tickets: { cli_by_label: { own: { command: ["/bin/sh", "-c", COMMAND] } } },
});

const commit = (name: string) => `run git commit -q --allow-empty -m ${name}`;
const getBranch = (key: string) => `groundcrew/${key.toLowerCase()}`;

async function decide(rig: ProductRig, request: { id: string; hash: string }, answer: string, comment?: string) {
  expect(await rig.decide(request, answer, comment)).not.toHaveProperty("error");
}

const waitForResult = (rig: ProductRig, key: string, summary: string) =>
  rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary, state: "completed", source: "tool" });

/** Waits until the runner has reported the commits that follow a result. */
const waitForCommits = (rig: ProductRig, key: string, subjects: string[]) =>
  rig
    .waitFor(async () => (await rig.readCompleted(key)).commits.map(({ subject }: { subject: string }) => subject))
    .toEqual(subjects);

test("a ticket runs with Codex from its approval, which says what Codex cannot do, to one comment in Plane", async () => {
  const rig = await useProduct();
  const { key, item } = await rig.addTicket([
    ...["run env > env.txt", "together touch allowed.txt ;; touch denied.txt", "patch patched.txt a whole line"],
    ...['mcp read_page {"page":7}', "question Which name?|Ruby|C", "ask git add -A && git commit -qm made"],
    "complete All is done",
  ]);
  await decide(rig, await rig.waitForRequest("ticket", "no money", key), "approve");
  const allowed = await rig.waitForRequest("permission", "touch allowed.txt", key);
  const denied = await rig.waitForRequest("permission", "touch denied.txt", key);
  expect(allowed).toMatchObject({ from: "Codex", answers: ["allow", "deny"] });
  expect(allowed.input).toContainEqual({ label: "command", value: "/bin/bash -lc 'touch allowed.txt'" });
  await decide(rig, denied, "deny");
  await decide(rig, allowed, "allow");
  const patch = await rig.waitForRequest("permission", "a whole line", key);
  expect(JSON.stringify(patch.input)).toContain("patched.txt");
  await decide(rig, patch, "allow");
  await decide(rig, await rig.waitForRequest("permission", "mcp__other__read_page", key), "deny");
  await decide(rig, await rig.waitForRequest("question", "Which name?", key), "answer", "Ruby");
  await decide(rig, await rig.waitForRequest("permission", "git commit", key), "allow");
  await waitForResult(rig, key, "All is done");
  await waitForCommits(rig, key, ["made"]);
  expect(await rig.readCompleted(key)).not.toHaveProperty("cost_usd");
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject({ comment_posted: true });
  expect(rig.findComments(item, "made")).toHaveLength(1);
  const files = rig.host.git(["ls-tree", "--name-only", getBranch(key)]);
  for (const name of ["allowed.txt", "patched.txt"]) expect(files).toContain(name);
  expect(files).not.toContain("denied.txt");
  const show = (name: string) => rig.host.git(["show", `${getBranch(key)}:${name}`]);
  expect(show("answer.txt")).toBe("Ruby");
  expect(show("env.txt")).toContain(`GROUNDCREW_TICKET=${key}`);
  expect(show("env.txt")).not.toMatch(/TOKEN|_KEY/);
  // Neither trust nor a rule was written for other sessions.
  expect(existsSync(join(rig.host.home, ".codex", "config.toml"))).toBe(false);
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
});

test("the end of a turn and an error of the model ask a person, a result that is sent back goes on in the thread, and tokens are reported", async () => {
  const rig = await useProduct();
  const { key } = await rig.addTicket([
    ...["say What next?", "stay", "fail unexpected status 401 Unauthorized", commit("one"), "complete Round one"],
    ...["stay", commit("two"), "complete Round two"],
  ]);
  await rig.approve(key);
  await decide(rig, await rig.waitForRequest("question", "What next?", key), "answer", "Go on");
  await decide(rig, await rig.waitForRequest("question", "401 Unauthorized", key), "answer", "Try again");
  await waitForResult(rig, key, "Round one");
  await decide(rig, await rig.waitForRequest("result", "Round one", key), "send_back", "Please also two");
  await waitForResult(rig, key, "Round two");
  await waitForCommits(rig, key, ["two", "one"]);
  const { details } = rig.readRecord(key);
  expect(details.tokens.input).toBeGreaterThan(0);
  expect(details).not.toHaveProperty("cost_usd");
});

test("an interrupt ends the turn of Codex and what it has left in the background, and a text goes on", async () => {
  const rig = await useProduct();
  const background = "background while sleep 0.1; do date >> ticks.txt; done";
  const { key } = await rig.addTicket([background, "ask touch never.txt", commit("after"), "complete Went on"]);
  const send = (kind: string, text: string) => rig.call(`/api/sessions/${key}/input`, "POST", { kind, text });
  await rig.approve(key);
  await rig.waitForRequest("permission", "never.txt", key);
  await rig.waitFor(() => rig.readWork(key, "ticks.txt")).toBeTruthy();
  expect(await send("interrupt", "")).not.toHaveProperty("error");
  await rig.waitForRequest("question", "nterrupted", key);
  const { requests } = await rig.call("/api/requests");
  expect(requests.map(({ kind }: { kind: string }) => kind)).not.toContain("permission");
  const ticks = rig.readWork(key, "ticks.txt");
  await send("text", "Go on");
  // Its model asks again for what was interrupted.
  await decide(rig, await rig.waitForRequest("permission", "never.txt", key), "deny");
  await waitForResult(rig, key, "Went on");
  expect([rig.readWork(key, "ticks.txt"), rig.readWork(key, "never.txt")]).toEqual([ticks, undefined]);
});

test("a label chooses the CLI, here a plain command, and the approval says what it cannot do; a label that comes later is shown first", async () => {
  const rig = await useProduct();
  const label = rig.addLabel("own");
  const { key } = await rig.addTicket(["nothing"], "", [label]);
  const approval = await rig.waitForRequest("ticket", "makes no plan", key);
  expect(approval.input).toContainEqual({ label: "cli", value: "sh (own)" });
  await decide(rig, approval, "approve");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary: "Own", source: "file" });
  expect(rig.readWork(key, "seen.md")).toContain("do: nothing");
  const exit = { reason: "exited", status: 0 };
  expect(rig.readRecord(key)).toMatchObject({ cli: "command", cli_label: "own", exit });

  // What is approved is what was shown: a label that was added meanwhile is shown before it counts.
  const later = await rig.addTicket(["nothing"]);
  const shown = await rig.waitForRequest("ticket", later.key, later.key);
  expect(JSON.stringify(shown.input)).not.toContain("(own)");
  rig.simulators.plane.editItem(later.item, { labels: [label] });
  expect(await rig.decide(shown, "approve")).toHaveProperty("error");
  await rig.waitForRequest("ticket", "sh (own)", later.key);
  expect(await rig.readSession(later.key)).toBeUndefined();
});

test("where a command could reach into the app-server, required refuses the session, and the doctor and the approval say why", async () => {
  // The stand-in as a program that every process of its user can read: nothing hides the memory of its server.
  const folder = createTestFolder("codex");
  const CODEX_BIN = join(folder, "codex");
  const standIn = `'${process.execPath}' --disable-warning=ExperimentalWarning '${getTestProgram("codex")}'`;
  writeFileSync(CODEX_BIN, `#!/bin/sh\nexec ${standIn} "$@"\n`, { mode: 0o755 });
  const rig = await createProductRig({ cli: "codex", isBoxed: true, env: { CODEX_BIN } });
  const detail = expect.stringContaining("could reach into Codex's app-server");
  await rig.waitFor(async () => (await rig.readHostChecks())["box"]).toMatchObject({ status: "failed", detail });
  const { key } = await rig.addTicket(["run touch ran.txt"]);
  await decide(rig, await rig.waitForRequest("ticket", "could reach into"), "approve");
  await rig.waitFor(() => rig.readOutput()).toContain("sandbox is required for ONB, and no box works here");
  expect(rig.host.tmux("list-sessions")).toBe("");
  expect(rig.readWork(key, "ran.txt")).toBeUndefined();
});
