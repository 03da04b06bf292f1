/**
 * The settings file: the schema of everything in it, with the meaning of each setting, and its parsing with problems
 * at their places.
 */

import { z } from "zod";
import { LOCALES } from "../i18n/localize.ts";
import { EVENT_KINDS, type EventKind } from "../task/events.ts";
import { PRIORITIES } from "../task/snapshot.ts";
import { emailSchema, listSchema, shortTextSchema, textSchema, toggle, wholeSchema } from "./forms.ts";
import {
  budgetSchema,
  findScheduleProblems,
  limitsSchema,
  ownLimitsSchema,
  provisionSchema,
  schedulesSchema,
} from "./sections-schema.ts";
import {
  createJsonLocator,
  createPlaceProblem,
  formatJsonError,
  type LocatedProblem,
  parseJsonText,
  type SettingProblem,
  toLocatedProblems,
} from "./setting-problem.ts";
import { ticketsSchema } from "./tickets-schema.ts";

export type AgentSettings = FileSettings["agents"][number];

export type ForwardSettings = FileSettings["forward"][number];

type ParsedSettingsFile =
  | { settings: FileSettings; problems: [] }
  | { settings: undefined; problems: SettingProblem[] };

/** A chat's number, or `@name` of a public group or channel. */
const chatIdSchema = z.union([z.int(), z.string().regex(/^@[A-Za-z]\w{3,31}$/, "@name or a number")]);

/**
 * An event by its name, or by another name that the settings file may use for it. Everything that is stored has the
 * event's own name.
 */
const eventNameSchema = z
  .enum([...EVENT_KINDS, "dependency_blocked", "dependency_cycle"])
  .transform((name): EventKind => {
    if (name === "dependency_blocked") return "stuck";
    if (name === "dependency_cycle") return "circle";
    return name;
  });

/** A list that is not empty, if it is there. */
const someSchema = <T extends z.ZodType>(item: T) => z.array(item).min(1).optional();

/**
 * One entry of `notifications` in the settings file. An event matches when every field that is set matches.
 * Labels and priorities belong to work items: a rule that names them never matches a project or a cycle.
 */
const notificationRuleSchema = z.strictObject({
  name: z.string().min(1).optional().meta({ meaning: "Name of the rule, for the log and the page." }),
  events: z.array(eventNameSchema).min(1).meta({ meaning: "Events that the rule matches." }),
  projects: someSchema(z.string().min(1)).meta({ meaning: "Identifiers of projects, such as ONB. Default: all." }),
  priorities: someSchema(z.enum(PRIORITIES)).meta({ meaning: "Priorities. Default: all." }),
  labels: someSchema(z.string().min(1)).meta({ meaning: "Labels, of which the task has at least one." }),
  by: z
    .enum(["anyone", "people", "agents"])
    .default("anyone")
    .meta({ meaning: "Who caused the event. An unknown actor counts as people, so that nothing is missed." }),
  chat: chatIdSchema.optional().meta({ meaning: "Chat to send to. Default: TELEGRAM_CHAT_ID; with mute: every chat." }),
  mute: z.boolean().default(false).meta({ meaning: "Events that match are not sent, whatever the other rules say." }),
});

export type NotificationRule = z.infer<typeof notificationRuleSchema>;

/** `notifications` in the settings file. Rules that are not `mute` replace the default rules. */
export const notificationRulesSchema = z.array(notificationRuleSchema);

/** The default notification rules (NOTIF-05): only events that need attention. */
export const DEFAULT_NOTIFICATION_RULES: readonly NotificationRule[] = notificationRulesSchema.parse([
  { name: "completed tasks", events: ["completed"] },
  { name: "critical blockers", events: ["blocked"], priorities: ["urgent", "high"] },
  { name: "projects", events: ["project_created", "project_completed", "project_deleted"] },
  { name: "cycles", events: ["cycle_started", "cycle_completed"] },
  { name: "questions", events: ["asked"] },
  { name: "reviews", events: ["review"] },
  { name: "plans", events: ["plan_proposed"] },
  { name: "trouble", events: ["critical", "claim_lost", "stuck", "circle", "failed", "plan_failed"] },
]);

