/**
 * The end of a ticket: the session's summary is approved, and the item in Plane gets its comment and status, step by
 * step and repeatable. Where its work item requires a commit or tests, what counts are the commits that the runner sees
 * on the branch, and the end of the repository's test command; results of tests in the summary only without one.
 */

import { getCurrency } from "../accounting/spending.ts";
import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError, getErrorMessage, type Refusal } from "../errors.ts";
import type { RefusalName } from "../i18n/en.ts";
import { formatTemplate, localizeDuration, localizeMoney, localizeNumber } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { toHtml } from "../markdown/to-html.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { createOnce, PlaneError } from "../plane/errors.ts";
import { commentsApi } from "../plane/work-items.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import { formatSessionName } from "../records/task-records.ts";
import type { JobResult, LeasedJob } from "../store/port.ts";
import type { RequestPlace } from "../task/request.ts";
import { isOpenItem } from "../task/snapshot.ts";
import { type CallContext, createCallContext, withLock } from "../tasks/call-context.ts";
import { markRemarksRead } from "../tasks/card-record.ts";
import { moveToStatus } from "../tasks/change-task.ts";
import { findStoredTask, refreshTask } from "../tasks/find-task.ts";
import { findMissingProof, readDoneCriteria } from "../tasks/lifecycle/done-criteria.ts";
import { listUnread, readRemarks } from "../tasks/remark-record.ts";
import { cleanLine, cleanText } from "../text.ts";
import { MINUTE, type Ms } from "../time.ts";
import { findApprovalRule, isTicketClosed } from "./approval.ts";
import { MAX_SUMMARY_LENGTH, type SessionReport } from "./exchange.ts";
import { needsPublication, readPolicy } from "./policy.ts";
import { changeTicket, findTicket, getTicket, ignoreConflict, readSession } from "./stored-tickets.ts";
import {
  getTicketCliName,
  isActive,
  isChecking,
  readUpdateProgress,
  type Ticket,
  type TicketCompletion,
  type UpdateStep,
} from "./ticket.ts";
import { findChangedContent } from "./ticket-content.ts";
import type { NewTicketEvent } from "./ticket-machine.ts";

/** Delays before failed steps of an update are tried again, besides the client's own retries: three times. */
const RETRY_DELAYS_MS: readonly Ms[] = [MINUTE, 5 * MINUTE, 15 * MINUTE];

/** Limit of commits in the comment: 20; the branch has the others. */
const MAX_SHOWN_COMMITS = 20;

/** Limit of a branch's name and a commit's subject in UTF-16 units. */
const MAX_LINE_LENGTH = 200;

/** Limit of remarks in one refusal: 5; the next one has the others. */
const MAX_REMARKS = 5;

type TestRun = NonNullable<SessionReport["tests"]>;

/** A criterion that is not met: what it lacks, for programs and for people. */
interface MissingCriterion {
  text: string;
  refusal: Refusal & { name: RefusalName };
}

/** A line of a summary that reports tests; update_task_status adds one, and the last one counts. */
const TESTS_LINE = /^\W{0,4}(?:tests?|résultats? des tests)\s*:\W{0,4}\s*(.+)$/gimu;

const NO_COMMIT: MissingCriterion = {
  text: "the runner sees no commit on the branch: commit, then try again",
  refusal: { name: "noBranchCommit" },
};

/**
 * Completes the run of a ticket with a summary; the first one counts. Where a rule approves updates, Plane is updated.
 * Where the runner has to run the tests first, the ticket has a `check`, and is completed when they have passed. Throws
 * `conflict` when a criterion of the work item is not met, and when no session runs.
 */
export async function completeTicket(
  deps: TaskDeps,
  key: string,
  completion: TicketCompletion,
  correlation: string,
): Promise<Ticket> {
  const ticket = await getTicket(deps, key);
  if (isChecking(ticket)) return ticket;
  return applyCompletion(deps, key, await planCompletion(deps, ticket, completion), correlation);
}

/** The event of a completion: it counts at once, or when the tests have passed that the runner has to run first. */
export async function planCompletion(
  deps: TaskDeps,
  ticket: Ticket,
  completion: TicketCompletion,
): Promise<NewTicketEvent<"completed" | "check_requested">> {
  const event = { ...completion, summary: cleanText(completion.summary, MAX_SUMMARY_LENGTH) };
  const isPossible = isActive(ticket) && event.summary !== "";
  const needsTestRun = isPossible && (await requireTicketCriteria(deps, ticket, event)).needsTestRun;
  if (needsTestRun) return { ...event, kind: "check_requested", id: deps.newId() };
  return { ...event, kind: "completed", ...omitUndefined({ changed: await findChangedContent(deps, ticket) }) };
}

