import { formatTemplate } from "../shared/i18n/localize.ts";
import { DAY } from "../shared/time.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item } from "../simulators/plane/types.ts";
import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import type { FindTaskScript, TaskScript } from "./agents/task-scripts.ts";
import type { DemoWorkspace } from "./seed.ts";
import { addTicketTask } from "./tickets/add-ticket-task.ts";
import { TICKET_LABEL } from "./tickets/ticket-scripts.ts";
import type { WorkspaceTexts } from "./workspace-texts.ts";

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

interface Scene {
  /** The line that the terminal shows when the scene plays. */
  title: (texts: WorkspaceTexts) => string;
  play(stage: SceneStage): void;
}

/** Where agents start. Plane's own default is Backlog, in which they leave a task. */
const START = { state: "Todo" };

/** Finds what an agent asks about a task, and how confident it is of its result, by the beginning of its title. */
export function createTaskScripts({ tasks, agents, imageQuestion }: WorkspaceTexts): FindTaskScript {
  const scripts: [string, TaskScript][] = [
    [tasks.image, { ask: imageQuestion }],
    [tasks.release, { confidence: 0.6 }],
    [`${agents.steps.test.verb}: `, { confidence: 0.65 }],
  ];
  return (title) => scripts.find(([beginning]) => title.startsWith(beginning))?.[1];
}

/** The first line of the Concierge's summary of the wish. */
export function getWishSummary({ wish, agents: { isDone } }: WorkspaceTexts): string {
  return formatTemplate(isDone, { project: wish.charAt(0).toUpperCase() + wish.slice(1) });
}

/** What the human does while the agents work, one scene after the other. */
export const SCENES: readonly Scene[] = [
  {
    title: () => "Ada writes a wish in the chat; the Concierge plans it, and agents do it",
    play: ({ telegram, texts }) => void telegram.postAsUser(CHAT_ID, CHAT_ID, `/plane new ${texts.wish}`),
  },
  {
    title: ({ tickets: { story } }) =>
      `Ada adds “${story.title}” with the label ${TICKET_LABEL}: it becomes a ticket, which waits for approval`,
    play: (stage) => void addTicketTask(stage, stage.tickets.story),
  },
  {
    title: () => "Ada adds a task for Imhotep, with a title that looks like markup and a command",
    play: ({ plane, office, imhotep, human, texts: { tasks } }) => {
      plane.addItem(office, { ...START, name: tasks.keys, assignees: [imhotep] }, { by: human });
    },
  },
  {
    title: ({ tasks: { certificate, contract } }) =>
      `Ada makes “${certificate}” depend on “${contract}” (Plane sends no webhook for this)`,
    play: (stage) => {
      const { certificate, contract } = stage.texts.tasks;
      const [blocked, blocker] = [getItemByTitle(stage, certificate), getItemByTitle(stage, contract)];
      stage.plane.relate(blocked, blocker, { by: stage.human });
    },
  },
  {
    title: ({ projects: { office } }) => `Ada starts a sprint in ${office}`,
    play: ({ plane, office, human, texts: { cycles } }) => {
      plane.addCycle(office, { name: cycles.welcome, start_date: inDays(0), end_date: inDays(7) }, { by: human });
    },
  },
  {
    title: ({ tasks: { contract } }) => `Ada finishes “${contract}”, and all webhooks about it are lost`,
    play: (stage) => {
      const { plane, human } = stage;
      const contract = getItemByTitle(stage, stage.texts.tasks.contract);
      plane.editItem(contract, { state: "Done" }, { by: human });
      plane.runWorker();
      for (const { id, about } of plane.deliveries.pending) if (about === contract.id) plane.deliveries.drop(id);
    },
  },
  {
    title: () => "Ada creates a project with two tasks for Thot",
    play: (stage) => {
      const { plane, human, thot, texts } = stage;
      const website = plane.addProject({ name: texts.projects.website, identifier: "WEB", by: human });
      plane.addItem(website, { ...START, name: texts.tasks.landing, assignees: [thot] }, { by: human });
      plane.addItem(website, { ...START, name: texts.tasks.post, assignees: [thot] }, { by: human });
    },
  },
  {
    title: ({ tasks: { certificate } }) => `Ada finishes “${certificate}”`,
    play: (stage) => {
      stage.plane.editItem(
        getItemByTitle(stage, stage.texts.tasks.certificate),
        { state: "Done" },
        { by: stage.human },
      );
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