/** Names under which events are forwarded to other systems (NOTIF-03). */
const FORWARD_EVENTS = [
  "issue.created",
  "issue.updated",
  "issue.activity.created",
  "issue.assigned",
  "issue.completed",
  "cycle.started",
  "cycle.completed",
] as const;

const httpUrl = z.url({ protocol: /^https?$/ });

/** A secret as Standard Webhooks writes it. */
const webhookSecret = (meaning: string) =>
  textSchema(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/)
    .describe("whsec_ and the secret in base64, as Standard Webhooks writes it")
    .meta({ meaning });

/** What every finished task must have, in addition to its own "Done when:" list (OPENCLAW-18). */
const doneSchema = z.strictObject({
  summary: toggle(true, "a closing summary is needed", "A finished task needs a closing summary."),
  deliverable: toggle(false, "at least one deliverable is needed", "A finished task needs at least one deliverable."),
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
  dependants_wait: toggle(
    true,
    "dependants wait for a task that is still in review",
    "Dependent tasks stay blocked while a task is in review.",
  ),
});

const stateNames = (status: string) =>
  z
    .array(z.string().min(1))
    .exactOptional()
    .meta({ meaning: `Names of states that mean ${status}.` });

const forwardSchema = z.strictObject({
  url: httpUrl
    .refine((url) => !URL.canParse(url) || (!new URL(url).username && !new URL(url).password))
    .describe("an http(s) address without credentials")
    .meta({ meaning: "Address that events are posted to." }),
  secret: webhookSecret("Secret that the posts are signed with."),
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

const MAX_CLAIM_MINUTES = 1_440;

/**
 * Limit of the agents: 500, fifty times the default team. Provision needs some 17 requests for each, so 500 take hours.
 */
const MAX_AGENTS = 500;

/** How an agent is notified that it has work. */
const wakeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("openclaw"),
    url: httpUrl
      .optional()
      .describe("the OpenClaw gateway's http(s) address")
      .meta({ meaning: "Gateway of this agent. Default: OPENCLAW_URL." }),
    agent: shortTextSchema(64)
      .optional()
      .describe("OpenClaw's id of the agent")
      .meta({ meaning: "The agent's id in OpenClaw. Default: its name in lower case, with hyphens." }),
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    url: httpUrl
      .describe("an http(s) address")
      .meta({ meaning: "Address that is called when there is work, signed according to Standard Webhooks." }),
    secret: webhookSecret("Secret that the calls are signed with."),
  }),
  z.strictObject({ kind: z.literal("none") }),
]);

/** An agent in the settings file. */
const agentSchema = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u)
    .describe("1 to 32 letters, digits, spaces, '.', '_' or '-'")
    .meta({ meaning: "Name of the agent. In names of settings it is written in upper case, other characters as _." }),
  email: z
    .email()
    .describe("the e-mail address of the agent's Plane account")
    .meta({ meaning: "Plane account of the agent." }),
  role: z
    .enum(["concierge", "worker"])
    .optional()
    .describe("concierge or worker")
    .meta({ meaning: "The concierge plans and assigns work; a worker does it. Default: worker." }),
  about: z
    .string()
    .max(2000)
    .optional()
    .describe("persona and strengths, at most 2000 characters")
    .meta({ meaning: "What the concierge reads when it assigns work." }),
  shell: toggle(
    false,
    "the agent may run commands in OpenClaw's sandbox or in a gateway of its own",
    "The agent may run commands: in OpenClaw's sandbox, or in a gateway that no other agent uses (`wake.url`).",
  ),
  /** A string is short for an object with that kind and no other fields. */
  wake: z
    .union([
      z.literal("openclaw").transform((kind) => ({ kind })),
      z.literal("none").transform((kind) => ({ kind })),
      wakeSchema,
    ])
    .default({ kind: "none" })
    .describe("openclaw, none, or an object with kind openclaw, webhook or none")
    .meta({ meaning: "How the agent learns that it has work. none: it polls list_my_tasks." }),
  limits: ownLimitsSchema,
});