async function applyCompletion(deps: TaskDeps, key: string, event: NewTicketEvent, correlation: string) {
  const ticket = await changeTicket(deps, key, event, correlation);
  return (await approveUpdateByRule(deps, ticket, correlation)) ?? ticket;
}

/** Completes a ticket whose test run has ended, or says why not. Without such a run nothing changes. */
export async function finishCheck(
  deps: TaskDeps,
  ticket: Ticket,
  { tests }: SessionReport,
  correlation: string,
): Promise<void> {
  const { key, check } = ticket;
  if (!check || !isChecking(ticket) || check.id !== tests?.id) return;
  const { id, problem: _problem, ...completion } = check;
  try {
    await requireTicketCriteria(deps, await getTicket(deps, key), completion, tests);
    const changed = await findChangedContent(deps, ticket);
    await applyCompletion(deps, key, { ...completion, kind: "completed", ...omitUndefined({ changed }) }, correlation);
  } catch (thrown) {
    const text = findNotDone(thrown);
    if (text === undefined) return ignoreConflict(thrown);
    await changeTicket(deps, key, { kind: "check_failed", id, text }, correlation);
  }
}

/**
 * Approves the update of Plane with a ticket's result, writes it and returns what Plane has taken. `summary` replaces
 * the one of the completion. Repeating it writes only what is missing.
 */
export async function updatePlane(
  deps: TaskDeps,
  key: string,
  { by, where = "api", summary }: { by: string; where?: RequestPlace; summary?: string },
  correlation: string,
): Promise<UpdateResult> {
  const text = summary === undefined ? {} : { summary: cleanText(summary, MAX_SUMMARY_LENGTH) };
  const publishes = await needsPublication(deps, await getTicket(deps, key));
  await changeTicket(deps, key, { kind: "update_requested", by, where, publishes, ...text }, correlation);
  return finishUpdate(deps, key, correlation);
}

/** Writes what is missing. Only one process does so at a time: Plane's check of external ids is not atomic. */
async function finishUpdate(deps: TaskDeps, key: string, correlation: string): Promise<UpdateResult> {
  const { update } = await getTicket(deps, key);
  const context = createCallContext(deps, { name: update?.by ?? "Groundcrew", role: "human" }, correlation);
  await withLock(context, "ticket", key, async (renew) => {
    await runStep(context, key, "comment", postSummary);
    await renew();
    await runStep(context, key, "state", setTicketStatus);
  });
  const result = toUpdateResult(await getTicket(deps, key));
  const { status } = result;
  if (update?.step !== undefined && update.step !== "publish")
    deps.metrics.count("plane_updates_total", { status: status === "updated" ? "success" : status });
  return result;
}

/** Runs a step that comes next and records its result. A refusal of Plane is a result; other errors end the call. */
async function runStep(
  context: CallContext,
  key: string,
  step: UpdateStep,
  act: (context: CallContext, ticket: Ticket) => Promise<unknown>,
): Promise<void> {
  const { deps, correlation } = context;
  const ticket = await getTicket(deps, key);
  if (ticket.state !== "updating" || ticket.update?.step !== step) return;
  let problem: string | undefined;
  try {
    await act(context, ticket);
  } catch (thrown) {
    if (!(thrown instanceof PlaneError) && !(thrown instanceof GroundcrewError)) throw thrown;
    problem = getErrorMessage(thrown);
    deps.log.warn("ticket update failed", { correlation, ticket: key, step, error: problem });
  }
  await changeTicket(deps, key, { kind: "update_step", step, ...omitUndefined({ problem }) }, correlation);
}

/** Posts the one comment with the result. Plane recognizes a repeated one by its external id. */
async function postSummary({ deps, plane }: CallContext, ticket: Ticket): Promise<void> {
  const { id: item, project } = ticket.item;
  const task = await findStoredTask(deps, item);
  if (task?.item.removedAt !== undefined)
    throw new GroundcrewError(
      "conflict",
      `${ticket.key} was removed in Plane. Restore it and approve again, or cancel the ticket.`,
    );
  const session = await readSession(deps, ticket);
  const comment_html = await renderUpdate(deps.settings, ticket, session);
  const external_id = `ticket:${ticket.key}:${ticket.run}${ticket.round === 1 ? "" : `.${ticket.round}`}`;
  const json = { comment_html, external_source: GROUNDCREW_SOURCE, external_id };
  await createOnce(() => plane.call(commentsApi.create, { params: { project, item }, json }));
}

