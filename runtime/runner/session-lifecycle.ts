/**
 * The life of a session: its start with worktree, ticket file, the operator's hook and its CLI in a window of tmux; its
 * end, for which it is asked first, then its terminal is closed, then its processes are ended; and its removal, which
 * may come days later, when its branch is merged.
 */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getErrorMessage } from "../../shared/errors.ts";
import { changeFields, omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, cleanText } from "../../shared/text.ts";
import { MAX_REPORTED, type WorktreeReport } from "../../shared/tickets/exchange.ts";
import { getCliKind, mergePolicy } from "../../shared/tickets/policy.ts";
import { MINUTE, type Ms, SECOND, wait } from "../../shared/time.ts";
import { getProductFile, makePrivateFolder, writePrivateFile } from "../node/files.ts";
import { runProgram } from "../node/programs.ts";
import type { Box } from "./box.ts";
import { findProgram, findSessionCli, getDriver, type SessionDriver } from "./driver.ts";
import { mergeApplied, readDetails } from "./observe-session.ts";
import type { DesiredSession, RunnerAction } from "./plan-actions.ts";
import { fetchBase, findRemote } from "./publish.ts";
import { findPolicy, type RunnerContext } from "./runner-context.ts";
import { chooseBox, NEW_WORKTREE_HOOKS, runHook, runHookOnce, wrapSession } from "./session-commands.ts";
import {
  getHome,
  getTicketBranch,
  isBoxed,
  isInHome,
  NO_DETAILS,
  needsAfterRun,
  type SessionPaths,
  type SessionRecord,
  UNREPORTED,
} from "./session-folder.ts";
import { buildSessionEnvironment, endSessionProcesses, pickEnvironment } from "./session-processes.ts";
import { getSignalName, type Pane, type Tmux } from "./tmux.ts";

type Exit = NonNullable<SessionRecord["exit"]>;

type Stop = Pick<Extract<RunnerAction, { kind: "stop" }>, "how" | "reason">;

const LAUNCHER = fileURLToPath(getProductFile("runtime/runner/launch-session.js"));

/** Limit of a ticket's file in UTF-16 units: 1 Mi, more than Plane accepts. */
const MAX_TICKET_LENGTH = 2 ** 20;

/** Timeout for a session after /exit: 10 s, in which Claude ends its tools and stores the conversation. */
const EXIT_MS: Ms = 10 * SECOND;

/** Timeout for a session after its terminal was closed: 3 s. */
const HANGUP_MS: Ms = 3 * SECOND;

/** Timeout for the exit status of a dead pane: 3 s; a busy machine takes some time to end a program. */
const STATUS_MS: Ms = 3 * SECOND;

const CHECK_MS: Ms = 100;

/** Timeout for the sizes of all worktrees: 5 min; each may have installed dependencies. */
const SIZES_TIMEOUT_MS: Ms = 5 * MINUTE;

/**
 * Starts a desired session, or continues a start that was interrupted at any step. A start that fails is an end of the
 * session, with its reason.
 */
export async function startSession(context: RunnerContext, desired: DesiredSession): Promise<void> {
  const { settings, records, log } = context;
  const { ticket, run, cli_label } = desired;
  const previous = records.get(ticket);
  const isFirst = !isSameRun(previous, desired);
  const isNextRound = previous?.round !== desired.round;
  const problem = await refreshPolicy(context, desired).then(() => undefined, getErrorMessage);
  let record = prepareRecord(context, desired);
  try {
    if (problem !== undefined) throw new Error(problem);
    if (cli_label !== undefined && !findSessionCli(settings, desired))
      throw new Error(`This runner has no CLI for the label ${cli_label}: add it to tickets.cli_by_label.`);
    const box = await chooseBox(context, record);
    record = records.save(changeFields(record, { is_boxed: box && true }));
    // What an earlier run of the ticket has written.
    const { sessionStart, thread, status, completion, launch: launchFile } = records.getPaths(ticket);
    const old = isFirst ? [sessionStart, thread, status, completion, launchFile] : isNextRound ? [completion] : [];
    for (const path of old) rmSync(path, { force: true });
    record = await prepareWorktree(context, record);
    await launch(context, desired, record, box);
    log.info("session started", { ticket, run, attempt: record.attempts + 1 });
  } catch (thrown) {
    const text = cleanText(getErrorMessage(thrown), 2_000);
    log.warn("session not started", { ticket, run, reason: text });
    const end = { phase: "ended", ended_at: readTime(context), exit: { reason: "start_failed", text } } as const;
    records.saveOrKeep({ ...records.getLatest(record), ...UNREPORTED, ...end });
  }
}

