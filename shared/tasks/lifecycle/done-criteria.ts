/**
 * What a task needs before it may be done: the defaults of the settings and the `Done when:` list of its description;
 * and the accepted forms of the commit and the test results that an agent reports.
 */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { keepDefined } from "../../omit-undefined.ts";
import { attachmentsApi } from "../../plane/attachments.ts";
import type { Task } from "../../records/plane-records.ts";
import { type CompletionReport, hasSummary, readDeliverables } from "../../records/task-records.ts";
import { cleanLine } from "../../text.ts";
import { readNormalizedLabels } from "../assignees.ts";
import { type CallContext, chooseClient } from "../call-context.ts";
import { readCard } from "../card-record.ts";
import { FILE_TYPES } from "../deliverables/file-check.ts";
import { formatOpenBlockers } from "../find-task.ts";

/** What a task needs before it may be done (OPENCLAW-18). */
export const doneCriteriaSchema = z.object({
  summary: z.boolean(),
  /** Requires at least one deliverable with any name. */
  deliverable: z.boolean(),
  /** Required deliverables by file name. */
  files: z.array(z.string()),
  /** Requires a commit's id or a link to it, and test results in which none failed and at least one passed. */
  commit: z.boolean(),
  tests: z.boolean(),
  /** Other criteria in the task's own words. The agent judges them, and the closing comment quotes them. */
  others: z.array(z.string()),
});

type DoneCriteria = z.infer<typeof doneCriteriaSchema>;

const HEADING = /^[\s>#*_+-]*done when\s*[*_]*\s*:?\s*[*_]*\s*(.*)$/i;
const ITEM = /^\s*\\?(?:[-*+•–]|\d+\\?[.)])\s+(?:\[[ x]\]\s*)?(.+)$/i;

/**
 * File names, of one with spaces the last word. Only extensions that Plane accepts count, so `v1.2` and `example.com` do
 * not match.
 */
const FILES = new RegExp(
  `[^\\s,;:&("'«“‘/\\\\]{1,255}?\\.(?:${Object.keys(FILE_TYPES).join("|")})(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`,
  "giu",
);

/** The label of tasks for which a commit and tests must be reported. */
const CODE_LABEL = "code";

export const commitSchema = z.string().trim().max(200).describe("hash or link");

/**
 * Test results as a text or as counts, which become the text of `formatCounts`. Its JSON Schema names the fields only
 * in words, because every agent reads the list of tools at every start.
 */
export const testsSchema = z
  .unknown()
  .meta({ type: ["string", "object"], description: '"12 passed" or {passed, failed, command?}' })
  .pipe(
    z.union(
      [
        z.string().trim().max(500),
        z
          .object({ passed: z.int().min(0), failed: z.int().min(0), command: z.string().max(200).optional() })
          .transform(formatCounts),
      ],
      'must be {passed, failed, command?} or a text of at most 500 characters, such as "12 passed"',
    ),
  );

/** 7 digits are the shortest that git prints, 40 are a whole SHA-1. */
const COMMIT_ID = "[0-9a-f]{7,40}";

/** A commit's id, or a link to one on GitHub, GitLab, Gitea, Bitbucket, cgit (`?id=`) or Gitiles (`/+/`). */
const COMMIT = new RegExp(
  `^(?:${COMMIT_ID}|https?://\\S+/(?:commits?|\\+)/(?:\\?\\S*=)?${COMMIT_ID}(?![\\w-])\\S*)$`,
  "i",
);

