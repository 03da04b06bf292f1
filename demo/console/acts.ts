import { z } from "zod";
import type { Stage } from "../scenes.ts";
import type { Telegram } from "../telegram/server.ts";
import type { Tally } from "./tally.ts";

/** What happens to the webhooks of the next change made in the console. */
const fates = z.enum(["arrive", "drop", "double", "delay"]);
type Fate = z.infer<typeof fates>;

/** So late is late: a poll has been there before. */
const DELAY_MS = 20_000;
const LONGEST_OUTAGE_S = 120;

const STATES = { todo: "Todo", in_progress: "In Progress", blocked: "Blocked", done: "Done" } as const;

const add = z.object({ title: z.string().trim().min(1).max(255), project: z.string(), assignee: z.string() });
const move = z.object({ item: z.string(), column: z.enum(["todo", "in_progress", "blocked", "done"]) });
const outage = z.object({
  part: z.enum(["plane", "telegram"]),
  seconds: z.number().int().min(1).max(LONGEST_OUTAGE_S),
});

interface ActsOptions {
  stage: Stage;
  telegram: Pick<Telegram, "start" | "stop">;
  kill: () => void;
  restarts: () => number;
  tally: Tally;
  tell: (text: string) => void;
}

/** What the person at the console does to the world outside Groundcrew: by name, as the console's requests have it. */
export function createActs({ stage, telegram, kill, restarts, tally, tell }: ActsOptions) {
  const { plane, human } = stage;
  const by = { by: human };
  let fate: Fate = "arrive";
  const outages = new Map<string, NodeJS.Timeout>();

  /** The worker writes the webhooks of the change just made, and they meet the fate that was chosen. */
  function meetFate(about: string) {
    const chosen = fate;
    fate = "arrive";
    if (chosen === "arrive") return;
    plane.settle();
    for (const { id, about: of } of plane.deliveries.pending) {
      if (of !== about) continue;
      if (chosen === "drop") plane.deliveries.drop(id);
      else if (chosen === "double") plane.deliveries.duplicate(id);
      else plane.deliveries.delay(id, DELAY_MS);
    }
    tell(`its webhooks ${{ drop: "are lost", double: "are sent twice", delay: "come 20 s late" }[chosen]}`);
  }

  function itemOf(id: string) {
    const item = plane.item(id);
    if (!item) throw new Error("This task is not there any more.");
    return item;
  }

  const acts: Record<string, (input: unknown) => unknown> = {
    state: () => ({
      fate,
      outages: [...outages.keys()],
      restarts: restarts(),
      tally: tally.read(),
      projects: stage.projects.map(({ identifier, name }) => ({ identifier, name })),
      people: [stage.imhotep, stage.thot, human].map(({ id, display_name }) => ({ id, name: display_name })),
    }),
    add(input) {
      const { title, project, assignee } = add.parse(input);
      const to = stage.projects.find((one) => one.identifier === project);
      if (!to) throw new Error(`There is no project ${project}.`);
      const assignees = assignee === "" ? [] : [assignee];
      tell(`You add a task to ${to.name}: ${title}`);
      const item = plane.addItem(to, { name: title, assignees }, by);
      meetFate(item.id);
    },
    move(input) {
      const { item: id, column } = move.parse(input);
      const item = itemOf(id);
      tell(`You move “${item.name}” to ${STATES[column]}`);
      plane.editItem(item, { state: stateFor(item.project, STATES[column]) }, by);
      meetFate(id);
    },
    fate(input) {
      fate = z.object({ fate: fates }).parse(input).fate;
    },
    async outage(input) {
      const { part, seconds } = outage.parse(input);
      if (outages.has(part)) return;
      const name = part === "plane" ? "Plane" : "Telegram";
      tell(`You stop ${name} for ${seconds} s`);
      outages.set(
        part,
        setTimeout(() => {
          const up = part === "plane" ? plane.up() : telegram.start();
          void up.then(() => {
            outages.delete(part);
            tell(`${name} is back`);
          });
        }, seconds * 1000),
      );
      await (part === "plane" ? plane.down() : telegram.stop());
    },
    kill() {
      tell("You kill Groundcrew: kill -9");
      kill();
    },
  };

  function stateFor(project: string, name: string): string {
    const states = plane.states(project);
    const state =
      states.find((one) => one.name === name) ?? states.find((one) => name === "Blocked" && one.group === "started");
    if (!state) throw new Error(`This project has no state ${name}.`);
    return state.id;
  }

  return {
    async act(name: string, input: unknown): Promise<unknown> {
      const act = Object.hasOwn(acts, name) ? acts[name] : undefined;
      if (!act) throw new Error(`The console cannot ${name}.`);
      return (await act(input)) ?? { ok: true };
    },
    stop() {
      for (const timer of outages.values()) clearTimeout(timer);
    },
  };
}
