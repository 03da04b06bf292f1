import type { Tick } from "../../shared/deps.ts";
import { census } from "../../shared/observe/census.ts";
import { watchCycles } from "../../shared/observe/cycles.ts";
import type { ObserveDeps } from "../../shared/observe/item.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { type PassResult, passProject } from "../../shared/observe/pass.ts";
import { isReadable, readProjects } from "../../shared/observe/projects.ts";
import { readItem } from "../../shared/observe/read.ts";
import { evaluateAll } from "../../shared/observe/relations.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../../shared/plane/errors.ts";
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
    if (pass.differs) counts.removed += (await census(deps, project, correlation)).removed;
  }
  if (doubtful.length > 0) await deps.wait(CONFIRM_AFTER_MS);
  for (const { project, item } of doubtful) await readItem(deps, item, { project, correlation });
  return counts;
}

async function passOne(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<PassResult | undefined> {
  const lease = `pass:${project.id}`;
  const held = await deps.store.lease(lease, deps.newId(), PASS_MS);
  if ("heldBy" in held) return undefined;
  try {
    return await passProject(deps, project, correlation);
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError || thrown instanceof PlaneNotFoundError)) throw thrown;
    deps.log.warn("project cannot be read", { correlation, project: project.identifier, error: thrown.message });
    return undefined;
  } finally {
    await deps.store.release(lease, held.fence);
  }
}
