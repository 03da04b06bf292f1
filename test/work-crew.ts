import type { Item, ItemPatch, Project } from "../demo/plane/types.ts";
import { work } from "../functions/work/worker.ts";
import { settingName } from "../shared/config/file.ts";
import { type Acting, actFor } from "../shared/work/acting.ts";
import type { Caller } from "../shared/work/caller.ts";
import { workFor } from "../shared/work/work.ts";
import { type CrewOptions, createCrew } from "./crew.ts";

interface WorkCrewOptions extends Omit<CrewOptions, "agents"> {
  /** Agents beside those below, or more settings of these. */
  agents?: Record<string, { role?: "concierge" | "worker"; [setting: string]: unknown }>;
  /** Agents whose Plane key nobody has put into the settings. */
  keyless?: string[];
}

const AGENTS: NonNullable<WorkCrewOptions["agents"]> = {
  Concierge: { role: "concierge" },
  Imhotep: { role: "worker" },
  Thot: { role: "worker" },
};

export type WorkCrew = Awaited<ReturnType<typeof createWorkCrew>>;

/**
 * The in-process product with agents: Concierge, Imhotep and Thot have accounts, and keys, in the in-memory Plane, and
 * are members of the project ONB. Waiting (an agent's pace of 1 request/s, retries) moves the clock and costs no time.
 */
export async function createWorkCrew({ agents = {}, keyless = [], ...options }: WorkCrewOptions = {}) {
  const all = { ...AGENTS, ...agents };
  const names = Object.keys(all);
  const mail = (name: string) => `${name.toLowerCase()}@javisi.local.test`;
  const users = new Map<string, { id: string }>();
  const crew = await createCrew({
    ...options,
    agents: names.map((name) => ({ name, email: mail(name), ...all[name] })),
    parts: { workers: [work], ...options.parts },
    staff(plane) {
      for (const name of names) users.set(name, plane.addUser({ name, email: mail(name) }));
      const keyed = names.filter((name) => !keyless.includes(name));
      const keys = keyed.map((name) => [`PLANE_API_KEY_${settingName(name)}`, plane.apiKey(user(name), name)]);
      return { ...Object.fromEntries(keys), ...options.staff?.(plane) };
    },
  });
  const project = crew.project();

  /** An agent's Plane user. */
  function user(name: string): { id: string } {
    const found = users.get(name);
    if (!found) throw new Error(`There is no agent ${name}.`);
    return found;
  }
  /** An agent of the settings, or the human by any other name. */
  function caller(name: string): Caller {
    const agent = crew.settings.agents.find((one) => one.name === name);
    return { name, role: agent ? (agent.role ?? "worker") : "human" };
  }

  return Object.assign(crew, {
    /** The project ONB. */
    onb: project,
    user,
    caller,
    /** One call's hands. */
    acting: (name: string): Acting => actFor(crew.deps, caller(name)),
    /** The work for one call of this agent: make it anew for each call. */
    work: (name: string) => workFor(crew.deps, caller(name)),
    /** Adds a task to ONB (or another project), assigned to these agents; `poll` makes it known. */
    task(name: string, to: string | string[] = [], patch: ItemPatch = {}, where: Project = project): Item {
      return crew.plane.addItem(where, {
        name,
        ...patch,
        assignees: [...(patch.assignees ?? []), ...[to].flat().map(user)],
      });
    },
    /** What people and agents see it under: `ONB-1`. */
    keyOf: (item: Item, where: Project = project): string => `${where.identifier}-${item.sequence_id}`,
    /** The item as Plane has it now, with its state's name, labels' names and assignees' names. */
    inPlane(item: { id: string }) {
      const row = crew.plane.item(item);
      if (!row) throw new Error(`Plane has no item ${item.id}.`);
      const nameOf = (id: string) => names.find((name) => user(name).id === id) ?? "Ada";
      return {
        ...row,
        state: crew.plane.states(row.project).find(({ id }) => id === row.state)?.name,
        labels: row.labels.flatMap((id) => crew.plane.labels(row.project).find((label) => label.id === id)?.name ?? []),
        assignees: row.assignees.map(nameOf),
      };
    },
    /** The comments on an item as `author: html`. */
    comments(item: { id: string }): string[] {
      const nameOf = (id: string) => names.find((name) => user(name).id === id) ?? "Ada";
      return crew.plane.comments(item).map(({ actor, comment_html }) => `${nameOf(actor)}: ${comment_html}`);
    },
  });
}
