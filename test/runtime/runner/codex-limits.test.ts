import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { getTestProgram } from "../../support/test-programs.ts";
import { createProductRig, type ProductRig, shareProduct } from "./product-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const useProduct = shareProduct({ cli: "codex" });

async function waitForRequest(rig: ProductRig, kind: string, text: string) {
  const find = async () =>
    (await rig.call("/api/requests")).requests.find(
      (one: { kind: string }) => one.kind === kind && JSON.stringify(one).includes(text),
    );
  await rig.waitFor(find, 90_000).toBeTruthy();
  return find();
}

const decide = (rig: ProductRig, { id, hash }: { id: string; hash: string }, answer: string) =>
  rig.call(`/api/requests/${id}`, "POST", { answer, hash });

const readWork = (rig: ProductRig, key: string, name: string) => {
  const path = join(rig.host.runnerFolder, "worktrees", key, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
};

/** The stand-in as a program that every process of its user can read: nothing hides the memory of its server. */
function addOpenCodex({ host: { folder } }: Pick<ProductRig, "host">): string {
  const path = join(folder, "open-codex");
  const standIn = `'${process.execPath}' --disable-warning=ExperimentalWarning '${getTestProgram("codex")}'`;
  writeFileSync(path, `#!/bin/sh\nexec ${standIn} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

test.runIf(IS_FULL_RUN)(
  "the doctor says that Codex is not found, is too old or not signed in, and what its sessions do not read",
  async () => {
    const rig = await createProductRig({ cli: "codex", isBoxed: true, env: { CODEX_BIN: "/nowhere/codex" } });
    const startAgain = async (env: Record<string, string>) => {
      await rig.stop("groundcrew", "SIGTERM");
      rig.start("groundcrew", env);
    };
    await rig
      .waitFor(async () => (await rig.readHostChecks())["Codex"])
      .toMatchObject({ status: "failed", todo: "Install it, or set CODEX_BIN to its path." });
    const detail = expect.stringContaining("/nowhere/codex is not an executable file");
    expect(await rig.readHostChecks()).toMatchObject({ trust: { status: "ok" }, box: { status: "failed", detail } });

    mkdirSync(join(rig.host.repository, ".codex"));
    const { CODEX_BIN } = rig.host.env;
    await startAgain({ CODEX_BIN, CODEX_VERSION: "0.168.2", CODEX_SIGNED_OUT: "1" });
    await rig.waitFor(async () => (await rig.readHostChecks())["Codex"]).toMatchObject({ status: "warning" });
    const old = await rig.readHostChecks();
    expect(old["Codex"]?.detail).toMatch(/codex-cli 0\.168\.2 .* is older than 0\.169/);
    expect(old["Codex log-in"]).toMatchObject({ status: "failed", todo: expect.stringContaining("codex login") });
    expect(old["trust"]).toMatchObject({ status: "warning", detail: expect.stringContaining(".codex") });
    expect(old["Codex's limits"]?.detail).toContain("no money");

    await startAgain({ CODEX_BIN });
    await rig.waitFor(async () => (await rig.readHostChecks())["Codex"]).toMatchObject({ status: "ok" });
    expect(await rig.readHostChecks()).toMatchObject({
      ...{ "Codex log-in": { status: "ok", detail: "signed in" }, box: { status: "ok" } },
    });
  },
);

test("where a command could reach into the app-server, required refuses the session, and the doctor and the approval say why", async () => {
  const rig = await createProductRig({ cli: "codex", isBoxed: true });
  await rig.stop("groundcrew", "SIGTERM");
  rig.start("groundcrew", { CODEX_BIN: addOpenCodex(rig) });
  await rig
    .waitFor(async () => (await rig.readHostChecks())["box"])
    .toMatchObject({ status: "failed", detail: expect.stringContaining("could reach into Codex's app-server") });
  const { key } = await rig.addTicket(["run touch ran.txt"]);
  const approval = await waitForRequest(rig, "ticket", "could reach into");
  await decide(rig, approval, "approve");
  await rig.waitFor(() => rig.output.join("")).toContain("sandbox is required for ONB, and no box works here");
  expect(rig.host.tmux("list-sessions")).toBe("");
  expect(readWork(rig, key, "ran.txt")).toBeUndefined();
});

test("an interrupt ends the turn of Codex and what it has left in the background, and a text goes on", async () => {
  const rig = await useProduct();
  const { key } = await rig.addTicket([
    "background while sleep 0.1; do date >> ticks.txt; done",
    "ask touch never.txt",
    "run git commit -q --allow-empty -m after",
    "complete Went on",
  ]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await waitForRequest(rig, "permission", "never.txt");
  await rig.waitFor(() => readWork(rig, key, "ticks.txt")).toBeTruthy();
  const sent = await rig.call(`/api/sessions/${key}/input`, "POST", { kind: "interrupt", text: "" });
  expect(sent).not.toHaveProperty("error");
  await waitForRequest(rig, "question", "nterrupted");
  expect((await rig.call("/api/requests")).requests.map(({ kind }: { kind: string }) => kind)).not.toContain(
    "permission",
  );
  const ticks = readWork(rig, key, "ticks.txt");
  await rig.call(`/api/sessions/${key}/input`, "POST", { kind: "text", text: "Go on" });
  // Its model asks again for what was interrupted.
  await decide(rig, await waitForRequest(rig, "permission", "never.txt"), "deny");
  await rig.waitFor(() => rig.readCompleted(key), 90_000).toMatchObject({ summary: "Went on" });
  expect(readWork(rig, key, "ticks.txt")).toBe(ticks);
  expect(readWork(rig, key, "never.txt")).toBeUndefined();
});

test.runIf(IS_FULL_RUN)(
  "tools of an MCP server are allowed and denied by people, for once, and a form of its own is filled in in the terminal",
  async () => {
    const rig = await useProduct();
    const { key } = await rig.addTicket([
      'mcp read_page {"page":7}',
      'mcp write_page {"page":8}',
      "form Which page is meant?",
      "run git commit -q --allow-empty -m made",
      "complete Done",
    ]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    const read = await waitForRequest(rig, "permission", "mcp__other__read_page");
    expect(read.input).toContainEqual({ label: "page", value: "7" });
    await decide(rig, read, "allow");
    await decide(rig, await waitForRequest(rig, "permission", "mcp__other__write_page"), "deny");
    // Nothing that persists is answered.
    const findAnswers = () =>
      ["read_page", "write_page"].map((name) => JSON.parse(readWork(rig, key, `${name}.json`) ?? "{}"));
    await rig.waitFor(findAnswers).toEqual([
      { action: "accept", kept: "" },
      { action: "decline", kept: "" },
    ]);
    await rig.waitFor(async () => (await rig.readSession(key))?.attention).toContain("only its terminal takes");
    expect(readWork(rig, key, "form.txt")).toBeUndefined();
    const readTerminal = () => rig.host.tmux("capture-pane", "-p", "-t", `=claude-${key}:`);
    await rig.waitFor(readTerminal).toContain("Which page is meant?");
    rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "y");
    await rig.waitFor(() => rig.readCompleted(key), 90_000).toMatchObject({ summary: "Done" });
    expect(readWork(rig, key, "form.txt")).toBe("accept typed");
  },
);

test("a label chooses the CLI of a ticket, which the approval names in the installation's language; one that comes later is shown first", async () => {
  const tickets = { cli_by_label: { Codex: "codex", own: { command: ["/bin/sh", "-c", "exit 0"] } } };
  const rig = await createProductRig({ tickets, env: { LOCALE: "fr" } });
  const label = rig.addLabel("codex");
  const steps = ["ask git commit -q --allow-empty -m made", "complete Done"];
  const { key, item } = await rig.addTicket(steps, "", [label]);
  const approval = await waitForRequest(rig, "ticket", "Codex (Codex)");
  expect(approval.input).toContainEqual({ label: "cli", value: "Codex (Codex)" });
  expect(JSON.stringify(approval.input)).toContain("pas le coût");
  await decide(rig, approval, "approve");
  const permission = await waitForRequest(rig, "permission", "git commit");
  expect(permission.from).toBe("Codex");
  await decide(rig, permission, "allow");
  await rig.waitFor(() => rig.readCompleted(key), 90_000).toMatchObject({ summary: "Done" });
  const stored = JSON.parse(readFileSync(join(rig.host.runnerFolder, "sessions", key, "record.json"), "utf8"));
  expect(stored).toMatchObject({ cli: "codex", cli_label: "Codex" });
  await rig.call(`/api/update-plane/${key}`, "POST", {});
  expect(rig.findComments(item, "session de Codex")).toHaveLength(1);

  // What is approved is what was shown: a label that was added meanwhile is shown before it counts.
  const later = await rig.addTicket(["nothing"]);
  const shown = await waitForRequest(rig, "ticket", later.key);
  expect(JSON.stringify(shown.input)).not.toContain('"cli"');
  rig.simulators.plane.editItem(later.item, { labels: [rig.addLabel("own")] });
  expect(await decide(rig, shown, "approve")).toHaveProperty("error");
  await waitForRequest(rig, "ticket", "sh (own)");
  expect(await rig.readSession(later.key)).toBeUndefined();
});
