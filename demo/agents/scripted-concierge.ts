import { z } from "zod";
import { formatTemplate } from "../../shared/i18n/localize.ts";
import type { AgentWords } from "../workspace-texts.ts";
import type { BridgeClient } from "./bridge-client.ts";
import { isWishClear, planWish } from "./plan-wish.ts";
import { readWake, type WakeRequest } from "./read-wake.ts";
import { sumUpProject } from "./sum-up.ts";

interface ConciergeOptions {
  name: string;
  bridge: BridgeClient;
  narrate: (text: string) => void;
  words: AgentWords;
}

/** Limit of projects that a question offers: 7 and the new one, as many choices as a question may have. */
const MAX_PROJECT_CHOICES = 7;

const teamSchema = z.looseObject({
  agents: z.array(
    z.looseObject({ name: z.string(), role: z.string(), about: z.string().optional(), open: z.number() }),
  ),
});
const projectsSchema = z.looseObject({ projects: z.array(z.looseObject({ project: z.string(), name: z.string() })) });
const planSchema = z.looseObject({ awaiting_approval: z.boolean().default(false) });
const messageSchema = z.looseObject({ status: z.string(), answer: z.string().optional() });

/**
 * Creates a Concierge that plans what people wish and sums up what became of it. It keeps nothing between two wakes:
 * like a real one, it knows only the wake's text and what the bridge's tools answer.
 */
export function createScriptedConcierge({ name, bridge, narrate, words }: ConciergeOptions) {
  async function readProjects() {
    return (await bridge.read(projectsSchema, "list_projects", {}))?.projects ?? [];
  }

  /** Asks what an unclear wish is for. Undefined while there is no answer; the answer wakes the Concierge. */
  async function clarify(wish: string): Promise<string | undefined> {
    const projects = (await readProjects()).slice(0, MAX_PROJECT_CHOICES);
    const question = {
      text: formatTemplate(words.whatFor, { wish }),
      kind: "ask",
      choices: [...projects.map((project) => project.name), words.newProject],
    };
    const asked = await bridge.read(messageSchema, "message_human", question);
    if (asked && asked.answer === undefined) narrate(`${name} asks back: ${question.text}`);
    return asked?.answer;
  }

  async function planFor({ text: given = "", wish: id }: WakeRequest, note: string | undefined): Promise<void> {
    const answer = isWishClear(given) ? undefined : await clarify(given);
    if (answer === undefined && !isWishClear(given)) return;
    const wish =
      answer === undefined || answer === words.newProject
        ? given
        : formatTemplate(words.wishFor, { wish: given, answer });
    const team = (await bridge.read(teamSchema, "list_agents", {}))?.agents ?? [];
    const plan = planWish(words, wish, team, await readProjects(), note);
    const answered = await bridge.read(planSchema, "plan_project", { ...plan, wish: id });
    if (!answered) return;
    const agents = new Set(plan.tasks.map(({ assignee }) => assignee));
    const fate = answered.awaiting_approval ? "; a person approves it" : "";
    narrate(`${name} plans “${plan.project}”: ${plan.tasks.length} tasks for ${[...agents].join(" and ")}${fate}`);
  }

  async function sumUp(project: string): Promise<void> {
    const text = await sumUpProject(words, bridge, project);
    if (text !== undefined && (await bridge.call("message_human", { text })))
      narrate(`${name} sums up ${project} with results, time and cost`);
  }

  return {
    /** Does what a wake asks for, except tasks, which the Concierge does as every agent does. */
    async handleWake(message: string): Promise<void> {
      const requests = readWake(message);
      const plans = requests.filter(({ kind }) => kind === "plan");
      // A rejected plan has the plan's title; the wish that it was for is a request of its own.
      const rejected = plans.find(({ title }) => title !== undefined);
      for (const request of plans.filter(({ text, title }) => title === undefined && text !== undefined))
        await planFor(request, rejected?.text);
      for (const { key } of requests.filter(({ kind }) => kind === "sum_up")) await sumUp(key);
    },
  };
}
