import { toMarkdown } from "../markdown/to-markdown.ts";
import { labelName } from "../observe/names.ts";
import { attachments } from "../plane/attachments.ts";
import type { Acting, WorkDeps } from "./acting.ts";
import { readCard } from "./card.ts";
import { hasSummary } from "./comment.ts";
import { deliverablesOf } from "./deliver.ts";
import { TYPES } from "./deliverable-types.ts";
import type { Task } from "./find.ts";
import { openBlockers } from "./transitions.ts";

/** What a task must have before it is done (OPENCLAW-18). */
export interface Criteria {
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
export interface Reported {
  text?: string | undefined;
  commit?: string | undefined;
  tests?: string | undefined;
}

const HEADING = /^[\s>#*_+-]*done when\s*[*_]*\s*:?\s*[*_]*\s*(.*)$/i;
const ITEM = /^\s*\\?(?:[-*+•–]|\d+\\?[.)])\s+(?:\[[ x]\]\s*)?(.+)$/i;
/** Words up to the end of a file's name. What Plane takes no files of has no such end: `v1.2`, `example.com`. */
const FILES = new RegExp(
  `[^,;:]{1,255}?\\.(?:${Object.keys(TYPES).join("|")})(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`,
  "giu",
);
/** What stands between several of them, and marks around one. */
const BETWEEN = /^(?:[\s&("'«“‘]|(?:and|or|et|ou)\s)+/i;

/** The label of tasks whose commit and tests are to be reported. */
const CODE = "code";

/** What this task must have: the settings' defaults and the `Done when:` list of its description. */
export async function criteriaOf(deps: WorkDeps, { item, project }: Task): Promise<Criteria> {
  const { summary, deliverable, commit_and_tests } = deps.settings.done;
  const labels = await Promise.all(item.snapshot.labels.map((id) => labelName(deps, project.id, id)));
  const isCode = labels.some((name) => name?.trim().toLowerCase() === CODE);
  const reports = commit_and_tests === "always" || (commit_and_tests === "code" && isCode);
  const listed = item.snapshot.description === "" ? [] : doneWhen(await toMarkdown(item.snapshot.description));
  const defaults = { summary, deliverable, files: [], commit: reports, tests: reports, others: [] };
  return listed.reduce<Criteria>(asking, defaults);
}

/** The items of the `Done when:` list in a text: below the line that says so, or behind it, parted by commas. Pure. */
export function doneWhen(markdown: string): string[] {
  // A line that ends within its paragraph ends in a backslash.
  const lines = markdown.split(/\\?\r?\n/);
  const at = lines.findIndex((line) => HEADING.test(line));
  if (at < 0) return [];
  const behind = HEADING.exec(lines[at] ?? "")?.[1] ?? "";
  if (behind.trim() !== "") return behind.split(/[,;]/).map(plain).filter(Boolean);
  const items: string[] = [];
  for (const line of lines.slice(at + 1)) {
    const item = ITEM.exec(line)?.[1];
    if (item !== undefined) items.push(plain(item));
    else if (line.trim() !== "") break;
  }
  return items;
}

/** Adds one item of the list to what is asked for: a file, or known by its first word, else kept in its own words. */
function asking(criteria: Criteria, item: string): Criteria {
  const said = item.replace(/^(?:an?|the|one|at least one)\s+/i, "");
  const [kind] = /^(?:deliverables?|files?|attachments?)\b(?!\.\w)/i.exec(said) ?? [];
  const files = filesIn(said.slice(kind?.length ?? 0));
  const isFile = files[0] === said && !/\s/.test(said);
  if (files.length > 0 && (kind !== undefined || isFile)) return { ...criteria, files: [...criteria.files, ...files] };
  if (kind !== undefined) return { ...criteria, deliverable: true };
  if (/^(?:closing )?summary\b/i.test(said)) return { ...criteria, summary: true };
  const commit = /^commits?\b/i.test(said);
  const tests = /^tests?\b/i.test(said) || (commit && /\band tests?\b/i.test(said));
  if (commit || tests) return { ...criteria, commit: criteria.commit || commit, tests: criteria.tests || tests };
  return { ...criteria, others: [...criteria.others, item] };
}

/** The files that a text names, each with the words before it: a name may have blanks, so where it begins is open. */
function filesIn(text: string): string[] {
  const named = text.match(FILES) ?? [];
  return named.map((words) => words.replace(/^.*[/\\]/, "").replace(BETWEEN, ""));
}

/** Whether a file is the one that was asked for by these words: they are its name, or end with it. */
function isAsked(words: string, name: string): boolean {
  const wanted = folded(words);
  const given = folded(name);
  return wanted.endsWith(given) && /(?:^|[\s("'«“‘])$/.test(wanted.slice(0, wanted.length - given.length));
}

function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Without Markdown's marks: what it escapes, code and emphasis around the whole, where links lead. */
function plain(item: string): string {
  return item
    .replace(/\[([^[\]]*)\]\([^()\s]*\)/g, "$1")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/[`*]/g, "")
    .trim();
}

/** Everything that is still missing before this task is done, each in a few words; none: it may be done. */
export async function missingFor(acting: Acting, task: Task, criteria: Criteria, told: Reported): Promise<string[]> {
  const { deps, caller } = acting;
  const [open, card] = await Promise.all([openBlockers(acting, task), readCard(deps, task.id)]);
  const written = Boolean(told.text?.trim());
  const noSummary = criteria.summary && !written && !(await hasSummary(deps, task.id, caller.name));
  return [
    ...(open === "" ? [] : [`it waits for ${open}`]),
    ...(await missingFiles(acting, task, criteria)),
    ...(noSummary ? ["no summary: give it as text"] : []),
    ...(criteria.commit && !told.commit && !card?.commit ? ["no commit reported: give it as commit"] : []),
    ...(criteria.tests && !told.tests && !card?.tests ? ["no tests reported: give their outcome as tests"] : []),
  ];
}

/** Asks Plane for the attachments only when what went through the bridge is not enough. */
async function missingFiles(acting: Acting, task: Task, { deliverable, files }: Criteria): Promise<string[]> {
  if (!deliverable && files.length === 0) return [];
  const lacks = (names: readonly string[]) => [
    ...files.filter((file) => !names.some((name) => isAsked(file, name))),
    ...(deliverable && names.length === 0 ? [""] : []),
  ];
  const ours = (await deliverablesOf(acting.deps, task.id)).map(({ name }) => name);
  if (lacks(ours).length === 0) return [];
  const params = { project: task.project.id, item: task.id };
  const { data } = await acting.plane.call(attachments.list, { params });
  const there = data.filter((one) => one.is_uploaded).map((one) => one.attributes.name);
  return lacks([...ours, ...there]).map((file) =>
    file === "" ? "no deliverable: upload_deliverable adds one" : `no deliverable ${file}: upload_deliverable adds it`,
  );
}
