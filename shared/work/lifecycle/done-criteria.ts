import { keepDefined } from "../../keep-defined.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { findLabelName } from "../../observe/name-cache.ts";
import { attachmentsApi } from "../../plane/attachments.ts";
import { readCard } from "../card/card-record.ts";
import { hasSummary } from "../comments/add-comment.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { readDeliverables } from "../deliverables/deliver-file.ts";
import { FILE_TYPES } from "../deliverables/file-types.ts";
import type { Task } from "../tasks/find-task.ts";
import { formatOpenBlockers } from "./transitions.ts";

/** What a task must have before it is done (OPENCLAW-18). */
export interface DoneCriteria {
  summary: boolean;
  /** At least one deliverable, whatever its name. */
  deliverable: boolean;
  /** Deliverables by their file names. */
  files: string[];
  commit: boolean;
  tests: boolean;
  /** What the task asks for in words of its own: for the agent to judge; the closing comment quotes it. */
  others: string[];
}

/** What the call that finishes a task reports with it. */
export interface CompletionReport {
  text?: string | undefined;
  commit?: string | undefined;
  tests?: string | undefined;
}

const HEADING = /^[\s>#*_+-]*done when\s*[*_]*\s*:?\s*[*_]*\s*(.*)$/i;
const ITEM = /^\s*\\?(?:[-*+•–]|\d+\\?[.)])\s+(?:\[[ x]\]\s*)?(.+)$/i;
/** Words up to the end of a file's name. What Plane takes no files of has no such end: `v1.2`, `example.com`. */
const FILES = new RegExp(
  `[^,;:]{1,255}?\\.(?:${Object.keys(FILE_TYPES).join("|")})(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`,
  "giu",
);
/** What stands between several of them, and marks around one. */
const SEPARATOR = /^(?:[\s&("'«“‘]|(?:and|or|et|ou)\s)+/i;

/** The label of tasks whose commit and tests are to be reported. */
const CODE_LABEL = "code";

/** What this task must have: the settings' defaults and the `Done when:` list of its description. */
export async function readDoneCriteria(deps: WorkDeps, { item, project }: Task): Promise<DoneCriteria> {
  const { summary, deliverable, commit_and_tests } = deps.settings.done;
  const labels = await Promise.all(item.snapshot.labels.map((id) => findLabelName(deps, project.id, id)));
  const isCode = labels.some((name) => name?.trim().toLowerCase() === CODE_LABEL);
  const reports = commit_and_tests === "always" || (commit_and_tests === "code" && isCode);
  const listed = item.snapshot.description === "" ? [] : parseDoneWhen(await toMarkdown(item.snapshot.description));
  const defaults = { summary, deliverable, files: [], commit: reports, tests: reports, others: [] };
  return listed.reduce<DoneCriteria>(addCriterion, defaults);
}

/** The items of the `Done when:` list in a text: below the line that says so, or behind it, parted by commas. Pure. */
export function parseDoneWhen(markdown: string): string[] {
  // A line that ends within its paragraph ends in a backslash.
  const lines = markdown.split(/\\?\r?\n/);
  const at = lines.findIndex((line) => HEADING.test(line));
  if (at < 0) return [];
  const behind = HEADING.exec(lines[at] ?? "")?.[1] ?? "";
  if (behind.trim() !== "") return behind.split(/[,;]/).map(stripMarkdown).filter(Boolean);
  const items: string[] = [];
  for (const line of lines.slice(at + 1)) {
    const item = ITEM.exec(line)?.[1];
    if (item !== undefined) items.push(stripMarkdown(item));
    else if (line.trim() !== "") break;
  }
  return items;
}

/** Adds one item of the list to what is asked for: a file, or known by its first word, else kept in its own words. */
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

/** The files that a text names, each with the words before it: a name may have blanks, so where it begins is open. */
function findFileNames(text: string): string[] {
  const matches = text.match(FILES) ?? [];
  return matches.map((words) => words.replace(/^.*[/\\]/, "").replace(SEPARATOR, ""));
}

/** Whether a file is the one that was asked for by these words: they are its name, or end with it. */
function isRequestedFile(words: string, name: string): boolean {
  const wanted = normalizeFileName(words);
  const actual = normalizeFileName(name);
  return wanted.endsWith(actual) && /(?:^|[\s("'«“‘])$/.test(wanted.slice(0, wanted.length - actual.length));
}

function normalizeFileName(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Without Markdown's marks: what it escapes, code and emphasis around the whole, where links lead. */
function stripMarkdown(item: string): string {
  return item
    .replace(/\[([^[\]]*)\]\([^()\s]*\)/g, "$1")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/[`*]/g, "")
    .trim();
}

/** Everything that is still missing before this task is done, each in a few words; none: it may be done. */
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
    criteria.commit && !report.commit && !card?.commit ? "no commit reported: give it as commit" : undefined,
    criteria.tests && !report.tests && !card?.tests ? "no tests reported: give their outcome as tests" : undefined,
  ]);
}

/** Asks Plane for the attachments only when what went through the bridge is not enough. */
async function findMissingFiles(
  context: CallContext,
  task: Task,
  { deliverable, files }: DoneCriteria,
): Promise<string[]> {
  if (!deliverable && files.length === 0) return [];
  const listMissing = (names: readonly string[]) =>
    keepDefined([
      ...files.filter((file) => !names.some((name) => isRequestedFile(file, name))),
      deliverable && names.length === 0 ? "" : undefined,
    ]);
  const delivered = (await readDeliverables(context.deps, task.id)).map(({ name }) => name);
  if (listMissing(delivered).length === 0) return [];
  const params = { project: task.project.id, item: task.id };
  const { data } = await context.plane.call(attachmentsApi.list, { params });
  const attached = data.filter((one) => one.is_uploaded).map((one) => one.attributes.name);
  return listMissing([...delivered, ...attached]).map((file) =>
    file === "" ? "no deliverable: upload_deliverable adds one" : `no deliverable ${file}: upload_deliverable adds it`,
  );
}