/**
 * Reads the policy of a session's repository anew, from a base branch that is fetched first where a new worktree is
 * published. Throws when the session cannot start.
 */
async function refreshPolicy(context: RunnerContext, desired: DesiredSession): Promise<void> {
  const { settings, policies, worktrees } = context;
  const { ticket, project, plans, resume } = desired;
  const before = settings.repositories.get(project);
  if (!before) return;
  const { path } = before;
  const fetchNamed = async (base: string | undefined) => {
    if (findPolicy(context, desired)?.publish !== "none" && !existsSync(worktrees.getPath(ticket)))
      await worktrees.runInOrder(path, () => fetchBase(context, path, base));
  };
  const ownBase = mergePolicy(settings.tickets, project).values.base;
  await fetchNamed(ownBase);
  await policies.read(project);
  const { policy, problem } = settings.repositories.get(project) ?? before;
  if (problem !== undefined) throw new Error(problem);
  if (policy.base !== ownBase) await fetchNamed(policy.base);
  // Groundcrew learns of it before the next start, and then wants a plan.
  if (policy.plan_first && !before.policy.plan_first && !plans && !resume)
    throw new Error(`The policy of ${project} has just changed: its sessions plan first.`);
}

/** Whether a record is of this run. Runs are counted anew after Groundcrew has lost its store, so their number can repeat. */
function isSameRun(record: SessionRecord | undefined, { run, session_id }: DesiredSession): record is SessionRecord {
  return record?.run === run && record.session_id === session_id;
}

/** The record of a run that begins, is continued after an interruption, or is started again after its end. */
function prepareRecord(context: RunnerContext, desired: DesiredSession): SessionRecord {
  const { ticket, run, round, session_id, project } = desired;
  const previous = context.records.get(ticket);
  const last = { run: previous?.run ?? 0, session_id: previous?.session_id };
  const created = previous?.hooks.filter((name) => NEW_WORKTREE_HOOKS.some((one) => one === name)) ?? [];
  const begun = { ...UNREPORTED, phase: "preparing", started_at: readTime(context) } as const;
  if (isSameRun(previous, desired)) {
    const hooks = previous.phase === "ended" ? created : previous.hooks;
    const continued = { ...begun, hooks, exit: undefined, ended_at: undefined, removable: undefined };
    if (previous.round === round) return changeFields(previous, continued);
    // What the last round has said about its end does not count for this one.
    const details = changeFields(previous.details, { completion: undefined, attention: undefined });
    return changeFields(previous, { ...continued, round, details, is_new_conversation: undefined });
  }
  return {
    ...{ ticket, run, round, session_id, project },
    cli: getCliKind(findSessionCli(context.settings, desired)),
    ...omitUndefined({ cli_label: desired.cli_label }),
    ...{ repository: "", worktree: "", branch: getTicketBranch(ticket), main: "" },
    ...{ ...begun, attempts: 0, cost_before: 0, details: NO_DETAILS, hooks: created, applied: [] },
    // Runs are counted, so one of this or a later number with another session is not an earlier one of this ticket.
    ...(last.run >= run ? omitUndefined({ other_session: last.session_id }) : {}),
  };
}

function readTime({ clock }: RunnerContext): string {
  return new Date(clock()).toISOString();
}

async function prepareWorktree(context: RunnerContext, record: SessionRecord): Promise<SessionRecord> {
  const { settings, records, worktrees } = context;
  const { path: repository, policy } = settings.repositories.get(record.project) ?? {};
  if (repository === undefined || !policy)
    throw new Error(`This runner has no repository for ${record.project}: add it to tickets.repositories.`);
  const { base, publish } = policy;
  const own = await keepApart(context, repository, record);
  const isBoxed = record.is_boxed === true;
  const { isNew, ...worktree } = await worktrees.prepare(repository, record.ticket, { isBoxed, base });
  const remote = publish === "none" ? {} : { remote: await findRemote(context, repository, base) };
  let prepared = records.save({ ...own, ...worktree, ...remote, hooks: isNew ? [] : record.hooks });
  for (const name of [...NEW_WORKTREE_HOOKS, "before_run"] as const)
    prepared = await runHookOnce(context, prepared, name);
  return prepared;
}

/** Keeps what a session that Groundcrew did not know has left from this run, once. */
async function keepApart(context: RunnerContext, repository: string, record: SessionRecord) {
  const { records, worktrees, log } = context;
  const { ticket, other_session, kept_apart } = record;
  if (other_session === undefined || kept_apart !== undefined) return record;
  const kept = await worktrees.keepApart(repository, ticket, other_session, findPolicy(context, record)?.base);
  if (kept !== undefined) log.warn("another session of this key is kept apart", { ticket, kept });
  const text =
    kept && `Another session of ${ticket}, which Groundcrew does not know, has left ${kept}. It is kept apart.`;
  return records.save({ ...record, kept_apart: cleanText(text ?? "", 500) });
}

