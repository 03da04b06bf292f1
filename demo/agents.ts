import type { Item, Plane, Project, User } from "./plane/types.ts";

/** An agent as it would work from outside: it knows Plane's address and its own key, nothing else. */
export interface ScriptedAgent {
  name: string;
  /** Takes the next task that is its to start and works it to the end. False: there was none. */
  workOne(): Promise<boolean>;
}

interface AgentOptions {
  plane: Plane;
  user: User;
  key: string;
  projects: () => readonly Project[];
  tell: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** The demo ends: nothing is tried again. */
  isOver: () => boolean;
  /** How long a step of its work takes. */
  pace: number;
}

/** Talks to Plane's public API over HTTP with the agent's own key, as any agent would. */
export function scriptedAgent({ plane, user, key, projects, tell, wait, isOver, pace }: AgentOptions): ScriptedAgent {
  const name = user.display_name;

  async function ask(method: string, path: string, json?: object): Promise<void> {
    const url = `${plane.url}/api/v1/workspaces/${plane.workspace.slug}/projects/${path}`;
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const request = { method, headers, ...(json && { body: JSON.stringify(json) }) };
    let response = await fetch(url, request).catch(() => undefined);
    if (!response && !isOver()) tell(`${name} cannot reach Plane and tries again until it can`);
    while (!response && !isOver()) {
      await wait(pace);
      response = await fetch(url, request).catch(() => undefined);
    }
    if (!response) return;
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${name}: Plane answered ${response.status} to ${method} ${path}`);
  }

  function next() {
    for (const project of projects()) {
      const states = new Map(plane.states(project).map((state) => [state.id, state]));
      const label = plane.labels(project).find((one) => one.name === `agent:${name}`)?.id ?? "";
      const isMine = (item: Item) => item.assignees.includes(user.id) || item.labels.includes(label);
      const isClosed = (id: string) =>
        ["completed", "cancelled"].includes(states.get(plane.item(id)?.state ?? "")?.group ?? "");
      const task = plane.items(project).find((item) => {
        const state = states.get(item.state);
        const waits = ["backlog", "unstarted"].includes(state?.group ?? "") || state?.name === "Blocked";
        return waits && isMine(item) && plane.blockers(item).every(isClosed);
      });
      if (task) return { project, task };
    }
    return undefined;
  }

  return {
    name,
    async workOne() {
      const found = next();
      if (!found) return false;
      const { project, task } = found;
      const state = (group: string) =>
        plane.states(project).find((one) => one.group === group && one.name !== "Blocked")?.id;
      const item = `${project.id}/work-items/${task.id}/`;
      const title = `${project.identifier}-${task.sequence_id} “${task.name}”`;

      await ask("PATCH", item, { state: state("started") });
      tell(`${name} starts ${title}`);
      await wait(pace);
      await ask("POST", `${item}comments/`, { comment_html: "<p>60% complete: half of it works</p>" });
      tell(`${name} comments on ${title}: 60% complete`);
      await wait(pace);
      await ask("PATCH", item, { state: state("completed") });
      tell(`${name} finishes ${title}`);
      return true;
    },
  };
}
