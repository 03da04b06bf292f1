import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, onTestFailed, onTestFinished } from "vitest";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "../../reliability/simulators.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import type { OnEnd } from "../../support/test-folder.ts";
import { RUNNER_TOKEN } from "./exchange-server.ts";
import { createRunnerHost } from "./runner-host.ts";

export type ProductRig = Awaited<ReturnType<typeof startProduct>>;

interface ProductOptions {
  isApart?: boolean;
  env?: Record<string, string>;
  tickets?: object;
  /** The repository's `test_command`. */
  testCommand?: string;
  publish?: "push" | "pull-request";
  planFirst?: boolean;
  /** Sessions are boxed; the stand-in is a program of the sources. */
  isBoxed?: boolean;
  /** The repository's `cli`. */
  cli?: "codex" | { command: string[] };
  /** More lines of the repository's policy. */
  policy?: object;
}

type Part = "groundcrew" | "runner";

type Request = { id: string; hash: string; kind: string; subject: { key?: string } };

/** The step that completes a ticket with this summary. */
export const toDone = (text: string, task = "{key}") =>
  `call update_task_status ${JSON.stringify({ task, status: "done", text })}`;

/**
 * Timeout for a state that the product must reach: far more than it needs, on a busy machine as well, where the real
 * Claude Code needs more than a minute to its first request.
 */
const STATE_TIMEOUT_MS = 180_000;

/**
 * Starts the whole product as processes: Groundcrew on an embedded store with simulated Plane and Telegram, and its
 * runner with the real tmux and git, in the same process or, with `isApart`, in one of its own.
 */
export const createProductRig = (options: ProductOptions = {}) =>
  startProduct(options, onTestFinished).then(showOutputOnFailure);

/** One product for tests of a file, from the first of them on, which run one after the other. */
export function shareProduct(options: ProductOptions = {}) {
  const ends: Parameters<OnEnd>[0][] = [];
  let starting: Promise<ProductRig> | undefined;
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });
  return async () => {
    starting ??= startProduct(options, (end) => void ends.push(end));
    return showOutputOnFailure(await starting);
  };
}

function showOutputOnFailure(rig: ProductRig): ProductRig {
  onTestFailed(() => console.info(rig.readOutput().slice(-20_000)));
  return rig;
}

