/**
 * What a ticket needs before it is completed, however that is said: where its work item requires a commit or tests, the
 * commits that the runner sees on the branch, and the end of the repository's test command. Results of tests in the
 * summary count only for a repository without one.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError, type Refusal } from "../errors.ts";
import type { RefusalName } from "../i18n/en.ts";
import type { Task } from "../records/plane-records.ts";
import { formatSessionName } from "../records/task-records.ts";
import { markRemarksRead } from "../tasks/card-record.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { findMissingProof } from "../tasks/lifecycle/commit-and-tests.ts";
import { readDoneCriteria } from "../tasks/lifecycle/done-criteria.ts";
import { listUnread, readRemarks } from "../tasks/remark-record.ts";
import { cleanLine } from "../text.ts";
import type { SessionReport } from "./exchange.ts";
import { readSession } from "./stored-tickets.ts";
import type { Ticket } from "./ticket.ts";

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

/**
 * Checks the criteria of a ticket's work item. Returns whether the runner has to run the test command first; throws
 * `conflict` that names each criterion and what it lacks.
 * @param finished the test run that was asked for, once it has ended
 */
export async function requireTicketCriteria(
  deps: TaskDeps,
  ticket: Ticket,
  { summary, source }: Pick<NonNullable<Ticket["completion"]>, "summary" | "source">,
  finished?: TestRun,
): Promise<{ needsTestRun: boolean }> {
  const task = await findStoredTask(deps, ticket.item.id);
  if (!task) return { needsTestRun: false };
  const required = await readDoneCriteria(deps, task);
  const session = await readSession(deps, ticket);
  const [head] = session?.commits ?? [];
  const command = findTestCommand(deps.settings, ticket);
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
  if (missing.length > 0) throw createNotDoneError(ticket.key, missing);
  return { needsTestRun: required.tests && command !== undefined && run === undefined };
}

const NO_COMMIT: MissingCriterion = {
  text: "the runner sees no commit on the branch: commit, then try again",
  refusal: { name: "noBranchCommit" },
};

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

/** The command of the settings that runs the tests of a ticket's repository. */
function findTestCommand({ tickets }: Pick<Settings, "tickets">, { item }: Ticket): string | undefined {
  const repository = tickets?.repositories[item.identifier];
  return typeof repository === "object" ? repository.test_command : undefined;
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
  return {
    text: `the test command ${values.command} did not pass on ${commit?.slice(0, 8) ?? "the worktree"}: ${problem}`,
    refusal: { name: "testCommandFailed", values },
  };
}

function createNotDoneError(key: string, missing: readonly MissingCriterion[]): GroundcrewError {
  const message = `${key} is not done yet: ${missing.map(({ text }) => text).join("; ")}.`;
  const reasons = missing.map(({ refusal }) => refusal);
  return new GroundcrewError("conflict", message, {
    refusal: { name: "ticketNotDone", values: { task: key }, reasons },
  });
}

/** What is missing, where an error says so of a ticket that was to be completed; undefined for another error. */
export function findNotDone(thrown: unknown): string | undefined {
  return thrown instanceof GroundcrewError && thrown.refusal?.name === "ticketNotDone" ? thrown.message : undefined;
}
