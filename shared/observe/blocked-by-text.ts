import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import { htmlToText } from "../markdown/html-to-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Put } from "../store/port.ts";
import { readAllRows, scanRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { TASK_KEY_SOURCE } from "../task-key.ts";
import { addEdgeSource, hasEdgeSource, removeEdgeSource, toEdgeSets } from "./dependency-edges.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { getNewSince, listReadableProjects } from "./project-record.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge, KeptProject } from "./stored-records.ts";

/** Tags that end a line. Line breaks in the HTML source do not. */
const BLOCK_TAGS = /<(?:br|\/?(?:p|div|li|ul|ol|h[1-6]|tr|td|blockquote|pre))\b[^<>]*>/gi;
/** In both languages, whatever LOCALE is: it may have changed, and people write the line themselves. */
const BLOCKED_BY_LINE = /^(?:blocked by|bloquée? par)\s*:\s*(.+)$/i;
/** A paragraph or list item that consists of such a line. */
const BLOCKED_BY_ELEMENT =
  /<(p|li|div)\b[^<>]*>\s*(?:blocked|bloqu\S{1,10})(?:\s|&nbsp;)+(?:by|par)(?:\s|&nbsp;)*:[^<]*<\/\1>/gi;
const TASK_KEY = new RegExp(String.raw`^[\s,;]*(?:(?:and|et)\s+)?(${TASK_KEY_SOURCE})(?![\p{L}\p{N}_-])`, "iu");
/** Limit of a parsed line: 2,000 characters, enough for more than a hundred keys. */
const MAX_LINE_LENGTH = 2_000;

/** Whether a description may contain a "Blocked by" line. Cheap, because it runs for every observed item. */
export function mayContainBlockedByText(item: KeptItem | undefined): boolean {
  return item !== undefined && /(?:blocked|bloqu\S{1,10})(?:\s|&nbsp;)+(?:by|par)/i.test(item.snapshot.description);
}

/** Returns a description without its paragraphs and list items that are "Blocked by" lines. */
export function removeBlockedByLines(html: string): string {
  return html.replace(BLOCKED_BY_ELEMENT, "");
}

/** Returns the task keys in the lines `Blocked by: ONB-3, ONB-4` of a description, in upper case, without duplicates. */
export function parseBlockedByText(html: string): string[] {
  const keys = new Set<string>();
  for (const line of html.replace(/\s+/g, " ").replace(BLOCK_TAGS, "\n").split("\n")) {
    let remaining = BLOCKED_BY_LINE.exec(htmlToText(line, MAX_LINE_LENGTH).normalize("NFC"))?.[1] ?? "";
    for (let key = TASK_KEY.exec(remaining); key; key = TASK_KEY.exec(remaining)) {
      keys.add((key[1] ?? "").toUpperCase());
      remaining = remaining.slice(key[0].length);
    }
  }
  return [...keys];
}

/**
 * Stores the dependencies that an item's description names: Plane before v1.3 has no relations. Keys of unknown items
 * are ignored until the item is observed. Sends no request to Plane.
 */
export async function observeBlockedByText(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  await updateValue<KeptItem>(deps, observedKeys.item(id), async (item, rev) => {
    if (!item || item.gone !== undefined) return undefined;
    const kept = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
    const blockerProjects = await findItemsByKey(deps, parseBlockedByText(item.snapshot.description));
    blockerProjects.delete(id);
    const known = kept.filter(({ value }) => hasEdgeSource(value, "text"));
    const added = [...blockerProjects].filter(([blocker]) => !known.some(({ value }) => value.blocker === blocker));
    const removed = known.filter(({ value }) => !blockerProjects.has(value.blocker));
    if (added.length + removed.length === 0) return undefined;
    const isSilent = await isUntouchedSinceStart(deps, item);
    const edges = added.map(([blocker, blockerProject]): KeptEdge => {
      const before = kept.find(({ value }) => value.blocker === blocker)?.value;
      if (before) return addEdgeSource(before, "text");
      const unsaid = omitUndefined({ unsaid: isSilent ? true : undefined });
      return { blocked: id, blocker, blockerProject, sources: ["text"], ...unsaid };
    });
    const put: Put[] = [
      ...edges.map((edge) => ({ key: observedKeys.edge(id, edge.blocker), value: edge, sets: toEdgeSets(edge) })),
      ...removed.map(({ key, value }) => {
        const rest = removeEdgeSource(value, "text");
        return rest ? { key, value: rest, sets: toEdgeSets(rest) } : { key, value: undefined };
      }),
    ];
    const jobs = [createEvaluateBlockersJob(id, `lines:${rev}:${correlation}`, correlation)];
    return { expect: kept.map(({ key, rev }) => [key, rev]), put, jobs };
  });
}

/**
 * Evaluates the "Blocked by" lines of all open items and all items with dependencies: finds keys of items that became
 * known since, and repairs what a lost job left out of date (observation rule 10).
 */
export async function observeAllBlockedByText(deps: ObserveDeps, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  const ids = new Set((await readAllRows<KeptEdge>(deps, observedSets.edges)).map(({ value }) => value.blocked));
  for (const project of await listReadableProjects(deps)) {
    for await (const { value } of scanRows<KeptItem>(deps, observedSets.open(project.id)))
      if (mayContainBlockedByText(value)) ids.add(value.snapshot.id);
  }
  for (const id of ids) await observeBlockedByText(deps, id, correlation);
}

/**
 * Whether the item has not changed since the observation of its project began: its dependencies are then stored
 * silently.
 */
async function isUntouchedSinceStart(deps: ObserveDeps, { snapshot }: KeptItem): Promise<boolean> {
  const [project] = await deps.store.read<KeptProject>([observedKeys.project(snapshot.project)]);
  const since = project?.value.began ? getNewSince(project.value) : "";
  return snapshot.createdAt < since && snapshot.updatedAt < since;
}

/** Returns the ids of the stored items with these keys, each with its project's id. */
async function findItemsByKey(deps: ObserveDeps, keys: string[]): Promise<Map<string, string>> {
  const projectsByItem = new Map<string, string>();
  if (keys.length === 0) return projectsByItem;
  const projects = await readAllRows<KeptProject>(deps, observedSets.projects);
  for (const key of keys) {
    const [identifier, number] = key.split("-");
    const project = projects.find(({ value }) => value.identifier.toUpperCase() === identifier)?.value.id;
    if (project === undefined) continue;
    const { rows } = await deps.store.scan<KeptItem>(observedSets.numbered(project, Number(number)), undefined, 1);
    for (const { value } of rows) projectsByItem.set(value.snapshot.id, project);
  }
  return projectsByItem;
}
