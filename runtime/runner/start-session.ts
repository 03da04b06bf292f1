import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cleanText } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { buildLaunch, findConversation, findExecutable } from "./claude-launch.ts";
import { buildClaudeSettings, buildMcpConfig } from "./claude-settings.ts";
import { extendSearchPath } from "./groundcrew-command.ts";
import { pickEnvironment } from "./passed-environment.ts";
import type { DesiredSession } from "./plan-actions.ts";
import { runHook } from "./run-hook.ts";
import type { RunnerContext } from "./runner-context.ts";
import { makePrivateFolder, writePrivateFile } from "./session-folder.ts";
import { endSessionProcesses } from "./session-processes.ts";
import { NO_DETAILS, type SessionRecord } from "./session-record.ts";
import { getTicketBranch } from "./worktrees.ts";

const LAUNCHER = fileURLToPath(new URL("./launch-session.js", import.meta.url));

/** Limit of a ticket's file in UTF-16 units: 1 Mi, more than Plane accepts. */
const MAX_TICKET_LENGTH = 2 ** 20;

/**
 * Starts a desired session, or continues a start that was interrupted at any step. A start that fails is an end of the
 * session, with its reason.
 */
export async function startSession(context: RunnerContext, desired: DesiredSession): Promise<void> {
  const { records, log, clock } = context;
  const isFirst = records.get(desired.ticket)?.run !== desired.run;
  let record = records.save(prepareRecord(context, desired));
  try {
    if (isFirst) removeRunFiles(context, desired.ticket);
    record = await prepareWorktree(context, record);
    await launch(context, desired, record);
    log.info("session started", { ticket: record.ticket, run: record.run, attempt: record.attempts + 1 });
  } catch (thrown) {
    const text = cleanText(getErrorMessage(thrown), 2_000);
    log.warn("session not started", { ticket: record.ticket, run: record.run, reason: text });
    const latest = records.get(record.ticket) ?? record;
    const ended_at = new Date(clock()).toISOString();
    records.save({
      ...latest,
      phase: "ended",
      ended_at,
      is_reported: false,
      is_acknowledged: false,
      exit: { reason: "start_failed", text },
    });
  }
}

/** Removes what an earlier run of the ticket has written. */
function removeRunFiles({ folders }: RunnerContext, ticket: string) {
  const { sessionStart, status, completion, launch: launchFile } = folders.getPaths(ticket);
  for (const path of [sessionStart, status, completion, launchFile]) rmSync(path, { force: true });
}

/** The record of a run that begins, is continued after an interruption, or is started again after its end. */
function prepareRecord({ records, clock }: RunnerContext, desired: DesiredSession): SessionRecord {
  const { ticket, run, session_id, project } = desired;
  const previous = records.get(ticket);
  const started_at = new Date(clock()).toISOString();
  if (previous?.run === run) {
    const { exit: _exit, ended_at: _endedAt, ...rest } = previous;
    const hooks = previous.phase === "ended" ? rest.hooks.filter((name) => name === "after_create") : rest.hooks;
    return { ...rest, session_id, phase: "preparing", started_at, is_reported: false, is_acknowledged: false, hooks };
  }
  return {
    ...{ ticket, run, session_id, project, repository: "", worktree: "", branch: getTicketBranch(ticket), main: "" },
    ...{ phase: "preparing", started_at, attempts: 0, is_reported: false, is_acknowledged: false, details: NO_DETAILS },
    ...{ hooks: previous?.hooks.includes("after_create") ? ["after_create"] : [], applied: [] },
  };
}

/** Takes over a session of which the record is lost; tmux says which run it belongs to. */
export async function adoptSession(context: RunnerContext, desired: DesiredSession): Promise<void> {
  const { records, worktrees, settings, log } = context;
  const { ticket, run, project } = desired;
  const repository = settings.repositories.get(project);
  if (repository === undefined) return;
  const { path, branch, main } = await worktrees.prepare(repository, ticket);
  const record = prepareRecord(context, desired);
  records.save({ ...record, repository, worktree: path, branch, main, phase: "launched", attempts: 1 });
  log.warn("session adopted", { ticket, run });
}

async function prepareWorktree(context: RunnerContext, record: SessionRecord): Promise<SessionRecord> {
  const { settings, worktrees, records } = context;
  const repository = settings.repositories.get(record.project);
  if (repository === undefined)
    throw new Error(`This runner has no repository for ${record.project}: add it to tickets.repositories.`);
  const worktree = await worktrees.prepare(repository, record.ticket);
  const { path, branch, main } = worktree;
  const hooks = worktree.isNew ? [] : record.hooks;
  const prepared = records.save({ ...record, repository, worktree: path, branch, main, hooks });
  const created = await runHookOnce(context, prepared, "after_create");
  return runHookOnce(context, created, "before_run");
}

/** Runs a hook of the settings unless it has already succeeded in this run. Throws when it fails. */
export async function runHookOnce(
  { settings, env, records }: RunnerContext,
  record: SessionRecord,
  name: "after_create" | "before_run" | "after_run",
): Promise<SessionRecord> {
  const command = settings.hooks[name];
  if (record.hooks.includes(name)) return record;
  if (command !== undefined) await runHook(name, command, record, pickEnvironment(env, "hook"));
  return records.save({ ...record, hooks: [...record.hooks, name] });
}

async function launch(context: RunnerContext, desired: DesiredSession, prepared: SessionRecord): Promise<void> {
  const { settings, env, folders, records, tmux, clock } = context;
  const { ticket, run, session_id } = prepared;
  const paths = folders.getPaths(ticket);
  const program = findExecutable(settings.claudeBin, env["PATH"]);
  if (program === undefined)
    throw new Error(`${settings.claudeBin} is not an executable file: set CLAUDE_BIN to the path of Claude Code.`);
  // What an earlier launch has left behind would work on the ticket beside the new session.
  await endSessionProcesses(session_id);
  const conversation = findConversation(paths);
  makePrivateFolder(paths.folder);
  writePrivateFile(paths.ticket, cleanText(desired.ticket_file, MAX_TICKET_LENGTH));
  const claudeSettings = buildClaudeSettings({ ticket, groundcrewUrl: settings.groundcrewUrl, paths });
  writePrivateFile(paths.settings, JSON.stringify(claudeSettings));
  writePrivateFile(paths.mcp, JSON.stringify(buildMcpConfig(settings.groundcrewUrl)));
  const options = {
    ...{ record: prepared, paths, program, token: desired.token, groundcrewUrl: settings.groundcrewUrl },
    ...{ name: settings.prefix + ticket },
    env: { ...pickEnvironment(env, "claude"), PATH: extendSearchPath(settings.folder, env["PATH"]) },
  };
  const launchPlan = buildLaunch(conversation === undefined ? options : { ...options, conversation });
  for (const path of [paths.sessionStart, paths.sessionEnd]) rmSync(path, { force: true });
  writePrivateFile(paths.launch, JSON.stringify(launchPlan));
  const started_at = new Date(clock()).toISOString();
  const launching = records.save({ ...prepared, phase: "launching", started_at, attempts: prepared.attempts + 1 });
  await tmux.startSession({
    ...{ name: settings.prefix + ticket, run, sessionId: session_id, cwd: prepared.worktree },
    command: [process.execPath, "--disable-warning=ExperimentalWarning", LAUNCHER, paths.launch],
  });
  records.save({ ...launching, phase: "launched" });
}