/** Limit of the people: 200, far more than work with one team of agents; each costs a request per new project. */
const MAX_PEOPLE = 200;

/** Limit of a person's projects: 100, as many as a list that people still maintain by hand. */
const MAX_PERSON_PROJECTS = 100;

const personProjectSchema = textSchema(/^[A-Za-z0-9]{1,12}$/)
  .transform((identifier) => identifier.toUpperCase())
  .describe("1 to 12 letters or digits, for example ONB");

/** A person in the settings file. */
const personSchema = z.strictObject({
  email: emailSchema
    .describe("the e-mail address of the person's Plane account")
    .meta({ meaning: "Plane account of the person." }),
  telegram: z
    .union([z.int().positive(), textSchema(/^[1-9]\d{0,14}$/).transform(Number)])
    .exactOptional()
    .describe("the person's Telegram user number (not a name), for example 12345678")
    .meta({
      meaning:
        "Telegram user of the person, who may then write to the bot. The project for a wish that they write there is also theirs.",
    }),
  language: z
    .enum(LOCALES)
    .exactOptional()
    .describe(`one of ${LOCALES.join(", ")}`)
    .meta({ meaning: "Language of the person. Default: that of their Telegram client or browser, or LOCALE." }),
  projects: listSchema(personProjectSchema, MAX_PERSON_PROJECTS)
    .min(1)
    .exactOptional()
    .describe("a list of project identifiers, for example ONB and OPS")
    .meta({
      meaning: "The only projects that the person is added to, besides those for their own wishes. Default: all.",
    }),
});

