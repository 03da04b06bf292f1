import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, onTestFailed, onTestFinished } from "vitest";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "../../reliability/simulators.ts";
import { getBuiltProgram } from "../../support/built-program.ts";
import { findFreePort } from "../../support/redis-server.ts";
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
  const ends: (() => Promise<void>)[] = [];
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
  onTestFailed(() => console.info(rig.output.slice(-60).join("")));
  return rig;
}

async function startProduct(options: ProductOptions, onEnd: (end: () => Promise<void>) => void) {
  const { isApart = false, env = {}, tickets = {}, isBoxed = process.env["TEST_BOXED"] === "1", policy = {} } = options;
  const host = createRunnerHost();
  const simulators = await startSimulators({ onEnd });
  const project = simulators.addProject();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const output: string[] = [];
  const children = new Map<Part, ChildProcess>();

  const { testCommand, publish, planFirst, cli } = options;
  const own = { test_command: testCommand, publish, plan_first: planFirst, cli };
  const limits = { ...omitUndefined(own), ...policy, ...(isBoxed ? { readable: [resolve(".")] } : {}) };
  const repository = Object.keys(limits).length === 0 ? host.repository : { path: host.repository, ...limits };
  const sandbox = isBoxed ? "required" : "off";
  const config = { tickets: { repositories: { ONB: repository }, sandbox, ...tickets } };
  writeFileSync(join(host.folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  onEnd(async () => {
    await Promise.all([...children.keys()].map((part) => stop(part, "SIGKILL")));
    await host.killTmux();
    host.remove();
  });

  const ownEnv = {
    ...host.env,
    ...(isApart ? { RUNNER_TOKEN } : {}),
    ...{ PORT: String(port), GROUNDCREW_CONFIG: "config.json", STORE_URL: "file:./data" },
    ...env,
  };
  const spawnProgram = (program: Parameters<typeof getBuiltProgram>[0], args: string[], more: object) =>
    spawn(process.execPath, ["--disable-warning=ExperimentalWarning", getBuiltProgram(program), ...args], {
      cwd: host.folder,
      env: { ...ownEnv, ...more },
    });

  function start(part: Part, more: Record<string, string> = {}) {
    const child =
      part === "groundcrew"
        ? spawnProgram("start", [], { ...simulators.env, ...ownEnv, ...more })
        : spawnProgram("cli", ["runner"], { GROUNDCREW_URL: url, ...more });
    children.set(part, child);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => output.push(String(data)));
  }

  /** Ends a process by a signal; resolves with its exit code, null after a signal that ended it. */
  async function stop(part: Part, signal: NodeJS.Signals): Promise<unknown> {
    const child = children.get(part);
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const exited = once(child, "exit");
    child.kill(signal);
    return (await exited)[0];
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
    ...{ host, simulators, output, call, waitFor, start, stop, killTmux: host.killTmux },
    /** Runs a command of `groundcrew` on the machine of the product; resolves with what it prints, also when it fails. */
    async runCommand(...args: string[]): Promise<string> {
      const { stdout } = spawnProgram("cli", args, { ...simulators.env, ...ownEnv });
      return (await stdout.setEncoding("utf8").toArray()).join("");
    },
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
