import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { createProductRig, type ProductRig, shareProduct } from "./product-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const useProduct = shareProduct({ cli: "codex" });

const UPDATE = { status: "updated", comment_posted: true, state_updated: true };

/** What of a ticket's worktree a test reads. */
const readWork = (rig: ProductRig, key: string, name: string) => {
  const path = join(rig.host.runnerFolder, "worktrees", key, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
};

const getBranch = (key: string) => `groundcrew/${key.toLowerCase()}`;

/** The open requests of a ticket's session. */
const readQuestions = async (rig: ProductRig, key: string) => (await rig.readSession(key))?.questions ?? [];

/** Waits for a request of this kind whose text or input contains a text. */
async function waitForRequest(rig: ProductRig, key: string, kind: string, text: string) {
  const find = async () =>
    (await rig.call("/api/requests")).requests.find(
      (one: { kind: string; subject: { key?: string } }) =>
        one.kind === kind && one.subject.key === key && JSON.stringify(one).includes(text),
    );
  await rig.waitFor(find, 90_000).toBeTruthy();
  return find();
}

async function decide(rig: ProductRig, { id, hash }: { id: string; hash: string }, answer: string, comment?: string) {
  const body = { answer, hash, ...(comment === undefined ? {} : { comment }) };
  expect(await rig.call(`/api/requests/${id}`, "POST", body)).not.toHaveProperty("error");
}

const waitForResult = (rig: ProductRig, key: string, summary: string) =>
  rig.waitFor(() => rig.readCompleted(key), 90_000).toMatchObject({ summary, state: "completed", source: "tool" });

/** Waits until the runner has reported the commits that follow a result. */
const waitForCommits = (rig: ProductRig, key: string, subjects: string[]) =>
  rig
    .waitFor(async () => (await rig.readCompleted(key)).commits.map(({ subject }: { subject: string }) => subject))
    .toEqual(subjects);

test("a ticket runs with Codex from its approval, which says what Codex cannot do, to one comment in Plane", async () => {
  const rig = await useProduct();
  const { key, item } = await rig.addTicket([
    "run env > env.txt",
    "together touch allowed.txt ;; touch denied.txt",
    "patch patched.txt a whole line",
    'mcp read_page {"page":7}',
    "question Which name?|Ruby|C",
    "ask git add -A && git commit -qm made",
    "complete All is done",
  ]);
  const approval = await waitForRequest(rig, key, "ticket", "no money");
  await decide(rig, approval, "approve");
  const allowed = await waitForRequest(rig, key, "permission", "touch allowed.txt");
  const denied = await waitForRequest(rig, key, "permission", "touch denied.txt");
  expect(allowed).toMatchObject({ from: "Codex", answers: ["allow", "deny"] });
  expect(allowed.input).toContainEqual({ label: "command", value: "/bin/bash -lc 'touch allowed.txt'" });
  await decide(rig, denied, "deny");
  await decide(rig, allowed, "allow");
  const patch = await waitForRequest(rig, key, "permission", "a whole line");
  expect(JSON.stringify(patch.input)).toContain("patched.txt");
  await decide(rig, patch, "allow");
  await decide(rig, await waitForRequest(rig, key, "permission", "mcp__other__read_page"), "deny");
  await decide(rig, await waitForRequest(rig, key, "question", "Which name?"), "answer", "Ruby");
  await decide(rig, await waitForRequest(rig, key, "permission", "git commit"), "allow");
  await waitForResult(rig, key, "All is done");
  await waitForCommits(rig, key, ["made"]);
  expect(await rig.readCompleted(key)).not.toHaveProperty("cost_usd");
  expect(await rig.call(`/api/update-plane/${key}`, "POST", {})).toMatchObject(UPDATE);
  expect(rig.findComments(item, "made")).toHaveLength(1);
  const files = rig.host.git(["ls-tree", "--name-only", getBranch(key)]);
  expect(files).toContain("allowed.txt");
  expect(files).toContain("patched.txt");
  expect(files).not.toContain("denied.txt");
  expect(rig.host.git(["show", `${getBranch(key)}:answer.txt`])).toBe("Ruby");
  const env = rig.host.git(["show", `${getBranch(key)}:env.txt`]);
  expect(env).toContain(`GROUNDCREW_TICKET=${key}`);
  expect(env).not.toMatch(/TOKEN|_KEY/);
  // Neither trust nor a rule was written for other sessions.
  expect(existsSync(join(rig.host.home, ".codex", "config.toml"))).toBe(false);
  await rig.waitFor(() => rig.host.tmux("list-sessions")).toBe("");
});

test.runIf(IS_FULL_RUN)(
  "kill -9 of the runner, then of the app-server, while a request waits: it stays one, and its command runs once",
  async () => {
    const rig = await createProductRig({ cli: "codex", isApart: true });
    const { key } = await rig.addTicket([
      "ask echo once >> first.txt",
      "ask echo once >> second.txt",
      "patch third.txt whole",
      "complete Done after all",
    ]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    const first = await waitForRequest(rig, key, "permission", "first.txt");
    await rig.restart("runner");
    await rig.waitFor(async () => (await rig.call("/health")).tmux_service).toBe(true);
    await decide(rig, first, "allow");
    const second = await waitForRequest(rig, key, "permission", "second.txt");
    // The answer comes while there is no runner: it is not typed, and waits for the next one.
    await rig.stop("runner", "SIGKILL");
    await decide(rig, second, "allow");
    rig.start("runner");
    const third = await waitForRequest(rig, key, "permission", "third.txt");
    expect(await readQuestions(rig, key)).toHaveLength(1);
    expect([readWork(rig, key, "first.txt"), readWork(rig, key, "second.txt")]).toEqual(["once\n", "once\n"]);
    await rig.restart("runner");
    await rig.waitFor(() => rig.output.join("")).toContain("runner started");
    expect((await readQuestions(rig, key)).map(({ id }: { id: string }) => id)).toEqual([third.id]);
    // The app-server dies with its open request: the ticket starts again with its thread, and asks anew.
    const pane = rig.host.tmux("list-panes", "-a", "-F", "#{pane_pid}").trim();
    const children = readFileSync(`/proc/${pane}/task/${pane}/children`, "utf8").trim().split(" ").map(Number);
    for (const child of children) process.kill(child, "SIGKILL");
    const find = async () =>
      (await rig.call("/api/requests")).requests.find(
        (one: { id: string; kind: string }) => one.kind === "permission" && one.id !== third.id,
      );
    await rig.waitFor(find, 90_000).toBeTruthy();
    const again = await find();
    await decide(rig, again, "allow");
    await waitForResult(rig, key, "Done after all");
    expect([readWork(rig, key, "first.txt"), readWork(rig, key, "third.txt")]).toEqual(["once\n", "whole\n"]);
  },
);

test("a plan waits for a person, comes again when it is sent back, and only an approved one is carried out", async () => {
  const rig = await createProductRig({ cli: "codex", planFirst: true });
  const { key } = await rig.addTicket([
    "plan First do A",
    "plan First do B",
    "run git commit -q --allow-empty -m planned",
    "complete Carried out",
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const first = await waitForRequest(rig, key, "plan", "First do A");
  await decide(rig, first, "send_back", "Not A");
  const second = await waitForRequest(rig, key, "plan", "First do B");
  await decide(rig, second, "approve");
  await waitForResult(rig, key, "Carried out");
  await waitForCommits(rig, key, ["planned"]);
});

test("the end of a turn and an error of the model ask a person, a result that is sent back goes on in the thread, and tokens are reported", async () => {
  const rig = await useProduct();
  const { key } = await rig.addTicket([
    "say What next?",
    "stay",
    "fail unexpected status 401 Unauthorized",
    "run git commit -q --allow-empty -m one",
    "complete Round one",
    "stay",
    "run git commit -q --allow-empty -m two",
    "complete Round two",
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await decide(rig, await waitForRequest(rig, key, "question", "What next?"), "answer", "Go on");
  await decide(rig, await waitForRequest(rig, key, "question", "401 Unauthorized"), "answer", "Try again");
  await waitForResult(rig, key, "Round one");
  const result = await waitForRequest(rig, key, "result", "Round one");
  await decide(rig, result, "send_back", "Please also two");
  await waitForResult(rig, key, "Round two");
  await waitForCommits(rig, key, ["two", "one"]);
  const stored = JSON.parse(readFileSync(join(rig.host.runnerFolder, "sessions", key, "record.json"), "utf8"));
  expect(stored.details.tokens.input).toBeGreaterThan(0);
  expect(stored.details).not.toHaveProperty("cost_usd");
});

test.runIf(IS_FULL_RUN)(
  "two tickets at once have a server each, and a request that somebody answers in the terminal is over",
  async () => {
    const rig = await useProduct();
    const one = await rig.addTicket(["ask touch one.txt", "run git commit -q --allow-empty -m one", "complete One"]);
    const two = await rig.addTicket(["ask touch two.txt", "run git commit -q --allow-empty -m two", "complete Two"]);
    for (const { key } of [one, two]) await rig.call(`/api/approve/${key}`, "POST", {});
    await waitForRequest(rig, one.key, "permission", "one.txt");
    const second = await waitForRequest(rig, two.key, "permission", "two.txt");
    const readTerminal = () => rig.host.tmux("capture-pane", "-p", "-t", `=claude-${one.key}:`);
    await rig.waitFor(readTerminal).toContain("touch one.txt");
    rig.host.tmux("send-keys", "-t", `=claude-${one.key}:`, "y");
    await waitForResult(rig, one.key, "One");
    await decide(rig, second, "allow");
    await waitForResult(rig, two.key, "Two");
    expect(readWork(rig, two.key, "two.txt")).toBe("");
  },
);

test("a plain command finds its ticket, its exit ends the session, and the approval says what it cannot do", async () => {
  const script =
    'cp "$GROUNDCREW_TICKET_FILE" seen.md; git commit -q --allow-empty -m own; echo Own > "$GROUNDCREW_COMPLETION_FILE"';
  const rig = await createProductRig({ cli: { command: ["/bin/sh", "-c", script] } });
  const { key } = await rig.addTicket(["nothing"]);
  await decide(rig, await waitForRequest(rig, key, "ticket", "makes no plan"), "approve");
  await rig.waitFor(() => rig.readCompleted(key), 90_000).toMatchObject({ summary: "Own", source: "file" });
  expect(readWork(rig, key, "seen.md")).toContain("do: nothing");
  const stored = JSON.parse(readFileSync(join(rig.host.runnerFolder, "sessions", key, "record.json"), "utf8"));
  expect(stored).toMatchObject({ cli: "command", exit: { reason: "exited", status: 0 } });
});