async function launch(context: RunnerContext, desired: DesiredSession, prepared: SessionRecord, box?: Box) {
  const { settings, env: runnerEnv, records, tmux, worktrees } = context;
  const { ticket, details, applied } = prepared;
  const { groundcrewUrl, folder } = settings;
  const paths = records.getPaths(ticket);
  const driver = getDriver(context, ticket);
  const program = findProgram(driver, context, prepared);
  // What an earlier launch has left behind would work on the ticket beside the new session.
  await endSessionProcesses(prepared.session_id);
  const conversation = findConversation(driver, prepared, paths);
  const isLost = conversation?.is_lost === true;
  const isResumed = conversation !== undefined && !isLost;
  const [other] = (isResumed && driver.findConversationProcesses?.(conversation.session_id)) || [];
  if (other !== undefined)
    throw new Error(`Process ${other} has the conversation of ${ticket} open. Exit ${driver.name} there first.`);
  if (!box) rmSync(join(paths.folder, "own"), { recursive: true, force: true });
  for (const path of [paths.folder, paths.own]) makePrivateFolder(path);
  if (isLost) writePrivateFile(paths.difference, await worktrees.readDifference(prepared));
  writePrivateFile(paths.ticket, cleanText(desired.ticket_file, MAX_TICKET_LENGTH));
  const is_new_conversation = isLost || prepared.is_new_conversation;
  const record = changeFields(prepared, { conversation, is_new_conversation });
  const policy = findPolicy(context, record);
  const picked = pickEnvironment(runnerEnv, driver.environment, policy?.env);
  const env = buildSessionEnvironment(picked, record, paths, { groundcrewUrl, folder, token: desired.token });
  const hasText = desired.inputs.some(({ id, kind }) => kind === "paste" && !applied.includes(id));
  const facts = { program, record, paths, desired, hasText, groundcrewUrl, env, policy, name: tmux.getName(ticket) };
  const plan = driver.prepare(facts, context);
  const { storedCost = 0 } = (isResumed && driver.observe?.(context, record, "", false)) || {};
  for (const path of [paths.sessionStart, paths.thread, paths.sessionEnd, paths.status, paths.requests])
    rmSync(path, { force: true });
  const boxed = box ? wrapSession(context, box, record, plan) : plan;
  const started = driver.host?.(boxed, facts, context, box) ?? boxed;
  writePrivateFile(paths.launch, JSON.stringify(started));
  const cost_before = Math.max(0, (details.cost_usd ?? 0) - storedCost);
  const attempt = { started_at: readTime(context), attempts: prepared.attempts + 1, cost_before };
  const launching = records.save({ ...record, ...attempt, phase: "launching" });
  await tmux.startSession(prepared, [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    LAUNCHER,
    paths.launch,
  ]);
  records.save({ ...launching, phase: "launched" });
}

/**
 * The conversation with which a launch goes on: the one that the last launch has begun, or else resumed. It is lost
 * where its file is gone, or in the home that the CLI had with or without a box before; one of which nothing was stored
 * is none, because it cannot be resumed.
 */
function findConversation(driver: SessionDriver, { conversation, details }: SessionRecord, paths: SessionPaths) {
  const known = driver.readConversation?.(paths) ?? conversation;
  if (!known) return undefined;
  const isHere = isInHome(getHome(paths, driver.environment), known.transcript_path) === isBoxed(paths);
  if (isHere && existsSync(known.transcript_path)) return known;
  const wasStored = conversation !== undefined || details.tokens !== undefined;
  return wasStored ? ({ ...known, is_lost: true } as const) : undefined;
}

/** Takes over a session of which the record is lost; tmux says which run it belongs to. */
export async function adoptSession(context: RunnerContext, desired: DesiredSession): Promise<void> {
  const { records, worktrees, settings, log } = context;
  const { ticket, run, project } = desired;
  const repository = settings.repositories.get(project)?.path;
  if (repository === undefined) return;
  const base = findPolicy(context, desired)?.base;
  const { isNew: _isNew, ...worktree } = await worktrees.prepare(repository, ticket, { base });
  const record = { ...prepareRecord(context, desired), ...worktree, phase: "launched", attempts: 1 } as const;
  // Only a boxed session has this folder.
  const isBoxed = existsSync(join(records.getPaths(ticket).folder, "own"));
  records.save(isBoxed ? { ...record, is_boxed: true } : record);
  log.warn("session adopted", { ticket, run });
}

