import type { Plane, Project, User } from "./plane/types.ts";

/** Everyone and everything the demo begins with. */
export interface Stage {
  plane: Plane;
  ada: User;
  imhotep: User;
  thot: User;
  onboarding: Project;
  /** All projects the agents look into, new ones included. */
  projects: Project[];
}

export interface Scene {
  /** What happens, said before it does. */
  title: string;
  play(stage: Stage): void;
}

const DAY_MS = 86_400_000;

/** Puts a small team and its tasks into a fresh Plane. */
export function setStage(plane: Plane): Stage {
  const ada = plane.addUser({ name: "Ada", email: "ada@javisi.local", role: 20 });
  const imhotep = plane.addUser({ name: "Imhotep", email: "imhotep@javisi.local" });
  const thot = plane.addUser({ name: "Thot", email: "thot@javisi.local" });
  const onboarding = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  plane.addState(onboarding, { name: "Blocked", group: "started", color: "#d94f4f" });
  for (const name of ["agent:imhotep", "agent:thot", "review", "blocked", "code"]) plane.addLabel(onboarding, name);
  const add = (name: string, who: User | undefined, more: { priority?: "urgent" | "high" | "medium" } = {}) =>
    plane.addItem(onboarding, { name, ...(who && { assignees: [who] }), ...more }, { by: ada });
  const runbook = add("Write the runbook", thot, { priority: "high" });
  const deploy = add("Deploy Plane", imhotep, { priority: "urgent" });
  add("Back up the database every night", imhotep, { priority: "medium" });
  add("Welcome the first customers", undefined);
  plane.relate(deploy, runbook, { by: ada });
  return { plane, ada, imhotep, thot, onboarding, projects: [onboarding] };
}

function titled(stage: Stage, name: string) {
  const found = stage.projects.flatMap((project) => stage.plane.items(project)).find((item) => item.name === name);
  if (!found) throw new Error(`there is no task called ${name}`);
  return found;
}

/** What the human does, one scene after the other, while the agents work. */
export const SCENES: readonly Scene[] = [
  {
    title: "Ada adds a task for Imhotep",
    play: ({ plane, onboarding, imhotep, ada }) => {
      plane.addItem(onboarding, { name: "Rotate the <b>access</b> keys; $(id)", assignees: [imhotep] }, { by: ada });
    },
  },
  {
    title:
      "Ada finds that the urgent “Restore drill” waits for “Welcome the first customers” (Plane sends no webhook for this)",
    play: ({ plane, onboarding, ada, ...stage }) => {
      const drill = plane.addItem(onboarding, { name: "Restore drill", priority: "urgent" }, { by: ada });
      plane.relate(drill, titled({ plane, onboarding, ada, ...stage }, "Welcome the first customers"), { by: ada });
    },
  },
  {
    title: "A sprint begins",
    play: ({ plane, onboarding, ada }) => {
      const day = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
      plane.addCycle(onboarding, { name: "Sprint 1", start_date: day(0), end_date: day(14) }, { by: ada });
    },
  },
  {
    title: "Ada finishes “Welcome the first customers”, and every webhook of it is lost on the way",
    play: (stage) => {
      const welcome = titled(stage, "Welcome the first customers");
      stage.plane.editItem(welcome, { state: "Done" }, { by: stage.ada });
      stage.plane.settle();
      for (const { id, about } of stage.plane.deliveries.pending) {
        if (about === welcome.id) stage.plane.deliveries.drop(id);
      }
    },
  },
  {
    title: "Ada starts a new project with two tasks for Thot",
    play: (stage) => {
      const { plane, ada, thot } = stage;
      const website = plane.addProject({ name: "Website", identifier: "WEB", by: ada });
      stage.projects.push(website);
      plane.addItem(website, { name: "Draw the landing page", assignees: [thot] }, { by: ada });
      plane.addItem(website, { name: "Write the first post", assignees: [thot] }, { by: ada });
    },
  },
];
