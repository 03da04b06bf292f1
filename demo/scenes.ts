import { DAY } from "../shared/time.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item, Project } from "../simulators/plane/types.ts";
import type { TaskScript } from "./scripted-agent.ts";
import type { DemoWorkspace } from "./seed.ts";

/** Where the scenes play. */
export interface Stage extends DemoWorkspace {
  plane: PlaneSimulator;
  /** All projects the agents look into, new ones included. */
  projects: Project[];
}

interface Scene {
  /** What happens, said as it does. */
  title: string;
  play(stage: Stage): void;
}

/** What the agents need the human for, by the tasks' titles. */
export const TASK_SCRIPTS: Readonly<Record<string, TaskScript>> = {
  "Build the container image": {
    ask: { text: "Which tag shall the image get?", choices: ["1.0", "latest", "the commit"] },
  },
  "Document the release steps": { confidence: 0.6 },
};

/** What the human does, one scene after the other, while the agents work. */
export const SCENES: readonly Scene[] = [
  {
    title: "Ada adds a task for Imhotep, with a title that is no markup and no command",
    play: ({ plane, office, imhotep, human }) => {
      plane.addItem(office, { name: "Rotate the <b>access</b> keys; $(id)", assignees: [imhotep] }, { by: human });
    },
  },
  {
    title: "Ada says that “Renew the certificate” waits for “Sign the contract” (Plane sends no webhook for this)",
    play: (stage) => {
      const [blocked, blocker] = [
        getItemByTitle(stage, "Renew the certificate"),
        getItemByTitle(stage, "Sign the contract"),
      ];
      stage.plane.relate(blocked, blocker, { by: stage.human });
    },
  },
  {
    title: "Ada begins a sprint in Onboarding",
    play: ({ plane, office, human }) => {
      plane.addCycle(office, { name: "Welcome week", start_date: inDays(0), end_date: inDays(7) }, { by: human });
    },
  },
  {
    title: "Ada finishes “Sign the contract”, and every webhook of it is lost on the way",
    play: (stage) => {
      const { plane, human } = stage;
      const contract = getItemByTitle(stage, "Sign the contract");
      plane.editItem(contract, { state: "Done" }, { by: human });
      plane.runWorker();
      for (const { id, about } of plane.deliveries.pending) if (about === contract.id) plane.deliveries.drop(id);
    },
  },
  {
    title: "Ada starts a project with two tasks for Thot",
    play: (stage) => {
      const { plane, human, thot } = stage;
      const website = plane.addProject({ name: "Website", identifier: "WEB", by: human });
      stage.projects.push(website);
      plane.addItem(website, { name: "Draw the landing page", assignees: [thot] }, { by: human });
      plane.addItem(website, { name: "Write the first post", assignees: [thot] }, { by: human });
    },
  },
  {
    title: "Ada finishes “Renew the certificate”",
    play: (stage) => {
      stage.plane.editItem(getItemByTitle(stage, "Renew the certificate"), { state: "Done" }, { by: stage.human });
    },
  },
];

function inDays(days: number): string {
  return new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
}

function getItemByTitle({ plane, projects }: Stage, name: string): Item {
  const found = projects.flatMap((project) => plane.items(project)).find((item) => item.name === name);
  if (!found) throw new Error(`there is no task called ${name}`);
  return found;
}
