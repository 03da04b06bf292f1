import type { Tick } from "../../shared/deps.ts";
import { census } from "../../shared/observe/census.ts";
import { watchCycles } from "../../shared/observe/cycles.ts";
import type { ObserveDeps } from "../../shared/observe/item.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { type PassResult, passProject } from "../../shared/observe/pass.ts";
import { isReadable, readProjects } from "../../shared/observe/projects.ts";
import { readSince } from "../../shared/observe/read.ts";
import { evaluateAll } from "../../shared/observe/relations.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import { CONFIRM_AFTER_MS } from "../../shared/task/accept.ts";
import { passAgents } from "./agents.ts";

/**
 * The poll: reads the projects, passes over each, confirms what looked lost, and looks at blocks and agents from
 * state. It shares nothing with webhooks but the door, so what they lose it finds.
 */
export const poll: Tick = {
  name: "poll",
  cron: (settings) => settings.pollCron,
  async run(deps) {
    const correlation = `poll-${deps.newId()}`;
    const read = await readProjects(deps, correlation);
    const counts = await passProjects(deps, read.projects, correlation);
    for (const project of read.projects.filter(isReadable)) await watchCycles(deps, project, read.date, correlation);
    await evaluateAll(deps, correlation);
    const agents = await passAgents(deps);
    deps.kick();
    return { ...counts, ...agents };
  },
};

/** A pass is another's business for so long; by then it is over or its process is dead. */
const PASS_MS = 120_000;

/** A pass over every project that can be read. One that Plane refuses is told to the log and does not stop the others. */
export async function passProjects(
  deps: ObserveDeps,
  projects: readonly KeptProject[],
  correlation: string,
): Promise<{ projects: number; pages: number; changed: number; removed: number }> {
  const counts = { projects: 0, pages: 0, changed: 0, removed: 0 };
  const doubtful: PassResult["doubtful"] = [];
  for (const project of projects.filter(isReadable)) {
    const pass = await passOne(deps, project, correlation);
    if (!pass) continue;
    counts.projects += 1;
    counts.pages += pass.pages;
    counts.changed += pass.changed;
    doubtful.push(...pass.doubtful);
    counts.removed += pass.removed;
  }
  if (doubtful.length > 0) {
    const asked = await deps.store.now();
    // A read counts as later than what asked for it only from the next millisecond on.
    await deps.wait(CONFIRM_AFTER_MS + 1);
    for (const { project, item } of doubtful) await readSince(deps, item, { project, correlation }, asked);
  }
  return counts;
}

async function passOne(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<(PassResult & { removed: number }) | undefined> {
  const lease = `pass:${project.id}`;
  const held = await deps.store.lease(lease, deps.newId(), PASS_MS);
  if ("heldBy" in held) return undefined;
  try {
    const pass = await passProject(deps, project, correlation);
    const counted = pass.differs ? await census(deps, pass.project, correlation) : { removed: 0 };
    return { ...pass, removed: counted.removed };
  } catch (thrown) {
    if (!isOfOneProject(thrown)) throw thrown;
    deps.log.warn("project cannot be read", { correlation, project: project.identifier, error: thrown.message });
    return undefined;
  } finally {
    await deps.store.release(lease, held.fence);
  }
}

/** Plane answered, and the answer is about this project: the others may be read. */
function isOfOneProject(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneError && ["auth", "not_found", "invalid", "unexpected"].includes(thrown.code);
}