/** Ends a session: by its CLI's own way when kindly, then by closing its terminal, then by killing its processes. */
export async function stopSession(context: RunnerContext, record: SessionRecord, { how, reason }: Stop) {
  const { tmux, records } = context;
  const { ticket } = record;
  if (how === "kindly") await requestExit(context, ticket);
  const pane = await tmux.findPane(ticket);
  const isOpen = pane !== undefined && !pane.isDead;
  if (isOpen) {
    // The last screen goes with the terminal.
    records.save({ ...record, details: await readDetails(context, record, pane) });
    await tmux.killSession(ticket);
    await waitForPane(tmux, ticket, HANGUP_MS, hasEnded);
  }
  await finishSession(context, records.getLatest(record), isOpen ? undefined : pane, reason);
  await tmux.killSession(ticket);
}

/** Asks the program of a session to exit. Resolves when it has ended, or in 10 s. */
async function requestExit(context: RunnerContext, ticket: string) {
  try {
    await getDriver(context, ticket).requestExit(context, ticket);
  } catch {
    // It has ended meanwhile.
  }
  await waitForPane(context.tmux, ticket, EXIT_MS, hasEnded);
}

/** Waits for what a session's pane is to be; returns it as it is then, or at the timeout. */
async function waitForPane(tmux: Tmux, ticket: string, timeout: Ms, isDone: (pane: Pane | undefined) => boolean) {
  for (let waited = 0; ; waited += CHECK_MS) {
    const pane = await tmux.findPane(ticket);
    if (isDone(pane) || waited >= timeout) return pane;
    await wait(CHECK_MS);
    if (pane?.isDead) await tmux.collectStatuses();
  }
}

const hasEnded = (pane: Pane | undefined) => !pane || pane.isDead;

/** A pane is dead some time before tmux knows the status of its program. */
const hasStatus = (pane: Pane | undefined) => pane?.status !== undefined || pane?.signal !== undefined;

/**
 * Records the end of a session: how it ended, its last screen and what it has done; ends the processes it left behind
 * and runs the hook `after_run`. Each step is repeated when the runner was killed before it was recorded.
 */
export async function finishSession(context: RunnerContext, record: SessionRecord, found?: Pane, reason?: string) {
  const { records, tmux, log } = context;
  const { ticket, run } = record;
  const pane = found?.isDead ? ((await waitForPane(tmux, ticket, STATUS_MS, hasStatus)) ?? found) : found;
  if (record.phase !== "ended") {
    const details = await readDetails(context, record, pane);
    const text = reason === undefined ? {} : { text: cleanText(reason, 2_000) };
    const driver = getDriver(context, ticket);
    const isReported = driver.hasEnded?.(records.getPaths(ticket)) === true;
    const exit = { ...getExit(pane, reason, isReported, record.is_boxed), ...text };
    const end = { ended_at: readTime(context), exit, applied: mergeApplied(record, pane).slice(-MAX_REPORTED) };
    const { conversation } = record;
    // The CLI has refused to resume it, so the next launch begins a new one.
    const isUnknown = conversation && driver.isUnknownConversation?.(exit.status, details.screen);
    const lost = isUnknown ? { conversation: { ...conversation, is_lost: true } as const } : {};
    records.save({ ...record, ...UNREPORTED, phase: "ended", ...end, ...lost, details });
    log.info("session ended", { ticket, run, reason: exit.reason, status: exit.status });
  }
  await endSessionProcesses(record.session_id);
  if (pane?.run === run && pane.sessionId === record.session_id) await tmux.killSession(ticket);
  await runAfterRun(context, records.getLatest(record));
}

function getExit(pane: Pane | undefined, reason: string | undefined, isReported: boolean, isBoxed = false): Exit {
  if (!pane?.isDead) return { reason: reason === undefined ? "vanished" : "killed" };
  // The box exits with this status when a signal has ended its program.
  const number = isBoxed && pane.status !== undefined ? pane.status - 128 : 0;
  if (number > 0 && !isReported) return { reason: "killed", signal: getSignalName(number) };
  if (pane.signal !== undefined) return { reason: "killed", signal: pane.signal };
  if (pane.status !== undefined) return { reason: "exited", status: pane.status };
  return { reason: isReported ? "exited" : "killed" };
}

