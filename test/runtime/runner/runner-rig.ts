import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect as globalExpect, type TestContext } from "vitest";
import { endSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { type OnEnd, writeScripts } from "../../support/test-folder.ts";
import { type Desired, RUNNER_TOKEN, startExchangeServer, toDesired, type Wishes } from "./exchange-server.ts";
import { createRunnerHost } from "./runner-host.ts";

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
type Report = Awaited<ReturnType<typeof startExchangeServer>>["getReport"];
type Want = (key: string, steps?: string[], change?: Partial<Desired>) => Desired;
type Context = Pick<TestContext, "expect"> & { onTestFinished: OnEnd };

/** Starts `groundcrew runner` with a repository of its own, the real tmux and git, and the stand-in for Claude Code. */
export async function createRunnerRig(
  { expect, onTestFinished }: Context,
  { tickets = {}, repository: more = {}, env = {}, isBoxed = false, endsOnce = false, programs = {} }: RigOptions = {},
) {
  const host = createRunnerHost(onTestFinished);
  const { folder, runnerFolder, repository, home, git, tmux, killTmux } = host;
  const server = await startExchangeServer({ endsOnce });
  const sessionIds = new Set<string>();
  const runners: ReturnType<typeof startProgram>[] = [];
  const readOutput = () => runners.map(({ readAll }) => readAll()).join("");

  writeScripts(host.bin, programs);
  const ownRepository = { path: repository, readable: [resolve(".")], ...more };
  const sandbox = isBoxed || IS_BOXED ? "required" : "off";
  const config = { tickets: { repositories: { ONB: ownRepository }, sandbox, ...tickets } };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  onTestFinished(async () => {
    await server.close();
    await killTmux();
    for (const sessionId of sessionIds) await endSessionProcesses(sessionId);
  });

  function start() {
    const ownEnv = {
      ...host.env,
      ...{ GROUNDCREW_URL: server.url, RUNNER_TOKEN, GROUNDCREW_CONFIG: join(folder, "config.json") },
      ...{ PLANE_API_KEY: "plane-secret-0123456789", TELEGRAM_BOT_TOKEN: "123:telegram-secret" },
      ...env,
    };
    runners.push(startProgram(toCommand("cli", "runner"), { cwd: folder, env: ownEnv, onEnd: onTestFinished }));
  }

  /** A session as Groundcrew wants it; `steps` are what the stand-in does. */
  function want(key: string, steps: string[] = [], change: Partial<Desired> = {}): Desired {
    const ticket_file = [`# ${key}`, ...steps.map((step) => `do: ${step}`)].join("\n");
    const desired = toDesired(key, { session_id: randomUUID(), ticket_file, ...change });
    sessionIds.add(desired.session_id);
    return desired;
  }

  function sessionFile(key: string, name: string) {
    const own = join(runnerFolder, "sessions", key, "own");
    const isOwn = /^(?:session-|status|completion)/.test(name) && existsSync(own) && readdirSync(own).length > 0;
    return isOwn ? join(own, name) : join(runnerFolder, "sessions", key, name);
  }

  const base = {
    ...{ folder, runnerFolder, repository, home, host, git, tmux, killTmux, addForge: host.addForge },
    ...{ server, readOutput, start, kill: () => runners.at(-1)?.kill(), want, sessionFile, report: server.getReport },
    readRecord: (key: string) => JSON.parse(readFileSync(sessionFile(key, "record.json"), "utf8")),
    worktree: (key: string) => join(runnerFolder, "worktrees", key),
    listSessions: () => tmux("list-sessions", "-F", "#{session_name}").split("\n").filter(Boolean),
  };
  start();
  return {
    ...base,
    ...createWaits(base, expect),
    ...createWishes(server.set, want),
    get exitCode() {
      return runners.at(-1)?.child.exitCode;
    },
  };
}

/** What a test waits for, with its own `expect`, which concurrent tests need. */
function createWaits(
  { report, readOutput }: { report: Report; readOutput: () => string },
  expect: TestContext["expect"],
) {
  const waitFor = <T>(read: () => T, interval = 50) =>
    expect.poll(read, { timeout: STATE_TIMEOUT_MS, interval, message: readOutput() });
  return {
    expect,
    waitFor,
    waitForState: (key: string, state: "starting" | "running" | "ended") =>
      waitFor(() => report(key)?.state).toBe(state),
    waitForScreen: (key: string, text: string) => waitFor(() => report(key)?.screen ?? "").toContain(text),
    waitForCommits: (key: string, subjects: string[]) =>
      waitFor(() => report(key)?.commits.map(({ subject }) => subject)).toEqual(subjects),
  };
}

/** What a test tells the runner as Groundcrew. */
function createWishes(set: (wish: Partial<Wishes>) => number, want: Want) {
  return {
    set,
    /** Wants one session, and returns it. */
    run(key: string, steps?: string[], change?: Partial<Desired>) {
      const desired = want(key, steps, change);
      set({ sessions: [desired] });
      return desired;
    },
    stop: (ticket: string, how: "kindly" | "now" = "now", reason = "over") =>
      set({ stop: [{ ticket, run: 1, how, reason }] }),
    remove: (ticket: string, force = false) => set({ remove: [{ ticket, run: 1, force }] }),
  };
}

/**
 * One runner for tests of a file, from the first of them on. Each of them gets tickets of its own, and tells as Groundcrew
 * what it wants of these; at its end they are stopped.
 */
export function shareRunner(options: RigOptions = {}) {
  const wishes = new Map<string, Partial<Wishes>>();
  const ends: Parameters<OnEnd>[0][] = [];
  let starting: Promise<RunnerRig> | undefined;
  let tickets = 0;
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  return async ({ expect, onTestFinished }: Pick<TestContext, "expect" | "onTestFinished">, count = 1) => {
    starting ??= createRunnerRig({ expect: globalExpect, onTestFinished: (end) => void ends.push(end) }, options);
    const rig = await starting;
    const keys = Array.from({ length: count }, (_, i) => `ONB-${tickets + i + 1}`);
    tickets += count;
    const [key = ""] = keys;
    const waits = createWaits(rig, expect);

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
      ...{ key, keys, ...waits, ...createWishes(set, rig.want) },
      /** Resolves when the runner has seen these wishes. */
      waitUntilSeen: (revision: number) =>
        waits.waitFor(() => Number(rig.server.requests.at(-1)?.seen)).toBeGreaterThanOrEqual(revision),
      /** Hooks of the test's own tickets. */
      listHooks: () => rig.server.hooks.filter(({ ticket }) => keys.includes(ticket)),
    };
  };
}
