/**
 * What runs in the box of a ticket, where it has one: its session, with the home of its CLI, and the commands of the
 * settings around it, which are set-up, hooks and tests.
 */

import { join } from "node:path";
import { DEFAULT_HOOK_MINUTES } from "../../shared/config/tickets-schema.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, cleanText } from "../../shared/text.ts";
import { MAX_SCREEN_LENGTH } from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { describeFailure, type ProgramOptions, runProgram } from "../node/programs.ts";
import { type Box, type BoxCheck, type BoxView, type Command, toHostAndPort, wrapInBox } from "./box.ts";
import { getDriver } from "./driver.ts";
import { findPolicy, type RunnerContext } from "./runner-context.ts";
import { type SessionRecord, UNREPORTED } from "./session-folder.ts";
import { pickEnvironment } from "./session-processes.ts";

type HookName = keyof RunnerContext["settings"]["hooks"] | "setup";

/** How a command runs; `isNew`: in a worktree that no session has written to. */
type CommandOptions = Pick<ProgramOptions, "timeoutMs" | "onOutput"> & { isNew?: boolean };

/** Commands that run once in a new worktree. */
export const NEW_WORKTREE_HOOKS: readonly HookName[] = ["after_create", "setup"];

/** Timeout for a test command: 10 min. */
const TEST_TIMEOUT_MS: Ms = 10 * MINUTE;

/** Whether the sessions of a CLI can be boxed. */
export async function findCliBox(context: RunnerContext, cli: SessionRecord["cli"]): Promise<BoxCheck> {
  const box = await context.findBox();
  const { adaptBox } = context.drivers[cli];
  if ("problem" in box || !adaptBox) return box;
  try {
    return await adaptBox(box, context);
  } catch (thrown) {
    return { problem: cleanLine(getErrorMessage(thrown), 300) };
  }
}

/** The box of a ticket's session; undefined where it has none. Throws where it needs one and none works. */
export async function chooseBox(context: RunnerContext, record: SessionRecord): Promise<Box | undefined> {
  const { project, ticket, cli } = record;
  const { sandbox } = findPolicy(context, record) ?? {};
  const box = sandbox === "off" ? { problem: "sandbox is off" } : await findCliBox(context, cli);
  if (!("problem" in box)) return box;
  if (sandbox === "required")
    throw new Error(`No session starts: sandbox is required for ${project}, and no box works here: ${box.problem}.`);
  context.log.warn("session without a box", { ticket, reason: box.problem });
  return undefined;
}

/** Puts the program of a session into its box. */
export function wrapSession(context: RunnerContext, box: Box, record: SessionRecord, command: Command): Command {
  const { settings, env, records } = context;
  const paths = records.getPaths(record.ticket);
  const home = getDriver(context, record.ticket).createHome?.(env, paths, record);
  const hosts = [...(home?.hosts ?? []), ...toHostAndPort(settings.groundcrewUrl)];
  const isClosed = findPolicy(context, record)?.network === "model";
  const own = [paths.ticket, paths.difference, paths.settings, paths.mcp].map((path) => [path, path] as const);
  return wrapInBox(
    box,
    { ...command, env: { ...command.env, ...home?.env } },
    {
      ...createView(context, record),
      writable: [paths.own, ...(home ? [home.folder] : [])],
      shared: home?.shared ?? [],
      placed: [...(home?.placed ?? []), ...own],
      ...(isClosed ? { network: { hosts, socket: join(paths.folder, "network.sock") } } : {}),
    },
  );
}

/** What a box shows of the work on a ticket. */
function createView(context: RunnerContext, record: SessionRecord): BoxView {
  const { settings, records } = context;
  return {
    ...{ workFolder: record.worktree, repository: record.repository },
    cache: join(settings.folder, "cache", record.project),
    temporary: records.getPaths(record.ticket).temporary,
    readable: [...(findPolicy(context, record)?.readable ?? []), join(settings.folder, "bin")],
  };
}

/**
 * Runs a hook of the settings unless it has already succeeded in this run; what it prints is shown where the terminal
 * will be. Throws when it fails.
 */
