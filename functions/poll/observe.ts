import type { Deps, Worker } from "../../shared/deps.ts";
import { readComments } from "../../shared/observe/comments.ts";
import { readCycles } from "../../shared/observe/cycles.ts";
import { dependantsOf } from "../../shared/observe/edges.ts";
import type { Source } from "../../shared/observe/item.ts";
import { type ObserveBody, observeBody } from "../../shared/observe/jobs.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { keys } from "../../shared/observe/keys.ts";
import { observeLines } from "../../shared/observe/lines.ts";
import { checkProject, isReadable, readableProjects, readProjects } from "../../shared/observe/projects.ts";
import { markDetailsRead, readItem, readSince } from "../../shared/observe/read.ts";
import { dropEdges, evaluate, readRelations } from "../../shared/observe/relations.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import { isOpen } from "../../shared/task/diff.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { askToSettle } from "../../shared/work/stuck.ts";
import { passProjects } from "./project-pass.ts";

/** What an archived project's items ask for waits so long each time: it may come out of the archive. */
const UNREADABLE_MS = 300_000;

/** Works what is to be looked at again: reads of single items, their details, and reckonings in the store. */
export const observe: Worker = {
  queue: "observe",
  // As with webhooks, twice is once; but a call of Plane may wait 90 s for its turn.
  ttl: 120_000,
  parallel: 4,
  async work(deps, job) {
    const body = observeBody.parse(job.body);
    if (!("item" in body && "project" in body)) {
      await run(deps, body);
      return { done: true };
    }
    const project = await projectOf(deps, body.project);
    if (!project || project.gone) return { done: true };
    if (!isReadable(project)) return { retryAt: (await deps.store.now()) + UNREADABLE_MS };
    await readOne(deps, body, project);
    return { done: true };
  },
};

type ItemBody = Extract<ObserveBody, { do: "read" | "details" | "fill" }>;

async function readOne(deps: Deps, body: ItemBody, project: KeptProject): Promise<void> {
  const { correlation } = body;
  switch (body.do) {
    case "read":
      return readSince(deps, body.item, { project, correlation }, body.queued);
    case "details":
      return withItem(deps, body, project, async (item, source) => {
        await readComments(deps, item, source);
        await readRelations(deps, item, source);
        await markDetailsRead(deps, item);
      });
    case "fill":
      return withItem(deps, body, project, async (item, source) => {
        if (isOpen(item.snapshot.word)) await readRelations(deps, item, source);
      });
  }
}

async function run(deps: Deps, body: Exclude<ObserveBody, ItemBody>): Promise<void> {
  const { correlation } = body;
  switch (body.do) {
    case "evaluate":
      await evaluate(deps, body.item, correlation);
      return askToSettle(deps, [body.item], correlation);
    case "lines":
      return observeLines(deps, body.item, correlation);
    case "fan": {
      const dependants = await dependantsOf(deps, body.item);
      const [kept] = await deps.store.read<KeptItem>([keys.item(body.item)]);
      if (kept?.value.gone !== undefined) return dropEdges(deps, body.item, correlation);
      for (const dependant of dependants) await evaluate(deps, dependant, correlation);
      return askToSettle(deps, dependants, correlation);
    }
    case "project_check":
      return checkProject(deps, body.project, correlation);
    case "projects":
      return lookAtProjects(deps, body);
    case "cycles": {
      const project = await projectOf(deps, body.project);
      if (project && isReadable(project) && project.began !== "") await readCycles(deps, project, correlation);
    }
  }
}

/** New projects are read at once; the others wait for the poll. */
async function lookAtProjects(deps: Deps, body: Extract<ObserveBody, { do: "projects" }>): Promise<void> {
  const [last] = await deps.store.read<{ at: number }>([keys.projectsRead]);
  if (!last || last.value.at <= body.queued) await readProjects(deps, body.correlation);
  const unread = (await readableProjects(deps)).filter((project) => !project.baseline);
  await passProjects(deps, unread, body.correlation);
}

async function withItem(
  deps: Deps,
  body: ItemBody,
  project: KeptProject,
  read: (item: KeptItem, source: Source) => Promise<void>,
): Promise<void> {
  const [item] = await deps.store.read<KeptItem>([keys.item(body.item)]);
  if (!item || item.value.gone !== undefined) return;
  const source = { project, correlation: body.correlation, cause: body.correlation };
  try {
    await read(item.value, source);
  } catch (thrown) {
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await readItem(deps, body.item, source);
  }
}

async function projectOf(deps: Deps, id: string): Promise<KeptProject | undefined> {
  const [kept] = await deps.store.read<KeptProject>([keys.project(id)]);
  return kept?.value;
}
