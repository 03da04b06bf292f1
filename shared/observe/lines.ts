import type { Put } from "../store/port.ts";
import { all, walk } from "../store/walk.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { edgeSets } from "./edges.ts";
import type { ObserveDeps } from "./item.ts";
import { evaluateJob } from "./jobs.ts";
import type { KeptEdge, KeptProject } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { plainText } from "./plain-text.ts";
import { newSince, readableProjects } from "./projects.ts";

/** Where a line ends; white space of the source is none. */
const BLOCKS = /<(?:br|\/?(?:p|div|li|ul|ol|h[1-6]|tr|td|blockquote|pre))\b[^<>]*>/gi;
const LINE = /^blocked by\s*:\s*(.+)$/i;
const KEY = /^[\s,;]*(?:and\s+)?([\p{L}\p{N}_]{1,12}-[1-9]\d{0,9})(?![\p{L}\p{N}_-])/iu;
/** So much of a line is looked at, in characters: more than a hundred keys. */
const LONGEST = 2_000;

/** Whether a description may have such a line: for everything that passes, so cheap. */
export function mayNameBlockers(item: KeptItem | undefined): boolean {
  return item !== undefined && /blocked(?:\s|&nbsp;)+by/i.test(item.snapshot.description);
}

/** The keys in the lines `Blocked by: ONB-3, ONB-4` of a description, in capitals, each once. */
export function blockersNamed(html: string): string[] {
  const named = new Set<string>();
  for (const source of html.replace(/\s+/g, " ").replace(BLOCKS, "\n").split("\n")) {
    let rest = LINE.exec(plainText(source, LONGEST))?.[1] ?? "";
    for (let key = KEY.exec(rest); key; key = KEY.exec(rest)) {
      named.add((key[1] ?? "").toUpperCase());
      rest = rest.slice(key[0].length);
    }
  }
  return [...named];
}

/**
 * Before v1.3 Plane has no relations: who waits for whom stands in the descriptions, and is taken from the kept ones.
 * A key of something nobody has seen is left out until it is seen. No request to Plane.
 */
export async function observeLines(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  for (;;) {
    const [item] = await deps.store.read<KeptItem>([keys.item(id)]);
    if (!item || item.value.gone !== undefined) return;
    const kept = await all<KeptEdge>(deps, sets.blockers(id));
    const named = await seen(deps, blockersNamed(item.value.snapshot.description));
    named.delete(id);
    const came = [...named].filter(([blocker]) => !kept.some(({ value }) => value.blocker === blocker));
    const left = kept.filter(({ value }) => !named.has(value.blocker));
    if (came.length + left.length === 0) return;
    const silent = await isOld(deps, item.value);
    const edges = came.map(
      ([blocker, blockerProject]): KeptEdge => ({
        blocked: id,
        blocker,
        blockerProject,
        ...(silent && { unsaid: true }),
      }),
    );
    const put: Put[] = [
      ...edges.map((edge) => ({ key: keys.edge(id, edge.blocker), value: edge, sets: edgeSets(edge) })),
      ...left.map(({ key }) => ({ key, value: undefined })),
    ];
    const jobs = [evaluateJob(id, `lines:${item.rev}:${correlation}`, correlation)];
    if ((await deps.store.commit({ expect: [[keys.item(id), item.rev]], put, jobs })) === "kept") return;
  }
}

/** Looks at the lines of all open items, and of all that wait: finds what is seen only now, heals what was lost (rule 10). */
export async function observeAllLines(deps: ObserveDeps, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  const ids = new Set((await all<KeptEdge>(deps, sets.edges)).map(({ value }) => value.blocked));
  for (const project of await readableProjects(deps)) {
    for await (const { value } of walk<KeptItem>(deps, sets.open(project.id)))
      if (mayNameBlockers(value)) ids.add(value.snapshot.id);
  }
  for (const id of ids) await observeLines(deps, id, correlation);
}

/** Not touched since we look at its project: who it waits for is taken over without telling anyone. */
async function isOld(deps: ObserveDeps, { snapshot }: KeptItem): Promise<boolean> {
  const [project] = await deps.store.read<KeptProject>([keys.project(snapshot.project)]);
  const since = project?.value.began ? newSince(project.value) : "";
  return snapshot.createdAt < since && snapshot.updatedAt < since;
}

/** Items and their projects by these keys; those that are kept. */
async function seen(deps: ObserveDeps, named: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (named.length === 0) return found;
  const projects = await all<KeptProject>(deps, sets.projects);
  for (const key of named) {
    const [identifier, number] = key.split("-");
    const project = projects.find(({ value }) => value.identifier.toUpperCase() === identifier)?.value.id;
    if (project === undefined) continue;
    const { rows } = await deps.store.scan<KeptItem>(sets.numbered(project, Number(number)), undefined, 1);
    for (const { value } of rows) found.set(value.snapshot.id, project);
  }
  return found;
}