export async function runHookOnce(context: RunnerContext, record: SessionRecord, name: HookName) {
  const { records } = context;
  if (record.hooks.includes(name)) return record;
  await runHook(context, record, name, (screen) => {
    const latest = records.get(record.ticket);
    const isBefore = record.phase === "preparing" && latest;
    if (isBefore) records.keep({ ...latest, details: { ...latest.details, screen } });
  });
  return records.save({ ...record, hooks: [...record.hooks, name] });
}

/**
 * Runs a command of the settings, if they have it, in the worktree. The command is the operator's own text; what it
 * needs to know about the ticket is in its environment. Throws when it fails.
 */
export async function runHook(
  context: RunnerContext,
  record: SessionRecord,
  name: HookName,
  onScreen: (screen: string) => void = () => {},
): Promise<void> {
  const { settings } = context;
  const { policy, hookTimeout = DEFAULT_HOOK_MINUTES * MINUTE } = settings.repositories.get(record.project) ?? {};
  const { command: setup, minutes = DEFAULT_HOOK_MINUTES } = policy?.setup ?? {};
  const [command, timeoutMs] = name === "setup" ? [setup, minutes * MINUTE] : [settings.hooks[name], hookTimeout];
  if (command === undefined) return;
  let output = "";
  const onOutput = (text: string) => {
    output = (output + text).slice(-MAX_SCREEN_LENGTH);
    onScreen(output);
  };
  onOutput(`$ ${command}\n`);
  const isNew = NEW_WORKTREE_HOOKS.includes(name);
  const result = await runCommand(context, record, command, { timeoutMs, onOutput, isNew });
  if (result.status !== 0) throw new Error(describeFailure(name === "setup" ? "setup" : `Hook ${name}`, result));
}

/**
 * Runs a command of the settings, in the session's box where it has one: it runs what the session has written. Where
 * sessions reach their model only, it has no network, except to prepare a new clone, which has nothing of a session
 * yet.
 */
async function runCommand(context: RunnerContext, record: SessionRecord, command: string, options: CommandOptions) {
  const { isNew = false, ...more } = options;
  const policy = findPolicy(context, record);
  const facts = {
    GROUNDCREW_TICKET: record.ticket,
    GROUNDCREW_PROJECT: record.project,
    GROUNDCREW_RUN: String(record.run),
    GROUNDCREW_BRANCH: record.branch,
    GROUNDCREW_MAIN: record.main,
    GROUNDCREW_REPOSITORY: record.repository,
    GROUNDCREW_WORKTREE: record.worktree,
  };
  const hookEnv = { ...pickEnvironment(context.env, "hook", policy?.env), ...facts };
  const plain = { program: "/bin/sh", args: ["-c", command], env: hookEnv };
  const box = record.is_boxed ? await chooseBox(context, record) : undefined;
  if (record.is_boxed && !box) throw new Error(`The command is not run: ${record.ticket} needs a box, and none works.`);
  const network = !isNew && policy?.network === "model" ? { network: "none" as const } : {};
  const { program, args, env } = box ? wrapInBox(box, plain, { ...createView(context, record), ...network }) : plain;
  return runProgram(program, args, { cwd: record.worktree, env, ...more });
}

/**
 * Runs the test command of a session's repository in its worktree, and records how it ended, also for a session that
 * has ended. It is the runner's own settings that name the command; only the wish for a run, by its id, comes from
 * outside.
 */
export async function runTests(context: RunnerContext, ticket: string, id: string): Promise<void> {
  const { records, worktrees, log } = context;
  const record = records.get(ticket);
  if (!record) return;
  const command = findPolicy(context, record)?.test_command;
  const readHead = async () => (await worktrees.readState(record)).commits[0]?.id;
  const commit = await readHead();
  let problem = "This runner has no test_command for the repository.";
  if (command !== undefined) {
    const result = await runCommand(context, record, command, { timeoutMs: TEST_TIMEOUT_MS });
    problem = result.status === 0 ? "" : describeFailure("Test command", result);
    if ((await readHead()) !== commit) problem = "A commit was added while the tests ran. Complete the ticket again.";
  }
  log.info("tests ended", { ticket, run: record.run, ...(problem === "" ? {} : { problem: cleanLine(problem, 300) }) });
  const tests = { id, ...omitUndefined({ commit, problem: cleanText(problem, 2_000) || undefined }) };
  const latest = records.getLatest(record);
  if (latest.run === record.run) records.save({ ...latest, ...UNREPORTED, tests });
}
