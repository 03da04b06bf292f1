import { DAY } from "../shared/time.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item } from "../simulators/plane/types.ts";
import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import type { TaskScript } from "./agents/task-scripts.ts";
import type { DemoWorkspace } from "./seed.ts";
import { addTicketTask } from "./tickets/add-ticket-task.ts";
import { STORY_TICKET, TICKET_LABEL } from "./tickets/ticket-scripts.ts";

/** Id of the private chat of the demo's human, which in Telegram is also the human's user id. */
export const CHAT_ID = 4711;

/** The simulated Plane and its data, which the scenes change. */
export interface Stage extends DemoWorkspace {
  plane: PlaneSimulator;
}

/** The stage with the chat in which the human writes. */
export interface SceneStage extends Stage {
  telegram: Pick<TelegramSimulator, "postAsUser">;
}

/** What the human asks the Concierge for, in one sentence. */
const WISH = "add a contact form to the website";
/** The first line of the Concierge's summary of that wish. */
export const WISH_SUMMARY = "Add a contact form to the website is done.";

interface Scene {
  /** The line that the terminal shows when the scene plays. */
  title: string;
  play(stage: SceneStage): void;
}

/** What agents ask the human, and how confident they are of their results, by the beginning of a task's title. */
export const TASK_SCRIPTS: Readonly<Record<string, TaskScript>> = {
  "Build the container image": {
    ask: { text: "Which tag shall the image get?", choices: ["1.0", "latest", "the commit"] },
  },
  "Document the release steps": { confidence: 0.6 },
  "Test: ": { confidence: 0.65 },
};

/** Finds the script of a task by its title. */
export function findTaskScript(title: string): TaskScript | undefined {
  return Object.entries(TASK_SCRIPTS).find(([beginning]) => title.startsWith(beginning))?.[1];
}

/** What the human does while the agents work, one scene after the other. */
export const SCENES: readonly Scene[] = [
  {
    title: "Ada writes a wish in the chat; the Concierge plans it, and agents do it",
    play: ({ telegram }) => void telegram.postAsUser(CHAT_ID, CHAT_ID, `/plane new ${WISH}`),
  },
  {
    title: `Ada adds “${STORY_TICKET.title}” with the label ${TICKET_LABEL}: it becomes a ticket, which waits for approval`,
    play: (stage) => void addTicketTask(stage, STORY_TICKET),
  },
  {
    title: "Ada adds a task for Imhotep, with a title that looks like markup and a command",
    play: ({ plane, office, imhotep, human }) => {
      plane.addItem(office, { name: "Rotate the <b>access</b> keys; $(id)", assignees: [imhotep] }, { by: human });
    },
  },
  {
    title: "Ada makes “Renew the certificate” depend on “Sign the contract” (Plane sends no webhook for this)",
    play: (stage) => {
      const [blocked, blocker] = [
        getItemByTitle(stage, "Renew the certificate"),
        getItemByTitle(stage, "Sign the contract"),
      ];
      stage.plane.relate(blocked, blocker, { by: stage.human });
    },
  },
  {
    title: "Ada starts a sprint in Onboarding",
    play: ({ plane, office, human }) => {
      plane.addCycle(office, { name: "Welcome week", start_date: inDays(0), end_date: inDays(7) }, { by: human });
    },
  },
  {
    title: "Ada finishes “Sign the contract”, and all webhooks about it are lost",
    play: (stage) => {
      const { plane, human } = stage;
      const contract = getItemByTitle(stage, "Sign the contract");
      plane.editItem(contract, { state: "Done" }, { by: human });
      plane.runWorker();
      for (const { id, about } of plane.deliveries.pending) if (about === contract.id) plane.deliveries.drop(id);
    },
  },
  {
    title: "Ada creates a project with two tasks for Thot",
    play: (stage) => {
      const { plane, human, thot } = stage;
      const website = plane.addProject({ name: "Website", identifier: "WEB", by: human });
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

function getItemByTitle({ plane }: Stage, name: string): Item {
  const found = plane
    .projects()
    .flatMap((project) => plane.items(project))
    .find((item) => item.name === name);
  if (!found) throw new Error(`The demo has no task “${name}”.`);
  return found;
}
