import { z } from "zod";
import { EVENT_KINDS } from "../task/events.ts";
import { agentSchema } from "./agent-schema.ts";
import { notificationRulesSchema } from "./notification-rules.ts";
import { provisionSchema } from "./provision-schema.ts";
import { ticketsSchema } from "./tickets-schema.ts";

/** Names under which events are forwarded to other systems (NOTIF-03). */
export const FORWARD_EVENTS = [
  "issue.created",
  "issue.updated",
  "issue.activity.created",
  "issue.assigned",
  "issue.completed",
  "cycle.started",
  "cycle.completed",
] as const;

/** What every finished task must have, in addition to its own "Done when:" list (OPENCLAW-18). */
const doneSchema = z.strictObject({
  summary: z
    .boolean()
    .default(true)
    .describe("true or false: a closing summary is needed")
    .meta({ meaning: "A finished task needs a closing summary." }),
  deliverable: z
    .boolean()
    .default(false)
    .describe("true or false: at least one deliverable is needed")
    .meta({ meaning: "A finished task needs at least one deliverable." }),
  commit_and_tests: z
    .enum(["code", "always", "never"])
    .default("code")
    .describe("code (tasks labelled code), always or never: commit and tests must be reported")
    .meta({ meaning: "Which tasks need a commit and test results: those labelled code, all, or none." }),
  review_below: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe("a confidence from 0 to 1 below which a human reviews")
    .meta({ meaning: "A task finished with less confidence goes to a human for review." }),
  dependants_wait: z
    .boolean()
    .default(true)
    .describe("true or false: dependants wait for a task that is still in review")
    .meta({ meaning: "Dependent tasks stay blocked while a task is in review." }),
});

const budgetSchema = z.strictObject({
  amount: z.number().positive().describe("the cost that a calendar month may reach").meta({
    meaning:
      "Cost that a calendar month may reach: what is spent, and estimates of open tasks. Planning warns above it, and 80 and 100 % are notified; nothing is stopped.",
  }),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default("EUR")
    .describe("three capital letters, for example EUR")
    .meta({ meaning: "Currency of all costs." }),
});

const namesSchema = z.array(z.string().min(1)).exactOptional();

const forwardSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !URL.canParse(url) || (!new URL(url).username && !new URL(url).password))
    .describe("an http(s) address without credentials")
    .meta({ meaning: "Address that events are posted to." }),
  secret: z
    .string()
    .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/)
    .describe("whsec_ and the secret in base64, as Standard Webhooks writes it")
    .meta({ meaning: "Secret that the posts are signed with." }),
  events: z
    .array(z.enum([...FORWARD_EVENTS, ...EVENT_KINDS]))
    .min(1)
    .default([...FORWARD_EVENTS])
    .describe(`some of ${FORWARD_EVENTS.join(", ")}, and the events of notifications`)
    .meta({ meaning: "Events that are posted there. Default: all names with a dot." }),
});

/** Default of `claim_minutes`: 15, long enough for a step of work and short enough that a frozen agent is noticed. */
export const DEFAULT_CLAIM_MINUTES = 15;
/** Limits of `claim_minutes`: 2, because a write needs 35 s and claims are checked every minute; 1440 are one day. */
const MIN_CLAIM_MINUTES = 2;
export const MAX_CLAIM_MINUTES = 1_440;

/**
 * Limit of the agents: 500, fifty times the default team. Provision needs some 17 requests for each, so 500 take hours.
 */
const MAX_AGENTS = 500;

