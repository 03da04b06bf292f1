/** Commands of the settings that run around a session: set-up, hooks and tests, in the session's box where it has one. */

import { DEFAULT_HOOK_MINUTES } from "../../shared/config/tickets-schema.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, cleanText } from "../../shared/text.ts";
import { MAX_SCREEN_LENGTH } from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { describeFailure, type ProgramOptions, runProgram } from "../node/programs.ts";
import type { RunnerContext } from "./runner-context.ts";
import { chooseBox, wrapCommand } from "./session-box.ts";
import { type SessionRecord, UNREPORTED } from "./session-folder.ts";
import { pickEnvironment } from "./session-processes.ts";

type HookName = keyof RunnerContext["settings"]["hooks"] | "setup";

/** Commands that run once in a new worktree. */
export const NEW_WORKTREE_HOOKS: readonly string[] = ["after_create", "setup"];

/** Timeout for a test command: 10 min. */
const TEST_TIMEOUT_MS: Ms = 10 * MINUTE;

/** Runs a hook of the settings unless it has already succeeded in this run. Throws when it fails. */
export async function runHookOnce(
  context: RunnerContext,
  record: SessionRecord,
  name: HookName,
): Promise<SessionRecord> {
  if (record.hooks.includes(name)) return record;
  await runHook(context, record, name, (screen) => showOutput(context, record, screen));
  return context.records.save({ ...record, hooks: [...record.hooks, name] });
}

/**
 * Runs a command of the settings, if they have it, in the worktree. The command is the operator's own text; what it
 * needs to know about the ticket is in its environment. Throws when it fails.
 */
export async function runHook(
  context: RunnerContext,
  record: SessionRecord,
  name: HookName,
  onScreen?: (screen: string) => void,
): Promise<void> {
  const { settings } = context;
  const { policy, hookTimeout = DEFAULT_HOOK_MINUTES * MINUTE } = settings.repositories.get(record.project) ?? {};
  const { command: setup, minutes: setupMinutes = DEFAULT_HOOK_MINUTES } = policy?.setup ?? {};
  const [command, timeoutMs] = name === "setup" ? [setup, setupMinutes * MINUTE] : [settings.hooks[name], hookTimeout];
  if (command === undefined) return;
  let output = `$ ${command}\n`;
  const onOutput = (text: string) => {
    output = (output + text).slice(-MAX_SCREEN_LENGTH);
    onScreen?.(output);
  };
  onScreen?.(output);
  const result = await runCommand(context, record, command, { timeoutMs, onOutput }, NEW_WORKTREE_HOOKS.includes(name));
  if (result.status !== 0) throw new Error(describeFailure(name === "setup" ? "setup" : `Hook ${name}`, result));
}

/** Shows what a command prints that prepares a session, where its terminal will be. */
function showOutput({ records }: RunnerContext, { ticket, phase }: SessionRecord, screen: string): void {
  const latest = records.get(ticket);
  if (phase === "preparing" && latest) records.keep({ ...latest, details: { ...latest.details, screen } });
}

/** Runs a command of the settings, in the session's box where it has one: it runs what the session has written. */
async function runCommand(
  context: RunnerContext,
  record: SessionRecord,
  command: string,
  options: Partial<Pick<ProgramOptions, "timeoutMs" | "onOutput">>,
  isNew = false,
) {
  const { settings, env } = context;
  const facts = {
    GROUNDCREW_TICKET: record.ticket,
    GROUNDCREW_PROJECT: record.project,
    GROUNDCREW_RUN: String(record.run),
    GROUNDCREW_BRANCH: record.branch,
    GROUNDCREW_MAIN: record.main,
    GROUNDCREW_REPOSITORY: record.repository,
    GROUNDCREW_WORKTREE: record.worktree,
  };
  const hookEnv = { ...pickEnvironment(env, "hook", settings.repositories.get(record.project)?.env), ...facts };
  const plain = { program: "/bin/sh", args: ["-c", command], env: hookEnv };
  const box = record.is_boxed ? await chooseBox(context, record) : undefined;
  if (record.is_boxed && !box) throw new Error(`The command is not run: ${record.ticket} needs a box, and none works.`);
  const { program, args, env: own } = box ? wrapCommand(context, box, record, plain, isNew) : plain;
  return runProgram(program, args, { cwd: record.worktree, env: own, ...options });
}

/**
 * Runs the test command of a session's repository in its worktree, and records how it ended, also for a session that has
 * ended. It is the runner's own settings that name the command; only the wish for a run, by its id, comes from outside.
 */
export async function runTests(context: RunnerContext, ticket: string, id: string): Promise<void> {
  const { settings, records, gitStates, log } = context;
  const record = records.get(ticket);
  if (!record) return;
  const command = settings.repositories.get(record.project)?.testCommand;
  const readHead = async () => (await gitStates.read(record)).commits[0]?.id;
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
