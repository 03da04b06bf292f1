/** What a task needs before it may be done: the defaults of the settings and the `Done when:` list of its description. */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { keepDefined } from "../../omit-undefined.ts";
import { attachmentsApi } from "../../plane/attachments.ts";
import type { Task } from "../../records/plane-records.ts";
import { type CompletionReport, hasSummary, readDeliverables } from "../../records/task-records.ts";
import { findManagedLabelName } from "../../sync/names.ts";
import { type CallContext, chooseClient } from "../call-context.ts";
import { readCard } from "../card-record.ts";
import { FILE_TYPES } from "../deliverables/file-check.ts";
import { formatOpenBlockers } from "../find-task.ts";
import { findMissingProof } from "./commit-and-tests.ts";

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
 * Words that end with a file name. Only extensions that Plane accepts count, so `v1.2` and `example.com` do not match.
 */
const FILES = new RegExp(
  `[^,;:]{1,255}?\\.(?:${Object.keys(FILE_TYPES).join("|")})(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`,
  "giu",
);

/** Separators between file names, and quotation marks around one. */
const SEPARATOR = /^(?:[\s&("'«“‘]|(?:and|or|et|ou)\s)+/i;

/** The label of tasks for which a commit and tests must be reported. */
const CODE_LABEL = "code";

/** Reads the done criteria of a task: the settings' defaults and the `Done when:` list of its description. */
export async function readDoneCriteria(deps: TaskDeps, { item, project }: Task): Promise<DoneCriteria> {
  const { summary, deliverable, commit_and_tests } = deps.settings.done;
  const labels = await Promise.all(item.snapshot.labels.map((id) => findManagedLabelName(deps, project.id, id)));
  const isCode = labels.some((name) => name?.trim().toLowerCase() === CODE_LABEL);
  const reports = commit_and_tests === "always" || (commit_and_tests === "code" && isCode);
  const listed = item.snapshot.description === "" ? [] : parseDoneWhen(await toMarkdown(item.snapshot.description));
  const defaults = { summary, deliverable, files: [], commit: reports, tests: reports, others: [] };
  return listed.reduce<DoneCriteria>(addCriterion, defaults);
}

/** Adds one list item to the criteria: a file name, a criterion known by its first word, else the item's own words. */
function addCriterion(criteria: DoneCriteria, item: string): DoneCriteria {
  const text = item.replace(/^(?:an?|the|one|at least one)\s+/i, "");
  const [kind] = /^(?:deliverables?|files?|attachments?)\b(?!\.\w)/i.exec(text) ?? [];
  const files = findFileNames(text.slice(kind?.length ?? 0));
  const isFile = files[0] === text && !/\s/.test(text);
  if (files.length > 0 && (kind !== undefined || isFile)) return { ...criteria, files: [...criteria.files, ...files] };
  if (kind !== undefined) return { ...criteria, deliverable: true };
  if (/^(?:closing )?summary\b/i.test(text)) return { ...criteria, summary: true };
  const commit = /^commits?\b/i.test(text);
  const tests = /^tests?\b/i.test(text) || (commit && /\band tests?\b/i.test(text));
  if (commit || tests) return { ...criteria, commit: criteria.commit || commit, tests: criteria.tests || tests };
  return { ...criteria, others: [...criteria.others, item] };
}

/** Finds file names in a text, each with the words before it: names may contain spaces, so their start is ambiguous. */
function findFileNames(text: string): string[] {
  const matches = text.match(FILES) ?? [];
  return matches.map((words) => words.replace(/^.*[/\\]/, "").replace(SEPARATOR, ""));
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
    keepDefined([
      ...files.filter((file) => !names.some((name) => isRequestedFile(file, name))),
      deliverable && names.length === 0 ? "" : undefined,
    ]);
  const delivered = (await readDeliverables(context.deps, task.id)).map(({ name }) => name);
  if (listMissing(delivered).length === 0) return [];
  const params = { project: task.project.id, item: task.id };
  const client = await chooseClient(context);
  const { data } = await client.call(attachmentsApi.list, { params });
  const attached = data.filter((row) => row.is_uploaded).map((row) => row.attributes.name);
  return listMissing([...delivered, ...attached]).map((file) =>
    file === ""
      ? "no deliverable: add one with upload_deliverable"
      : `no deliverable ${file}: add it with upload_deliverable`,
  );
}

/** Whether these words of a criterion name the file: they are its name or end with it. */
function isRequestedFile(words: string, name: string): boolean {
  const wanted = normalizeFileName(words);
  const actual = normalizeFileName(name);
  return wanted.endsWith(actual) && /(?:^|[\s("'«“‘])$/.test(wanted.slice(0, wanted.length - actual.length));
}

function normalizeFileName(name: string): string {
  return name.normalize("NFC").toLowerCase();
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