/** Renders the comment with a ticket's result: summary, branch, commits, size of the change, time and cost. */
async function renderUpdate(
  { locale, budget }: Pick<Settings, "locale" | "budget">,
  ticket: Ticket,
  session: SessionReport | undefined,
): Promise<string> {
  const { completion, approval, publication } = ticket;
  const { branch = "", diff, cost_usd, tests, commits = [] } = session ?? {};
  const { comments } = getTexts(locale);
  const texts = comments.ticket;
  const code = (text: string) => `<code>${escapeHtml(cleanLine(text, MAX_LINE_LENGTH))}</code>`;
  const number = (n: number) => localizeNumber(comments.locale, n);
  const localizeCounts = ({ files, insertions, deletions }: NonNullable<typeof diff>) => {
    return { files: number(files), insertions: number(insertions), deletions: number(deletions) };
  };
  const link = (url: string) => `<a href="${escapeHtml(url)}">${escapeHtml(url)}</a>`;
  const money = (cost: number) => localizeMoney(comments.locale, cost, getCurrency({ budget }));
  const took = completion && approval && localizeDuration(comments.locale, completion.at - approval.at);
  const lines = keepDefined([
    branch === "" ? undefined : formatTemplate(texts.branch, { branch: code(branch) }),
    publication?.url && formatTemplate(texts.pull, { pull: link(publication.url) }),
    diff && formatTemplate(texts.diff, localizeCounts(diff)),
    tests && tests.problem === undefined ? texts.tests : undefined,
    took && formatTemplate(texts.time, { time: escapeHtml(took) }),
    cost_usd === undefined ? undefined : formatTemplate(texts.cost, { cost: money(cost_usd) }),
  ]);
  const shown = commits.slice(0, MAX_SHOWN_COMMITS).map(({ id, subject }) => {
    return `<li>${code(id.slice(0, 12))} ${escapeHtml(cleanLine(subject, MAX_LINE_LENGTH))}</li>`;
  });
  const heading = formatTemplate(texts.heading, { cli: escapeHtml(getTicketCliName(ticket)) });
  const facts = lines.length > 0 ? `<p>${lines.join("<br>")}</p>` : "";
  const list = shown.length > 0 ? `<p>${texts.commits}</p><ul>${shown.join("")}</ul>` : "";
  return `<p><strong>${heading}</strong></p>${await toHtml(completion?.summary ?? "")}${facts}${list}`;
}

/** Sets the status of the settings, unless the work item is closed. That of a test ticket may be unknown yet. */
async function setTicketStatus(context: CallContext, { key, item }: Ticket): Promise<void> {
  const { deps } = context;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.project)]);
  if (!project) throw new GroundcrewError("conflict", `Groundcrew does not follow the project of ${key}.`);
  await refreshTask(context, { id: item.id, project: project.value });
  const task = await findStoredTask(deps, item.id);
  if (!task) throw new GroundcrewError("conflict", `Groundcrew does not see the work item of ${key}.`);
  // What people decided about a closed work item stays, as it does for other changes of its status.
  if (isOpenItem(task.item)) await moveToStatus(context, task, deps.settings.tickets?.status ?? "done");
}

/** The result of an update; `problem`: why a step failed. */
function toUpdateResult(ticket: Ticket) {
  const progress = readUpdateProgress(ticket);
  const { step, problem } = ticket.update ?? {};
  const missing = progress.comment_posted ? "failed_state" : "failed_comment";
  const failed = step === "publish" && problem === undefined ? "publishing" : missing;
  const status = progress.state_updated ? "updated" : failed;
  return { status, ticket_id: ticket.key, ...progress, ...omitUndefined({ problem }) };
}

export type UpdateResult = ReturnType<typeof toUpdateResult>;

/** Approves the update of a completed ticket when a rule wants it; the queue writes it. */
export async function approveUpdateByRule(
  deps: TaskDeps,
  ticket: Ticket,
  correlation: string,
): Promise<Ticket | undefined> {
  const rule = ticket.state === "completed" ? await findApprovalRule(deps, ticket, ({ update }) => update) : undefined;
  const { tickets } = deps.settings;
  if (rule === undefined || !tickets) return undefined;
  const task = await findStoredTask(deps, ticket.item.id);
  // A person decides about the result of a work item that was closed meanwhile.
  if (task && isTicketClosed(tickets, ticket, task)) return undefined;
  const publishes = await needsPublication(deps, ticket);
  const event = { kind: "update_requested", by: `tickets.approve[${rule}]`, inQueue: true, publishes } as const;
  return changeTicket(deps, ticket.key, event, correlation);
}

