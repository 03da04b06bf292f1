import { createTaskOperations } from "../../functions/agent/tool.ts";
import { createWorkRules, workHandler } from "../../functions/work.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { toSettingName } from "../../shared/config/settings-file.ts";
import { type CallContext, type Caller, createCallContext } from "../../shared/tasks/call-context.ts";
import { prepareWish } from "../../shared/tasks/wishes.ts";
import type { Item, ItemPatch, Project } from "../../simulators/plane/types.ts";
import { createTestApp, type TestAppOptions } from "./test-app.ts";

export interface AgentTestAppOptions extends Omit<TestAppOptions, "agents"> {
  /** Agents in addition to those below, or more settings of those. */
  agents?: Record<string, { role?: "concierge" | "worker"; [setting: string]: unknown }>;
  /** Agents without a Plane key in the settings. */
  keyless?: string[];
}

const AGENTS: NonNullable<AgentTestAppOptions["agents"]> = {
  Concierge: { role: "concierge" },
  Imhotep: { role: "worker" },
  Thot: { role: "worker" },
};

/** The parts of an app that derives what follows from changes: claims that end, reviews, labels of agents. */
export const WORK_RULES = { ruleSets: ({ agents }: Pick<Settings, "agents">) => [createWorkRules(agents)] };

export type AgentTestApp = Awaited<ReturnType<typeof createAgentTestApp>>;

type Owners = string | string[];

/** The test app with one task, ONB-1, of these agents, which was there before the first poll. */
export async function createAgentTaskApp(
  to: Owners,
  options: AgentTestAppOptions = {},
  { name = "Write it down", ...patch }: ItemPatch = {},
) {
  const app = await createAgentTestApp(options);
  const item = app.addTask(name, to, patch);
  await app.runFirstPoll();
  return { app, item };
}

/**
 * Creates the in-process product with agents: Concierge, Imhotep and Thot have accounts and keys in the simulated Plane
 * and are members of the project ONB. Waiting (an agent's pace of 1 request/s, retries) advances the clock and takes no
 * real time.
 */
export async function createAgentTestApp({ agents = {}, keyless = [], ...options }: AgentTestAppOptions = {}) {
  const all = { ...AGENTS, ...agents };
  const names = Object.keys(all);
  const toEmail = (name: string) => `${name.toLowerCase().replaceAll(" ", ".")}@javisi.local.test`;
  const users = new Map<string, { id: string }>();
  const app = await createTestApp({
    ...options,
    agents: names.map((name) => ({ name, email: toEmail(name), ...all[name] })),
    parts: { jobHandlers: [workHandler], ...options.parts },
    setUpPlane(plane) {
      for (const name of names) users.set(name, plane.addUser({ name, email: toEmail(name) }));
      const agentsWithKey = names.filter((name) => !keyless.includes(name));
      const toKey = (name: string) => plane.createApiKey(getUser(name), name);
      const keys = agentsWithKey.map((name) => [`PLANE_API_KEY_${toSettingName(name)}`, toKey(name)]);
      return { ...Object.fromEntries(keys), ...options.setUpPlane?.(plane) };
    },
  });
  const project = app.addProject();

  /** Returns an agent's Plane user. */
  function getUser(name: string): { id: string } {
    const found = users.get(name);
    if (!found) throw new Error(`Unknown agent ${name}.`);
    return found;
  }
  /** Returns an agent of the settings as caller, or a human for any other name. */
  function getCaller(name: string): Caller {
    const found = app.settings.agents.find((agent) => agent.name === name);
    return { name, role: found ? (found.role ?? "worker") : "human" };
  }

  return Object.assign(app, {
    /** The project ONB. */
    onb: project,
    getUser,
    getCaller,
    /** Creates the context of one call. */
    createContext: (name: string): CallContext => createCallContext(app.deps, getCaller(name)),
    /** Creates the operations of one call of this agent; each call needs its own. */
    actAs: (name: string) => createTaskOperations(app.deps, getCaller(name)),
    /** A person asks the Concierge for something, without a wake. */
    async addWish(text = "Please do it") {
      const wish = {
        id: `asked-for:${app.deps.newId()}`,
        text,
        by: "Ada",
        at: await app.store.now(),
        agent: "Concierge",
      };
      await app.store.commit(prepareWish(wish));
      return wish.id;
    },
    /** Adds a task to ONB (or another project), assigned to these agents; `poll` discovers it. */
    addTask(name: string, to: string | string[] = [], patch: ItemPatch = {}, where: Project = project): Item {
      return app.plane.addItem(where, {
        name,
        ...patch,
        assignees: [...(patch.assignees ?? []), ...[to].flat().map(getUser)],
      });
    },
    /** The key under which people and agents see it: `ONB-1`. */
    toTaskKey: (item: Item, where: Project = project): string => `${where.identifier}-${item.sequence_id}`,
    /** The item's current values in Plane, with the names of its state, labels and assignees. */
    readPlaneItem(item: { id: string }) {
      const row = app.plane.item(item);
      if (!row) throw new Error(`Plane has no item ${item.id}.`);
      const nameOf = (id: string) => names.find((name) => getUser(name).id === id) ?? "Ada";
      return {
        ...row,
        state: app.plane.states(row.project).find(({ id }) => id === row.state)?.name,
        labels: row.labels.flatMap((id) => app.plane.labels(row.project).find((label) => label.id === id)?.name ?? []),
        assignees: row.assignees.map(nameOf),
      };
    },
    /** The comments on an item as `author: html`. */
    readComments(item: { id: string }): string[] {
      const nameOf = (id: string) => names.find((name) => getUser(name).id === id) ?? "Ada";
      const toShown = (html: string) => html.replace(/ data-groundcrew="[^"]*"/, "");
      return app.plane.comments(item).map(({ actor, comment_html }) => `${nameOf(actor)}: ${toShown(comment_html)}`);
    },
  });
}