/** The settings file: the JSON file that GROUNDCREW_CONFIG names. */
export const settingsFileSchema = z.strictObject({
  agents: z
    .array(agentSchema)
    .max(MAX_AGENTS)
    .default([])
    .describe(`a list of at most ${MAX_AGENTS} agents`)
    .meta({ meaning: "The agents of the team." }),
  claim_minutes: z
    .int()
    .min(MIN_CLAIM_MINUTES)
    .max(MAX_CLAIM_MINUTES)
    .default(DEFAULT_CLAIM_MINUTES)
    .describe(`whole minutes, ${MIN_CLAIM_MINUTES} to ${MAX_CLAIM_MINUTES}, for which a claim lasts without a call`)
    .meta({
      meaning:
        "An agent's claim ends after so many minutes without a call about the task. Existing claims keep their end; a renewal can extend it, never shorten it.",
    }),
  wake_backlog: z
    .boolean()
    .default(false)
    .describe("true or false: agents are also woken for tasks in the group Backlog")
    .meta({ meaning: "Agents are also woken for tasks in states of Plane's group Backlog." }),
  done: doneSchema.prefault({}).meta({ meaning: 'What a finished task must have, besides its own "Done when:" list.' }),
  plan: z
    .strictObject({
      approve: z
        .boolean()
        .default(true)
        .describe("true or false: a person approves the plan for their wish before it is carried out")
        .meta({ meaning: "A plan for a person's wish waits for their approval. Other plans need none." }),
    })
    .prefault({})
    .meta({ meaning: "How plans are carried out." }),
  budget: budgetSchema.optional().meta({ meaning: "Budget of a calendar month." }),
  states: z
    .strictObject({
      todo: namesSchema.meta({ meaning: "Names of states that mean todo." }),
      in_progress: namesSchema.meta({ meaning: "Names of states that mean in_progress." }),
      blocked: namesSchema.meta({ meaning: "Names of states that mean blocked." }),
      done: namesSchema.meta({ meaning: "Names of states that mean done." }),
      cancelled: namesSchema.meta({ meaning: "Names of states that mean cancelled." }),
    })
    .default({})
    .meta({ meaning: "Names of Plane's states by status, where Plane's state group does not determine it." }),
  mirror: z
    .union([z.boolean(), z.literal("agents")])
    .default(false)
    .describe("false, true or agents")
    .meta({
      meaning:
        "Whether the labels agent:<name> are also synchronized on items that existed before Groundcrew's first start. false: only once an agent works on such an item, or a person changes it through Groundcrew; agents: labels follow the assignments; true: labels and assignees follow each other, as on later items.",
    }),
  notifications: notificationRulesSchema.default([]).meta({ meaning: "Which events are sent to Telegram." }),
  progress: z
    .boolean()
    .default(true)
    .describe("true or false: running tasks have a progress message in TELEGRAM_CHAT_ID")
    .meta({ meaning: "Each running task has a live progress message in TELEGRAM_CHAT_ID." }),
  forward: z.array(forwardSchema).default([]).meta({ meaning: "Other systems that events are forwarded to." }),
  provision: provisionSchema.exactOptional().meta({ meaning: "What `npm run provision` sets up in Plane." }),
  tickets: ticketsSchema
    .exactOptional()
    .meta({ meaning: "Approved work items become Claude Code sessions. Without it there are no tickets." }),
  canary: z
    .union([
      z.literal(false),
      z.strictObject({
        project: z
          .string()
          .min(1)
          .max(12)
          .describe("a project's identifier")
          .meta({ meaning: "Project that holds the check's work item." }),
      }),
    ])
    .exactOptional()
    .describe("false, or an object with the identifier of a project")
    .meta({
      meaning:
        "Where the hourly check of Plane's webhooks edits its comment; false switches the check off. Default: the project that provision created.",
    }),
});

export type FileSettings = z.output<typeof settingsFileSchema>;
export type AgentSettings = FileSettings["agents"][number];
export type ForwardSettings = FileSettings["forward"][number];

/** Whether the agent of this name is notified of work; one that polls and one that is no longer an agent are not. */
export function canBeWoken({ agents }: Pick<FileSettings, "agents">, name: string): boolean {
  return agents.some((agent) => agent.name === name && agent.wake.kind !== "none");
}

/** An agent's name as part of a setting's name: upper case, other characters as `_`. */
export function toSettingName(agent: string): string {
  return agent.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}