/** Handles the job that finishes an update which was interrupted or failed. */
export async function runUpdateJob(
  deps: TaskDeps,
  { ticket: key, correlation, isRetry = false }: { ticket: string; correlation: string; isRetry?: boolean },
  job: LeasedJob,
): Promise<JobResult> {
  const ticket = await findTicket(deps, key);
  if (ticket?.state !== "updating") return { done: true };
  const { status } = await finishUpdate(deps, key, correlation);
  const delay = RETRY_DELAYS_MS[job.failures + Number(isRetry)];
  // The runner's report goes on; what it could not publish a person has to repair.
  const isWithRunner = (await getTicket(deps, key)).update?.step === "publish";
  if (status === "updated" || isWithRunner || delay === undefined) return { done: true };
  return { retryAt: (await deps.store.now()) + delay, failed: true };
}

/**
 * Checks the criteria of a ticket's work item. Returns whether the runner has to run the test command first; throws
 * `conflict` that names each criterion and what it lacks.
 * @param finished the test run that was asked for, once it has ended
 */
async function requireTicketCriteria(
  deps: TaskDeps,
  ticket: Ticket,
  { summary, source }: TicketCompletion,
  finished?: TestRun,
): Promise<{ needsTestRun: boolean }> {
  const task = await findStoredTask(deps, ticket.item.id);
  if (!task) return { needsTestRun: false };
  const required = await readDoneCriteria(deps, task);
  const session = await readSession(deps, ticket);
  const [head] = session?.commits ?? [];
  const { test_command: command } = (await readPolicy(deps, ticket.item.identifier)).values;
  const last = session?.tests;
  // A session repeats what it has said; it changes a result by a commit. A person may want another run.
  const known = source !== "person" && last?.problem !== undefined && last.commit === head?.id ? last : undefined;
  const run = finished ?? known;
  const missing = [
    ...(source === "person" ? [] : await takeUnreadRemarks(deps, task)),
    ...(required.commit && !head ? [NO_COMMIT] : []),
    ...(required.tests && command === undefined ? findMissingTests(summary) : []),
    ...(required.tests && command !== undefined && run?.problem !== undefined ? [describeTestRun(run, command)] : []),
  ];
  if (missing.length === 0) return { needsTestRun: required.tests && command !== undefined && run === undefined };
  const message = `${ticket.key} is not done yet: ${missing.map(({ text }) => text).join("; ")}.`;
  const reasons = missing.map(({ refusal }) => refusal);
  const refusal = { name: "ticketNotDone", values: { task: ticket.key }, reasons } as const;
  throw new GroundcrewError("conflict", message, { refusal });
}

/** What people wrote to the session and it has not read: it reads it with the refusal, so that the next try passes. */
async function takeUnreadRemarks(deps: TaskDeps, { id, key }: Task): Promise<MissingCriterion[]> {
  const unread = listUnread(await readRemarks(deps, id), formatSessionName(deps.settings, key)).slice(0, MAX_REMARKS);
  if (unread.length > 0) await markRemarksRead(deps, id, unread, `ticket:${key}`);
  return unread.map(({ by: author, text: words }) => {
    const [by, text] = [cleanLine(author, 80), cleanLine(words, 300)];
    return {
      text: `${by} wrote to you: ${JSON.stringify(text)}`,
      refusal: { name: "unreadRemark", values: { by, text } },
    };
  });
}

function findMissingTests(summary: string): MissingCriterion[] {
  const tests = [...summary.matchAll(TESTS_LINE)].at(-1)?.[1];
  const [problem] = findMissingProof({ commit: false, tests: true }, { tests });
  if (problem === undefined) return [];
  if (tests !== undefined)
    return [{ text: problem, refusal: { name: "testsNotPassed", values: { tests: cleanLine(tests, 60) } } }];
  const text = 'no tests reported: give the results as tests, or as a line "Tests: 12 passed" of the summary';
  return [{ text, refusal: { name: "noTestsLine" } }];
}

function describeTestRun({ problem = "", commit }: TestRun, command: string): MissingCriterion {
  const values = { command: cleanLine(command, 60), commit: commit?.slice(0, 8) ?? "-", problem };
  const at = commit === undefined ? "the worktree" : values.commit;
  const text = `the test command ${values.command} did not pass on ${at}: ${problem}`;
  return { text, refusal: { name: "testCommandFailed", values } };
}

/** What is missing, where an error says so of a ticket that was to be completed; undefined for another error. */
export function findNotDone(thrown: unknown): string | undefined {
  return thrown instanceof GroundcrewError && thrown.refusal?.name === "ticketNotDone" ? thrown.message : undefined;
}