async function startProduct(options: ProductOptions, onEnd: OnEnd) {
  const { isApart = false, env = {}, tickets = {}, isBoxed = process.env["TEST_BOXED"] === "1", policy = {} } = options;
  const host = createRunnerHost(onEnd);
  const simulators = await startSimulators({ onEnd });
  const project = simulators.addProject();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const programs: ReturnType<typeof startProgram>[] = [];
  const parts = new Map<Part, (typeof programs)[number]>();
  const readOutput = () => programs.map(({ readAll }) => readAll()).join("");

  const { testCommand, publish, planFirst, cli } = options;
  const own = { test_command: testCommand, publish, plan_first: planFirst, cli };
  const limits = { ...omitUndefined(own), ...policy, ...(isBoxed ? { readable: [resolve(".")] } : {}) };
  const repository = Object.keys(limits).length === 0 ? host.repository : { path: host.repository, ...limits };
  const sandbox = isBoxed ? "required" : "off";
  const config = { tickets: { repositories: { ONB: repository }, sandbox, ...tickets } };
  writeFileSync(join(host.folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  onEnd(host.killTmux);

  const ownEnv = {
    ...host.env,
    ...(isApart ? { RUNNER_TOKEN } : {}),
    ...{ PORT: String(port), GROUNDCREW_CONFIG: "config.json", STORE_URL: "file:./data" },
    ...env,
  };
  const startCommand = (more: Record<string, string>, ...command: Parameters<typeof toCommand>) =>
    startProgram(toCommand(...command), { cwd: host.folder, env: { ...ownEnv, ...more }, onEnd });

  function start(part: Part, more: Record<string, string> = {}) {
    const program =
      part === "groundcrew"
        ? startCommand({ ...simulators.env, ...ownEnv, ...more }, "start")
        : startCommand({ GROUNDCREW_URL: url, ...more }, "cli", "runner");
    parts.set(part, program);
    programs.push(program);
  }

  /** Ends a process by a signal; resolves with its exit code, null after a signal that ended it. */
  async function stop(part: Part, signal: NodeJS.Signals): Promise<unknown> {
    parts.get(part)?.child.kill(signal);
    return (await parts.get(part)?.exited)?.[0];
  }

  async function call(path: string, method = "GET", body?: object) {
    const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, "content-type": "application/json" };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await fetch(url + path, init);
    // biome-ignore lint/suspicious/noExplicitAny: tests compare the answers of many routes as they are.
    return (await response.json()) as any;
  }

  /** Waits for a value; a read that fails, as while Groundcrew restarts, is repeated. */
  const waitFor = <T>(read: () => Promise<T> | T, timeout = STATE_TIMEOUT_MS) =>
    expect.poll(read, { timeout, interval: 100 });

  /** The session of a ticket as people see it; undefined when there is none. */
  const readSession = async (key: string) =>
    (await call("/api/sessions")).sessions.find(({ id }: { id: string }) => id === key);

  start("groundcrew");
  if (isApart) start("runner");
  await waitFor(async () => (await call("/health")).tmux_service).toBe(true);
  await call("/ticks/poll", "POST");

  return {
    ...{ host, simulators, readOutput, call, waitFor, start, stop, killTmux: host.killTmux },
    /** Runs a command of `groundcrew` on the machine of the product; resolves with what it prints, also when it fails. */
    runCommand: async (...args: string[]) =>
      (await startCommand({ ...simulators.env, ...ownEnv }, "cli", ...args).ended).out,
    async restart(part: Part) {
      await stop(part, "SIGKILL");
      start(part);
    },
    addLabel: (name: string) => simulators.plane.addLabel(project, name).id,
    /** Adds a work item whose description holds these steps, with {key}; resolves when it is a pending ticket. */
    async addTicket(steps: readonly string[], doneWhen = "", labels: readonly string[] = []) {
      const item = simulators.plane.addItem(project, { name: "Make it", labels: [...labels] });
      const key = `ONB-${item.sequence_id}`;
      const lines = steps.map((step) => `do: ${step.replaceAll("{key}", key)}`).join("\n");
      const code = `<pre><code>${lines.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</code></pre>`;
      const description_html = doneWhen === "" ? code : `${code}<p>Done when: ${doneWhen}</p>`;
      simulators.plane.editItem(item, { description_html });
      await call("/ticks/poll", "POST");
      const listKeys = async () => (await call("/api/pending-tickets")).tickets.map(({ id }: { id: string }) => id);
      await waitFor(listKeys).toContain(key);
      return { key, item };
    },
    approve: (key: string) => call(`/api/approve/${key}`, "POST", {}),
    /** Answers a question of a session. */
    answer: (key: string, question: string, answer: string) =>
      call(`/api/sessions/${key}/answer`, "POST", { question, answer }),
    update: (key: string) => call(`/api/update-plane/${key}`, "POST", {}),
    /** Waits for a request of this kind, of this ticket where one is named, that contains a text. */
    async waitForRequest(kind: string, text: string, key?: string) {
      const find = async () =>
        (await call("/api/requests")).requests.find(
          (one: Request) =>
            one.kind === kind && JSON.stringify(one).includes(text) && (key ?? one.subject.key) === one.subject.key,
        );
      await waitFor(find).toBeTruthy();
      return find();
    },
    decide: ({ id, hash }: Pick<Request, "id" | "hash">, answer: string, comment?: string) =>
      call(`/api/requests/${id}`, "POST", { answer, hash, ...omitUndefined({ comment }) }),
    /** What the runner has found on its machine, by the name of the check. */
    async readHostChecks(): Promise<Record<string, { status: string; detail: string; todo?: string }>> {
      const { runners } = await call("/api/sessions");
      return Object.fromEntries((runners[0]?.checks ?? []).map((check: { name: string }) => [check.name, check]));
    },
    readSession,
    readQuestions: async (key: string) => (await readSession(key))?.questions,
    /** The result of a ticket, also after its update; undefined when there is none. */
    async readCompleted(key: string) {
      const { tickets, updated } = await call("/api/completed-tickets");
      return [...tickets, ...updated].find(({ id }: { id: string }) => id === key);
    },
    readTerminal: (key: string) => host.tmux("capture-pane", "-p", "-t", `=claude-${key}:`),
    /** A file of a ticket's work folder; undefined when there is none. */
    readWork(key: string, name: string) {
      const path = join(host.runnerFolder, "worktrees", key, name);
      return existsSync(path) ? readFileSync(path, "utf8") : undefined;
    },
    readRecord: (key: string) =>
      JSON.parse(readFileSync(join(host.runnerFolder, "sessions", key, "record.json"), "utf8")),
    /** The name of an item's state in Plane. */
    readStatus: (item: { id: string }) =>
      simulators.plane.states(project).find(({ id }) => id === simulators.plane.item(item)?.state)?.name,
    /** The comments of an item in Plane that contain a text. */
    findComments: (item: { id: string }, part: string) =>
      simulators.plane.comments(item).filter(({ comment_html }) => comment_html.includes(part)),
  };
}

const PULL_REQUEST = "https://git.example.com/onb/app/pulls/1";
const toCommit = (text: string) =>
  `permission echo ${text} >> made.txt && git add -A && git commit -qm 'feat: ${text}'`;

/**
 * The life of a ticket whose session plans first and whose result is published: the plan is sent back and approved, the
 * result sent back and approved, its red checks sent back, the pull request merged and the worktree removed. `interrupt`
 * is called while the plan waits.
 */
export async function runPlanAndPublish(rig: ProductRig, interrupt: () => Promise<void>): Promise<void> {
  const forge = rig.host.addForge(["gh"]);
  const steps = ["plan Change a.txt", "plan Change b.txt", toCommit("first"), toDone("It is made")];
  const { key, item } = await rig.addTicket(steps);
  const readQuestion = async () => (await rig.readQuestions(key))?.[0];
  const answer = async (text: string) => rig.answer(key, (await readQuestion()).id, text);
  /** A person allows the commit of a round, and the session completes its ticket. */
  const finishRound = async (summary: string) => {
    await rig.waitFor(readQuestion).toMatchObject({ kind: "permission", text: expect.stringContaining("made.txt") });
    await answer("allow");
    await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ summary, state: "completed" });
  };
  const update = async () => {
    expect(await rig.update(key)).toMatchObject({ status: "publishing" });
    await rig
      .waitFor(() => rig.readCompleted(key))
      .toMatchObject({ state: "done", publication: { url: PULL_REQUEST } });
  };

  await rig.approve(key);
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change a.txt") });
  await answer("Change b.txt instead");
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change b.txt") });
  await interrupt();
  await rig.waitFor(readQuestion).toMatchObject({ kind: "plan", text: expect.stringContaining("Change b.txt") });
  await answer("approve");
  await finishRound("It is made");

  const again = [toCommit("second"), toDone("It is better", key)].map((step) => `do: ${step}`).join("\n");
  await rig.call(`/api/sessions/${key}/send-back`, "POST", { text: `Make it better\n${again}` });
  await finishRound("It is better");
  expect(forge.read().pulls).toEqual([]);
  await update();
  const pull = { title: `${key}: Make it`, body: expect.stringContaining("It is better") };
  expect(forge.read().pulls).toMatchObject([pull]);
  expect(rig.findComments(item, PULL_REQUEST)).toHaveLength(1);

  const log = [toCommit("third"), toDone("It is green", key)].map((step) => `do: ${step}`).join("\n");
  forge.change({ checks: "failed", log: `expected 1, was 2\n${log}` });
  const readRequest = async () => (await rig.call("/api/requests")).requests[0];
  await rig.waitFor(readRequest).toMatchObject({ kind: "result", answers: ["send_back", "reject"] });
  await rig.decide(await readRequest(), "send_back");
  await finishRound("It is green");
  await update();
  expect(forge.read().pulls).toHaveLength(1);
  const commits = rig.host.git(["log", "--format=%s", `groundcrew/${key.toLowerCase()}`], forge.bare);
  expect(commits).toBe("feat: third\nfeat: second\nfeat: first\nfirst\n");
  forge.change({ checks: "passed" });
  forge.close(1, "merged");
  await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ state: "done", publication: { state: "merged" } });
  await rig.waitFor(() => existsSync(join(rig.host.runnerFolder, "worktrees", key))).toBe(false);
  expect(rig.findComments(item, PULL_REQUEST)).toHaveLength(2);
}