/** The settings file: the JSON file that GROUNDCREW_CONFIG names. */
export const settingsFileSchema = z.strictObject({
  agents: listSchema(agentSchema, MAX_AGENTS)
    .default([])
    .describe(`a list of at most ${MAX_AGENTS} agents`)
    .meta({ meaning: "The agents of the team." }),
  people: listSchema(personSchema, MAX_PEOPLE).exactOptional().describe(`a list of at most ${MAX_PEOPLE} people`).meta({
    meaning:
      "The list of people: who answers, signs in, and is added to the projects that Groundcrew creates. Default: all people of the workspace; guests are not added to projects.",
  }),
  claim_minutes: wholeSchema(MIN_CLAIM_MINUTES, MAX_CLAIM_MINUTES)
    .default(DEFAULT_CLAIM_MINUTES)
    .describe(`whole minutes, ${MIN_CLAIM_MINUTES} to ${MAX_CLAIM_MINUTES}, for which a claim lasts without a call`)
    .meta({
      meaning:
        "An agent's claim ends after so many minutes without a call about the task. Existing claims keep their end; a renewal can extend it, never shorten it.",
    }),
  wake_backlog: toggle(
    false,
    "agents are also woken for tasks in the group Backlog",
    "Agents are also woken for tasks in states of Plane's group Backlog.",
  ),
  done: doneSchema.prefault({}).meta({ meaning: 'What a finished task must have, besides its own "Done when:" list.' }),
  plan: z
    .strictObject({
      approve: toggle(
        true,
        "a person approves the plan for their wish before it is carried out",
        "A plan for a person's wish waits for their approval. A plan or project that nobody wished for always does.",
      ),
    })
    .prefault({})
    .meta({ meaning: "How plans are carried out." }),
  budget: budgetSchema.optional().meta({ meaning: "Budget of a calendar month." }),
  limits: limitsSchema,
  states: z
    .strictObject({
      todo: stateNames("todo"),
      in_progress: stateNames("in_progress"),
      blocked: stateNames("blocked"),
      done: stateNames("done"),
      cancelled: stateNames("cancelled"),
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
  progress: toggle(
    true,
    "running tasks have a progress message in TELEGRAM_CHAT_ID",
    "Each running task has a live progress message in TELEGRAM_CHAT_ID.",
  ),
  forward: z.array(forwardSchema).default([]).meta({ meaning: "Other systems that events are forwarded to." }),
  schedules: schedulesSchema,
  provision: provisionSchema.exactOptional().meta({ meaning: "What `npm run provision` sets up in Plane." }),
  tickets: ticketsSchema
    .exactOptional()
    .meta({ meaning: "Approved work items become Claude Code sessions. Without it there are no tickets." }),
  canary: z
    .union([
      z.literal(false),
      z.strictObject({
        project: shortTextSchema(12)
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

const jsonSchema = z.toJSONSchema(settingsFileSchema, { io: "input", unrepresentable: "any" });

/** Limit of the problems in one report: 50. A file with more is fixed step by step. */
const MAX_PROBLEMS = 50;

/** Parses the settings file; every problem names its path, line and column in the file. */
export function parseSettingsFile(text: string): ParsedSettingsFile {
  const json = parseJsonText(text);
  const name = "GROUNDCREW_CONFIG";
  if (!json.ok)
    return {
      settings: undefined,
      problems: [{ name, given: formatJsonError(json.position), wanted: "a JSON object" }],
    };
  const parsed = settingsFileSchema.safeParse(json.value);
  const found = parsed.success
    ? [
        ...findDuplicates(parsed.data),
        ...findScheduleProblems(parsed.data.schedules).map(({ path, given, wanted }) =>
          createPlaceProblem(["schedules", ...path], given, wanted),
        ),
      ]
    : parsed.error.issues
        .slice(0, MAX_PROBLEMS + 1)
        .flatMap((issue) => toLocatedProblems(issue, json.value, jsonSchema));
  if (parsed.success && found.length === 0) return { settings: parsed.data, problems: [] };
  const locate = createJsonLocator(text);
  const problems: SettingProblem[] = found
    .slice(0, MAX_PROBLEMS)
    .map(({ path, ...problem }) => ({ ...problem, position: locate(path) }));
  const [given, wanted] = [`more than ${MAX_PROBLEMS} problems`, "the problems above fixed first"];
  if (found.length > MAX_PROBLEMS) problems.push({ name, given, wanted, position: locate([]) });
  return { settings: undefined, problems };
}

/** Creates a function that says whether one of these keys was there before; they are taken from now on. */
function createClaims() {
  const used = new Set<string>();
  return (...keys: string[]) => keys.filter((key) => used.has(key) || !used.add(key)).length > 0;
}

/** Finds agents and people with a name, an address or a Telegram user that another one has. */
function findDuplicates({ agents, people = [] }: FileSettings): LocatedProblem[] {
  const isTaken = createClaims();
  const found: LocatedProblem[] = [];
  const add = (list: string, i: number, field: string, given: unknown, wanted: string) =>
    found.push(createPlaceProblem([list, i, field], given, wanted));
  for (const [i, { name, email }] of agents.entries()) {
    const setting = toSettingName(name);
    if (setting === "FILE" || setting.endsWith("_FILE"))
      add(
        "agents",
        i,
        "name",
        name,
        "a name that does not end in 'file', because settings that end in _FILE name files",
      );
    // Some letters differ in upper case only (K and the Kelvin sign), others look the same: they would share a token
    // file.
    if (isTaken(`setting ${setting}`, `name ${name.normalize("NFKC").toLowerCase()}`))
      add("agents", i, "name", name, "a name that no other agent has, also as part of PLANE_API_KEY_<AGENT>");
    if (isTaken(email.toLowerCase())) add("agents", i, "email", email, "an e-mail address that no other agent has");
  }
  for (const [i, { email, telegram }] of people.entries()) {
    if (isTaken(email)) add("people", i, "email", email, "an e-mail address that no other person and no agent has");
    if (telegram !== undefined && isTaken(`telegram ${telegram}`))
      add("people", i, "telegram", telegram, "a Telegram user that no other person has");
  }
  return found;
}

/** Whether the agent of this name is notified of work; one that polls and one that is no longer an agent are not. */
export function canBeWoken({ agents }: Pick<FileSettings, "agents">, name: string): boolean {
  return agents.some((agent) => agent.name === name && agent.wake.kind !== "none");
}

/** An agent's name as part of a setting's name: upper case, other characters as `_`. */
export function toSettingName(agent: string): string {
  return agent.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}
