import { z } from "zod";
import type { TelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { listTasks } from "../list-tasks.ts";
import type { Stage } from "../scenes.ts";
import { addTicketTask } from "../tickets/add-ticket-task.ts";
import type { ConsoleState, WebhookFate } from "./console-state.ts";
import type { Tally } from "./tally.ts";

const fateSchema = z.enum(["arrive", "drop", "double", "delay"] satisfies WebhookFate[]);

/** Delay of a late webhook: 20 s, so that a poll finds the change first. */
const WEBHOOK_DELAY_MS = 20_000;
const MAX_OUTAGE_S = 120;

/** The states of the board's columns. Agents start in the first one. */
const COLUMN_STATES = { todo: "Todo", in_progress: "In Progress", blocked: "Blocked", done: "Done" } as const;

const addSchema = z.object({ title: z.string().trim().min(1).max(255), project: z.string(), assignee: z.string() });
const moveSchema = z.object({ item: z.string(), column: z.enum(["todo", "in_progress", "blocked", "done"]) });
const outageSchema = z.object({
  part: z.enum(["plane", "telegram"]),
  seconds: z.number().int().min(1).max(MAX_OUTAGE_S),
});

interface ConsoleActionsOptions {
  stage: Stage;
  telegram: Pick<TelegramSimulator, "start" | "stop">;
  kill: () => void;
  /** Makes Groundcrew poll Plane. */
  poll: () => void;
  restarts: () => number;
  /** Whether the story has ended. */
  isOver: () => boolean;
  tally: Tally;
  narrate: (text: string) => void;
}

/** Creates the console's actions on the simulated systems, by the names that the console's requests use. */
export function createConsoleActions({
  stage,
  telegram,
  kill,
  poll,
  restarts,
  isOver,
  tally,
  narrate,
}: ConsoleActionsOptions) {
  const { plane, human } = stage;
  const by = { by: human };
  const people = [...stage.agents, ["Ada", human] as const]
    .filter(([, { id }]) => id !== stage.concierge.id)
    .map(([name, { id }]) => ({ id, name }));
  let fate: WebhookFate = "arrive";
  let addedTickets = 0;
  const outages = new Map<string, NodeJS.Timeout>();

  /** Makes Plane's worker create the webhooks of the latest change, and applies the chosen fate to them. */
  function applyFate(about: string) {
    const chosenFate = fate;
    fate = "arrive";
    if (chosenFate === "arrive") return;
    plane.runWorker();
    for (const { id, about: deliveryAbout } of plane.deliveries.pending) {
      if (deliveryAbout !== about) continue;
      if (chosenFate === "drop") plane.deliveries.drop(id);
      else if (chosenFate === "double") plane.deliveries.duplicate(id);
      else plane.deliveries.delay(id, WEBHOOK_DELAY_MS);
    }
    narrate(`its webhooks ${{ drop: "are lost", double: "are sent twice", delay: "come 20 s late" }[chosenFate]}`);
  }

  function getItem(id: string) {
    const item = plane.item(id);
    if (!item) throw new Error("This task is not there any more.");
    return item;
  }

  const actions: Record<string, (input: unknown) => unknown> = {
    state: (): ConsoleState => ({
      fate,
      outages: [...outages.keys()],
      restarts: restarts(),
      isOver: isOver(),
      tally: tally.readTally(),
      projects: plane.projects().map(({ identifier, name }) => ({ identifier, name })),
      people,
      tasks: listTasks(plane).map(({ key, item }) => ({ id: item.id, key, title: item.name })),
    }),
    add(input) {
      const { title, project, assignee } = addSchema.parse(input);
      const targetProject = plane.projects().find((one) => one.identifier === project);
      if (!targetProject) throw new Error(`There is no project ${project}.`);
      const assignees = assignee === "" ? [] : [assignee];
      narrate(`You add a task to ${targetProject.name}: ${title}`);
      const state = getStateId(targetProject.id, COLUMN_STATES.todo);
      const item = plane.addItem(targetProject, { name: title, assignees, state }, by);
      applyFate(item.id);
    },
    ticket() {
      const ticket = stage.tickets.forConsole(addedTickets);
      addedTickets += 1;
      narrate(`You add a task that becomes a ticket: ${ticket.title}`);
      applyFate(addTicketTask(stage, ticket).id);
    },
    move(input) {
      const { item: id, column } = moveSchema.parse(input);
      const item = getItem(id);
      narrate(`You move “${item.name}” to ${COLUMN_STATES[column]}`);
      plane.editItem(item, { state: getStateId(item.project, COLUMN_STATES[column]) }, by);
      applyFate(id);
    },
    fate(input) {
      fate = z.object({ fate: fateSchema }).parse(input).fate;
    },
    async outage(input) {
      const { part, seconds } = outageSchema.parse(input);
      if (outages.has(part)) return;
      const name = part === "plane" ? "Plane" : "Telegram";
      narrate(`You stop ${name} for ${seconds} s`);
      outages.set(
        part,
        setTimeout(() => {
          const restart = part === "plane" ? plane.bringUp() : telegram.start();
          void restart.then(() => {
            outages.delete(part);
            narrate(`${name} is back`);
          });
        }, seconds * 1000),
      );
      await (part === "plane" ? plane.takeDown() : telegram.stop());
      // Otherwise nothing would notice it before the next poll, while no agent works.
      if (part === "plane") poll();
    },
    kill() {
      narrate("You kill Groundcrew: kill -9");
      kill();
    },
  };

  function getStateId(project: string, name: string): string {
    const states = plane.states(project);
    const state =
      states.find((one) => one.name === name) ?? states.find((one) => name === "Blocked" && one.group === "started");
    if (!state) throw new Error(`This project has no state ${name}.`);
    return state.id;
  }

  return {
    async runAction(name: string, input: unknown): Promise<unknown> {
      const act = Object.hasOwn(actions, name) ? actions[name] : undefined;
      if (!act) throw new Error(`The console cannot ${name}.`);
      return (await act(input)) ?? { ok: true };
    },
    stop() {
      for (const timer of outages.values()) clearTimeout(timer);
    },
  };
}
