import type { Tick } from "../../shared/deps.ts";
import { census } from "../../shared/observe/census.ts";
import { watchCycles } from "../../shared/observe/cycles.ts";
import type { ObserveDeps } from "../../shared/observe/item.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { observeAllLines } from "../../shared/observe/lines.ts";
import { type PassResult, passProject } from "../../shared/observe/pass.ts";
import { isReadable, readProjects } from "../../shared/observe/projects.ts";
import { readSince } from "../../shared/observe/read.ts";
import { evaluateAll } from "../../shared/observe/relations.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import type { Key } from "../../shared/store/port.ts";
import { CONFIRM_AFTER_MS } from "../../shared/task/accept.ts";
import { reportCircles } from "../../shared/work/circling.ts";
import { askToSettleAll } from "../../shared/work/stuck.ts";
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
    await observeAllLines(deps, correlation);
    await evaluateAll(deps, correlation);
    await askToSettleAll(deps, correlation);
    await reportCircles(deps, correlation);
    const agents = await passAgents(deps, correlation);
    deps.kick();
    return { ...counts, ...agents };
  },
};

/** A process that dies in a pass keeps the others waiting so long; overlapping passes cost requests and nothing else. */
const PASS_MS = 20_000;
/** How often another's pass is looked at while waiting for its end. */
const LOOK_MS = 250;

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
  const fence = await leasePass(deps, lease);
  try {
    const pass = await passProject(deps, project, correlation);
    const counted = pass.differs ? await census(deps, pass.project, correlation) : { removed: 0 };
    return { ...pass, removed: counted.removed };
  } catch (thrown) {
    if (!isOfOneProject(thrown)) throw thrown;
    deps.log.warn("project cannot be read", { correlation, project: project.identifier, error: thrown.message });
    return undefined;
  } finally {
    await deps.store.release(lease, fence);
  }
}

/** Another's pass is waited for, not counted as ours: it may have begun before what this one must find, or never end. */
async function leasePass(deps: ObserveDeps, key: Key): Promise<number> {
  const owner = deps.newId();
  for (;;) {
    const lease = await deps.store.lease(key, owner, PASS_MS);
    if ("fence" in lease) return lease.fence;
    await deps.wait(LOOK_MS);
  }
}

/** Plane answered, and the answer is about this project: the others may be read. */
function isOfOneProject(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneError && ["auth", "not_found", "invalid", "unexpected"].includes(thrown.code);
}
