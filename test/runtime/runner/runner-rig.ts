import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect as globalExpect, type TestContext, vi } from "vitest";
import { endSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import type { ExchangeAnswer } from "../../../shared/tickets/exchange.ts";
import { getBuiltProgram } from "../../support/built-program.ts";
import { RUNNER_TOKEN, startExchangeServer, type Wishes } from "./exchange-server.ts";
import { createRunnerHost } from "./runner-host.ts";

export type Desired = ExchangeAnswer["sessions"][number];

/** Whether the sessions of all tests are boxed: not by default, because many look at processes, links and files outside. */
export const IS_BOXED = process.env["TEST_BOXED"] === "1";

/** A bubblewrap that the kernel refuses its namespaces. */
export const REFUSED_BOX = { bwrap: "echo 'bwrap: No permissions to create new namespace' >&2; exit 1" };

/** Settings of tests in which a program of the box writes outside of it, or waits for a file there, on purpose. */
export const WITHOUT_BOX = { sandbox: "off" };

/** Timeout for a state that the runner must reach: far more than it needs, on a busy machine as well. */
const STATE_TIMEOUT_MS = 90_000;

/** Settings of tickets and of the one repository, and more of the runner's environment. */
interface RigOptions {
  tickets?: object;
  repository?: object;
  env?: Record<string, string>;
  /** Sessions are boxed; the stand-in is a program of the sources. */
  isBoxed?: boolean;
  /** A session that has ended is not wanted any more, until the test wants it again. */
  endsOnce?: boolean;
  /** Scripts of programs that are found before the real ones. */
  programs?: Record<string, string>;
}

export type RunnerRig = Awaited<ReturnType<typeof createRunnerRig>>;

/** Starts `groundcrew runner` with a repository of its own, the real tmux and git, and the stand-in for Claude Code. */
export async function createRunnerRig(
  { expect, onTestFinished }: Pick<TestContext, "expect"> & { onTestFinished(end: () => Promise<void>): void },
  { tickets = {}, repository: more = {}, env = {}, isBoxed = false, endsOnce = false, programs = {} }: RigOptions = {},
) {
  const host = createRunnerHost();
  const { folder, runnerFolder, repository, home, git, tmux } = host;
  const server = await startExchangeServer({ endsOnce });
  const sessionIds = new Set<string>();
  const output: string[] = [];
  let child: ChildProcess | undefined;

  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(host.bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({
      tickets: {
        repositories: { ONB: { path: repository, readable: [resolve(".")], ...more } },
        ...{ sandbox: isBoxed || IS_BOXED ? "required" : "off", ...tickets },
      },
    }),
    { mode: 0o600 },
  );

  onTestFinished(async () => {
    await kill();
    await server.close();
    await killTmux();
    for (const sessionId of sessionIds) await endSessionProcesses(sessionId);
    host.remove();
  });

  function start() {
    const started = spawn(process.execPath, [getBuiltProgram("cli"), "runner"], {
      cwd: folder,
      env: {
        ...host.env,
        GROUNDCREW_URL: server.url,
        RUNNER_TOKEN,
        GROUNDCREW_CONFIG: join(folder, "config.json"),
        PLANE_API_KEY: "plane-secret-0123456789",
        TELEGRAM_BOT_TOKEN: "123:telegram-secret",
        ...env,
      },
    });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream?.on("data", (data: Buffer) => output.push(String(data)));
  }

  async function kill(signal: NodeJS.Signals = "SIGKILL") {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** kill -9 of the tmux server; resolves when it has ended. */
  async function killTmux() {
    const pid = Number(tmux("display-message", "-p", "#{pid}"));
    if (!Number.isInteger(pid) || pid <= 1) return;
    process.kill(pid, "SIGKILL");
    await vi.waitUntil(() => tmux("display-message", "-p", "#{pid}") === "", { timeout: STATE_TIMEOUT_MS });
  }

  /** A session as Groundcrew wants it; `steps` are what the stand-in does. */
  function want(key: string, steps: string[] = [], change: Partial<Desired> = {}): Desired {
    const session_id = change.session_id ?? randomUUID();
    sessionIds.add(session_id);
    return {
      ...{
        ticket: key,
        run: 1,
        round: 1,
        session_id,
        resume: false,
        plans: false,
        project: "ONB",
        minutes: 30,
        inputs: [],
        watched: false,
      },
      token: `session-token-${key}`,
      ticket_file: [`# ${key}`, ...steps.map((step) => `do: ${step}`)].join("\n"),
      ...change,
    };
  }

  const report = server.getReport;
  start();
  return {
    folder,
    runnerFolder,
    repository,
    home,
    addForge: host.addForge,
    server,
    output,
    git,
    tmux,
    killTmux,
    start,
    kill,
    want,
    report,
    worktree: (key: string) => join(runnerFolder, "worktrees", key),
    sessionFile(key: string, name: string) {
      const own = join(runnerFolder, "sessions", key, "own");
      const isOwn = /^(?:session-|status|completion)/.test(name) && existsSync(own) && readdirSync(own).length > 0;
      return isOwn ? join(own, name) : join(runnerFolder, "sessions", key, name);
    },
    host,
    get exitCode() {
      return child?.exitCode;
    },
    listSessions: () => tmux("list-sessions", "-F", "#{session_name}").split("\n").filter(Boolean),
    /** Resolves when the newest exchange reports this of a ticket. */
    waitForState: (key: string, state: "starting" | "running" | "ended") =>
      expect
        .poll(() => report(key)?.state, { timeout: STATE_TIMEOUT_MS, message: `${key}: ${output.join("")}` })
        .toBe(state),
    waitFor: <T>(read: () => T, interval = 50) =>
      expect.poll(read, { timeout: STATE_TIMEOUT_MS, interval, message: output.join("") }),
  };
}

/**
 * One runner for tests of a file, from the first of them on. Each of them gets tickets of its own, and tells as Groundcrew
 * what it wants of these; at its end they are stopped.
 */
export function shareRunner(options: RigOptions = {}) {
  const wishes = new Map<string, Partial<Wishes>>();
  const ends: (() => Promise<void>)[] = [];
  let starting: Promise<RunnerRig> | undefined;
  let tickets = 0;
  afterAll(async () => {
    for (const end of ends) await end();
  });

  return async ({ expect, onTestFinished }: Pick<TestContext, "expect" | "onTestFinished">, count = 1) => {
    starting ??= createRunnerRig({ expect: globalExpect, onTestFinished: (end) => void ends.push(end) }, options);
    const rig = await starting;
    const keys = Array.from({ length: count }, (_, i) => `ONB-${tickets + i + 1}`);
    tickets += count;
    const [key = ""] = keys;
    const waitFor = <T>(read: () => T) =>
      expect.poll(read, { timeout: STATE_TIMEOUT_MS, interval: 50, message: rig.output.join("") });

    function set(wish: Partial<Wishes>) {
      wishes.set(key, wish);
      const all = [...wishes.values()];
      return rig.server.set({
        sessions: all.flatMap(({ sessions = [] }) => sessions),
        stop: all.flatMap(({ stop = [] }) => stop),
        test: all.flatMap(({ test = [] }) => test),
        remove: all.flatMap(({ remove = [] }) => remove),
      });
    }

    onTestFinished(() => void set({ stop: keys.map((ticket) => ({ ticket, run: 1, how: "now", reason: "over" })) }));
    return {
      ...rig,
      key,
      keys,
      set,
      waitFor,
      waitForState: (ticket: string, state: "starting" | "running" | "ended") =>
        waitFor(() => rig.report(ticket)?.state).toBe(state),
      /** Resolves when the runner has seen these wishes. */
      waitUntilSeen: (revision: number) =>
        waitFor(() => Number(rig.server.requests.at(-1)?.seen)).toBeGreaterThanOrEqual(revision),
      /** Hooks of the test's own tickets. */
      listHooks: () => rig.server.hooks.filter(({ ticket }) => keys.includes(ticket)),
    };
  };
}