async function runAfterRun(context: RunnerContext, record: SessionRecord): Promise<void> {
  if (!needsAfterRun(record)) return;
  try {
    await runHookOnce(context, record, "after_run");
  } catch (thrown) {
    const attention = cleanText(getErrorMessage(thrown), 2_000);
    context.log.warn("hook failed", { ticket: record.ticket, reason: attention });
    const details = { ...record.details, attention };
    context.records.save({ ...record, ...UNREPORTED, hooks: [...record.hooks, "after_run"], details });
  }
}

/** Ends a session of which the runner has no record. Nothing is typed into one that the runner has not started. */
export async function endOrphan(context: RunnerContext, { ticket, isDead, sessionId }: Pane): Promise<void> {
  const { tmux, log } = context;
  log.warn("orphan ended", { session: tmux.getName(ticket) });
  if (!isDead && sessionId !== undefined) await requestExit(context, ticket);
  await tmux.killSession(ticket);
  if (sessionId !== undefined) await endSessionProcesses(sessionId);
}

/**
 * Removes an ended session: its worktree, its merged branch and its files. Without `force` a worktree with changes or
 * unmerged commits is kept, and the session's `attention` says why.
 */
export async function removeSession(context: RunnerContext, record: SessionRecord, force: boolean): Promise<void> {
  const { worktrees, records, log } = context;
  const { ticket, details } = record;
  const hasFolder = existsSync(worktrees.getPath(ticket));
  if (record.repository !== "" && hasFolder) {
    const reason = force ? undefined : await worktrees.findReasonToKeep(record);
    if (reason !== undefined) {
      const attention = `The worktree was not removed: ${reason}.`;
      if (details.attention !== attention || !record.removable)
        records.save({ ...record, removable: true, details: { ...details, attention } });
      return;
    }
    await runHook(context, record, "before_remove").catch((thrown: unknown) =>
      log.warn("hook failed", { ticket, reason: getErrorMessage(thrown) }),
    );
  }
  // A removal that was interrupted may have left git's entry and the branch.
  if (hasFolder || existsSync(record.repository)) await worktrees.remove(record);
  getDriver(context, ticket).forget?.(ticket);
  records.remove(ticket);
  log.info("worktree removed", { ticket });
}

/**
 * Removes the worktrees that are not needed, and lists the others.
 * @param runTask runs a task of a ticket, unless another one of it is running
 */
export async function cleanWorktrees(
  context: RunnerContext,
  runTask: (ticket: string, task: () => Promise<void>) => Promise<void>,
): Promise<WorktreeReport[]> {
  const { records, log } = context;
  const removables = records.list().filter(({ phase, removable }) => phase === "ended" && removable);
  // Nobody tells of a branch that was only pushed that it was merged.
  const pushed = removables.filter((record) => findPolicy(context, record)?.publish === "push");
  for (const record of new Map(pushed.map((one) => [one.project, one])).values()) {
    const { repository } = record;
    await fetchBase(context, repository, findPolicy(context, record)?.base).catch((thrown: unknown) =>
      log.warn("base branch cannot be fetched", { repository, reason: getErrorMessage(thrown) }),
    );
  }
  for (const { ticket } of removables) await runTask(ticket, () => removeIfUnneeded(context, ticket));
  return listWorktrees(context);
}

/** Removes an ended session whose worktree nobody needs, once that loses nothing. */
export async function removeIfUnneeded(context: RunnerContext, ticket: string): Promise<void> {
  const record = context.records.get(ticket);
  if (record?.phase === "ended" && record.removable) await removeSession(context, record, false);
}

async function listWorktrees({ env, worktrees, records }: RunnerContext): Promise<WorktreeReport[]> {
  const found = worktrees.list();
  if (found.length === 0) return [];
  const options = { env: pickEnvironment(env, "base"), timeoutMs: SIZES_TIMEOUT_MS };
  const { stdout } = await runProgram("du", ["-sk", "--", ...found.map(({ path }) => path)], options);
  const sizes = new Map(stdout.split("\n").map((line) => line.split("\t", 2).toReversed() as [string, string]));
  const reports = found.map(({ ticket, path, isApart }): WorktreeReport => {
    const kilobytes = Number(sizes.get(path) ?? 0);
    if (isApart) return { ticket, kilobytes, kept: cleanLine(`of another session, kept apart: ${path}`, 300) };
    const record = records.get(ticket);
    const needed = record?.phase === "ended" ? "its ticket may go on" : "its session runs";
    const kept = record?.removable ? (record.details.attention ?? "it is not merged") : needed;
    return { ticket, kilobytes, kept: cleanLine(record ? kept : "no session of this runner has made it", 300) };
  });
  return reports.sort((a, b) => b.kilobytes - a.kilobytes).slice(0, MAX_REPORTED);
}