/** The text of counts; what is in brackets is a command, which may contain any words. */
const COUNTS = /^(\d+ passed, \d+ failed)(?: \[.*)?$/s;

/** A word of a result: no part of another word or of a file's name. */
const toWord = (words: string) => `(?<![\\p{L}\\p{N}_/.-])(?:${words})(?![\\p{L}\\p{N}_/-]|\\.\\p{L})`;

const FAILED = toWord("fail(?:ed|ures?|ing|s)?|errors?|échecs?|échou\\p{L}+|erreurs?");
const PASSED = toWord("pass(?:ed|es|ing|ent|ée?s?)?|réussi\\p{L}*|ok");

/** Up to three words between a count and its result, as in `12 unit tests passed`. */
const GAP = "\\s+(?:\\p{L}+\\s+){0,3}?";

/** That none failed: `0 failed`, `no tests failed`, `failures: 0`. */
const NO_FAILURE = new RegExp(
  `${toWord("0+|no|none|zero|never|not|without|aucune?|sans|pas")}${GAP}${FAILED}|${FAILED}["']?\\s*[:=]?\\s*(?:0+(?![\\p{N}.])|none)`,
  "giu",
);

/** A failure, or a denial that something passed. */
const FAILURE = new RegExp(`${FAILED}|(?:\\bnot|n['’]t|\\bpas|\\bne)${GAP}${PASSED}`, "iu");

/** A number of a whole: `9/12`, `9 of 12`, `75 %`. */
const PART = /(\d+)\s*(?:(?:\/|of|out of|sur)\s*(\d+)|%)/gi;

/** That some passed, or all of them: `12 passed`, `12/12 passed`, `passed: 12`, `all tests pass`. */
const SUCCESS = new RegExp(
  `(?:${toWord("0*[1-9]\\d*(?:\\s*(?:%|(?:/|of|out of|sur)\\s*\\d+))?|all|tous|toutes")}${GAP}|${toWord("100\\s*%")}\\s*)${PASSED}|` +
    `${PASSED}["']?\\s*[:=]?\\s*0*[1-9]`,
  "iu",
);

/** The number of tests that ran, which is that of the passed ones where none failed. */
const RAN = /(?<![\p{L}\p{N}])0*[1-9]\d*\s+(?:tests?|examples?|specs?|scenarios?)\b|\btests run:\s*0*[1-9]/iu;

/** Words after which a text says less, or something else, than its counts. */
const RESERVATION = /\b(?:except|all but|almost|mostly|should|would|will|sauf|presque)\b/i;

/** Reads the done criteria of a task: the settings' defaults and the `Done when:` list of its description. */
export async function readDoneCriteria(deps: TaskDeps, { item, project }: Task): Promise<DoneCriteria> {
  const { summary, deliverable, commit_and_tests } = deps.settings.done;
  const isCode = (await readNormalizedLabels(deps, project.id, item.snapshot.labels)).includes(CODE_LABEL);
  const reports = commit_and_tests === "always" || (commit_and_tests === "code" && isCode);
  const listed = item.snapshot.description === "" ? [] : parseDoneWhen(await toMarkdown(item.snapshot.description));
  const defaults = { summary, deliverable, files: [], commit: reports, tests: reports, others: [] };
  return listed.reduce<DoneCriteria>(addCriterion, defaults);
}

/** Adds one list item to the criteria: a file name, a criterion known by its first word, else the item's own words. */
function addCriterion(criteria: DoneCriteria, item: string): DoneCriteria {
  const text = item.replace(/^(?:an?|the|one|at least one)\s+/i, "");
  const [kind] = /^(?:deliverables?|files?|attachments?)\b(?!\.\w)/i.exec(text) ?? [];
  const files = text.slice(kind?.length ?? 0).match(FILES) ?? [];
  const isFile = files[0] === text && !/\s/.test(text);
  if (files.length > 0 && (kind !== undefined || isFile)) return { ...criteria, files: [...criteria.files, ...files] };
  if (kind !== undefined) return { ...criteria, deliverable: true };
  if (/^(?:closing )?summary\b/i.test(text)) return { ...criteria, summary: true };
  const commit = /^commits?\b/i.test(text);
  const tests = /^tests?\b/i.test(text) || (commit && /\band tests?\b/i.test(text));
  if (commit || tests) return { ...criteria, commit: criteria.commit || commit, tests: criteria.tests || tests };
  return { ...criteria, others: [...criteria.others, item] };
}

/** Lists all criteria that are not met yet, each in a few words; empty when the task may be done. */
export async function findMissingCriteria(
  context: CallContext,
  task: Task,
  criteria: DoneCriteria,
  report: CompletionReport,
): Promise<string[]> {
  const { deps, caller } = context;
  const [openBlockerText, card] = await Promise.all([formatOpenBlockers(context, task), readCard(deps, task.id)]);
  const hasText = Boolean(report.text?.trim());
  const noSummary = criteria.summary && !hasText && !(await hasSummary(deps, task.id, caller.name));
  return keepDefined([
    openBlockerText === "" ? undefined : `it waits for ${openBlockerText}`,
    ...(await findMissingFiles(context, task, criteria)),
    noSummary ? "no summary: give it as text" : undefined,
    ...findMissingProof(criteria, { commit: report.commit || card?.commit, tests: report.tests || card?.tests }),
  ]);
}

/** Lists missing deliverables. Asks Plane for attachments only when the uploads through Groundcrew are not enough. */
async function findMissingFiles(context: CallContext, task: Task, { deliverable, files }: DoneCriteria) {
  if (!deliverable && files.length === 0) return [];
  const listMissing = (names: readonly string[]) =>
    [
      ...files.filter((file) => !names.some((name) => isRequestedFile(file, name))).map((file) => ` ${file}: add it`),
      ...(deliverable && names.length === 0 ? [": add one"] : []),
    ].map((missing) => `no deliverable${missing} with upload_deliverable`);
  const delivered = (await readDeliverables(context.deps, task.id)).map(({ name }) => name);
  if (listMissing(delivered).length === 0) return [];
  const params = { project: task.project.id, item: task.id };
  const client = await chooseClient(context);
  const { data } = await client.call(attachmentsApi.list, { params });
  const attached = data.filter((row) => row.is_uploaded).map((row) => row.attributes.name);
  return listMissing([...delivered, ...attached]);
}

/** Whether the file has the name that a criterion gives, or ends with it after a space. */
function isRequestedFile(wanted: string, name: string): boolean {
  return ` ${name}`.normalize("NFC").toLowerCase().endsWith(` ${wanted}`.normalize("NFC").toLowerCase());
}

/** Parses the `Done when:` list of a text: list items below that line, or comma-separated items on it. Pure. */
export function parseDoneWhen(markdown: string): string[] {
  // Markdown ends a line within a paragraph with a backslash.
  const lines = markdown.split(/\\?\r?\n/);
  const headingIndex = lines.findIndex((line) => HEADING.test(line));
  if (headingIndex < 0) return [];
  const inlineItems = HEADING.exec(lines[headingIndex] ?? "")?.[1] ?? "";
  if (inlineItems.trim() !== "") return inlineItems.split(/[,;]/).map(stripMarkdown).filter(Boolean);
  const items: string[] = [];
  for (const line of lines.slice(headingIndex + 1)) {
    const item = ITEM.exec(line)?.[1];
    if (item !== undefined) items.push(stripMarkdown(item));
    else if (line.trim() !== "") break;
  }
  return items;
}

/** Removes Markdown's escapes, code and emphasis marks, and the targets of links. */
function stripMarkdown(item: string): string {
  return item
    .replace(/\[([^[\]]*)\]\([^()\s]*\)/g, "$1")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/[`*]/g, "")
    .trim();
}

function formatCounts({
  passed,
  failed,
  command = "",
}: Record<"passed" | "failed", number> & { command?: string | undefined }) {
  const text = cleanLine(command, 200);
  return `${passed} passed, ${failed} failed${text === "" ? "" : ` [${text}]`}`;
}

/** Lists in a few words what of a required commit and required tests is missing or is none. Pure. */
export function findMissingProof(
  required: { commit: boolean; tests: boolean },
  { commit = "", tests = "" }: CompletionReport,
): string[] {
  return keepDefined([
    required.commit ? describeCommitProblem(commit) : undefined,
    required.tests ? describeTestProblem(tests) : undefined,
  ]);
}

function describeCommitProblem(commit: string): string | undefined {
  if (commit.trim() === "") return "no commit reported: give it as commit";
  if (COMMIT.test(commit.trim())) return undefined;
  return `commit ${quote(commit)} is no commit: give its 7 to 40 hexadecimal digits or a link to it`;
}

function describeTestProblem(tests: string): string | undefined {
  if (tests.trim() === "") return "no tests reported: give the results as tests";
  const { failed, passed } = readTestResults(tests);
  if (failed) return `tests ${quote(tests)} say that some failed: all must pass, fix them and report the new results`;
  if (passed) return undefined;
  return `tests ${quote(tests)} do not say that any passed: give {passed, failed, command} or a text such as "12 passed"`;
}

const quote = (text: string) => `"${cleanLine(text, 60)}"`;

/** Reads from a text whether tests failed and whether any passed. What it does not understand is neither. */
function readTestResults(text: string): { failed: boolean; passed: boolean } {
  const counts = COUNTS.exec(text.trim())?.[1] ?? text;
  const rest = counts.replace(NO_FAILURE, "");
  const isPart = [...counts.matchAll(PART)].some(([, n, whole = 100]) => Number(n) < Number(whole));
  const isClean = rest !== counts || /\bok\b/i.test(counts);
  const hasPassed = SUCCESS.test(counts) || (isClean && RAN.test(counts));
  return { failed: isPart || FAILURE.test(rest), passed: hasPassed && !RESERVATION.test(counts) };
}
