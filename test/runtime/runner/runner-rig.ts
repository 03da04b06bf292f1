import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "vitest";
import { endSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import type { ExchangeAnswer } from "../../../shared/tickets/exchange.ts";
import { getBuiltProgram } from "../../support/built-program.ts";
import { RUNNER_TOKEN, startExchangeServer } from "./exchange-server.ts";
import { createRunnerHost } from "./runner-host.ts";

export type Desired = ExchangeAnswer["sessions"][number];

/** Whether the sessions of all tests are boxed: not by default, because many look at processes, links and files outside. */
export const IS_BOXED = process.env["TEST_BOXED"] === "1";

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
}

export type RunnerRig = Awaited<ReturnType<typeof createRunnerRig>>;

/** Starts `groundcrew runner` with a repository of its own, the real tmux and git, and the stand-in for Claude Code. */
export async function createRunnerRig(
  { expect, onTestFinished }: Pick<TestContext, "expect" | "onTestFinished">,
  { tickets = {}, repository: more = {}, env = {}, isBoxed = false }: RigOptions = {},
) {
  const host = createRunnerHost();
  const { folder, runnerFolder, repository, home, git, tmux } = host;
  const server = await startExchangeServer();
  const sessionIds = new Set<string>();
  const output: string[] = [];
  let child: ChildProcess | undefined;

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
    await expect.poll(() => tmux("display-message", "-p", "#{pid}")).toBe("");
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
