/**
 * Sections of the settings file: the budget and the limits of agents, recurring
 * work, each entry as one task or as the tasks of a plan, and what provision sets up.
 */

import { z } from "zod";
import { isCronOfFiveFields } from "../cron.ts";
import { PRIORITIES } from "../task/snapshot.ts";
import { isTimeZone } from "../time.ts";
import { emailSchema, listSchema, shortTextSchema, textSchema, toggle } from "./forms.ts";

export const timeZoneSchema = z.string().refine(isTimeZone).describe("an IANA time zone, for example Europe/Paris");

/** The budget of a calendar month. */
export const budgetSchema = z.strictObject({
  amount: z.number().positive().describe("the cost that a calendar month may reach").meta({
    meaning:
      "Cost that a calendar month may reach: what is spent, and estimates of open tasks. Planning warns above it, and 80 and 100 % are notified.",
  }),
  stop: toggle(
    false,
    "no agent is woken and no ticket starts above the amount until a person agrees",
    "Once the amount is spent, no agent is woken and no ticket starts until a person agrees.",
  ),
  currency: textSchema(/^[A-Z]{3}$/)
    .default("EUR")
    .describe("three capital letters, for example EUR")
    .meta({ meaning: "Currency of all costs." }),
});

const limitSchema = (meaning: string) => z.int().positive().describe("a whole number above 0").meta({ meaning });

/** What an agent may do in an hour. */
const limitsShape = {
  wakes: limitSchema("Wakes of an agent in an hour; comments of people outside of the team may cause a third of them."),
  comments: limitSchema("Comments, questions, messages and files of an agent in an hour."),
  calls: limitSchema("Calls of an agent in an hour."),
  cost: z.number().positive().exactOptional().describe("a cost in the budget's currency").meta({
    meaning: "Cost of an agent in an hour, where it is known. Default: no limit.",
  }),
};

/** Limits of an hour; an absent one does not limit. */
export type LimitSettings = { [K in keyof typeof limitsShape]?: number | undefined };

/** The limits of all agents. */
export const limitsSchema = z
  .strictObject({
    ...limitsShape,
    wakes: limitsShape.wakes.default(30),
    comments: limitsShape.comments.default(60),
    calls: limitsShape.calls.default(1200),
  })
  .prefault({})
  .meta({ meaning: "What each agent may do in an hour. Above it, it is refused, and a person is asked once." });

/** The limits of one agent, where they differ. */
export const ownLimitsSchema = z
  .strictObject(limitsShape)
  .partial()
  .optional()
  .meta({ meaning: "What this agent may do in an hour. Default: that of all." });

/** What a task is expected to take: minutes of work, and its cost in the budget's currency. */
export const estimateSchema = z.strictObject({
  minutes: z.number().nonnegative().max(10_000_000).optional(),
  cost: z.number().nonnegative().max(1_000_000_000).optional(),
});

export type PlannedEstimate = z.infer<typeof estimateSchema>;

/** A task of a plan. */
export const plannedTaskSchema = z.strictObject({
  id: z.string().describe("your name for the task in this plan"),
  title: z.string(),
  description: z.string().optional(),
  assignee: z.string().optional(),
  priority: z.enum(PRIORITIES).optional(),
  due_date: z.string().optional(),
  blocked_by: z.array(z.string()).optional().describe("ids of this plan or task keys"),
  estimate: estimateSchema.optional(),
  cycle: z.string().optional().describe("name; created if new"),
  module: z.string().optional(),
});

export type PlannedTask = z.infer<typeof plannedTaskSchema>;

/** What happens while the last occurrence is open. */
export const IF_OPEN = ["skip", "create", "remind"] as const;

/** Limit of the schedules in the settings file: 200, each of which is looked at every minute. */
const MAX_SCHEDULES = 200;

/** Limit of the tasks of one occurrence: 50, a minute of Plane's default quota. */
const MAX_TASKS = 50;

/** The fields that say when work recurs, and what happens around each occurrence; also in the card of a template. */
const ruleFields = {
  cron: z
    .string()
    .refine(isCronOfFiveFields)
    .describe("a cron expression of five fields, for example 0 9 * * 1")
    .meta({ meaning: "When it recurs." }),
  time_zone: timeZoneSchema
    .exactOptional()
    .meta({ meaning: "Time zone of cron, of the due date and of the placeholders. Default: TIMEZONE." }),
  due: textSchema(/^\d{1,3}[dw]$/)
    .exactOptional()
    .describe("a number of days or weeks, for example 2d or 1w")
    .meta({ meaning: "Due date of each task, counted from the day of its occurrence. Default: none." }),
  blocked_by_previous: z
    .boolean()
    .default(false)
    .meta({ meaning: "Each occurrence waits until the one before is closed." }),
  if_open: z.enum(IF_OPEN).default("skip").meta({
    meaning:
      "What happens while the last occurrence is open. skip: nothing is created, and a person is asked after three times in a row; create: another one is created; remind: whoever has it is reminded.",
  }),
  until: z.iso
    .date()
    .exactOptional()
    .describe("a day as YYYY-MM-DD")
    .meta({ meaning: "Last day on which it recurs. Default: none." }),
  count: z
    .int()
    .min(1)
    .exactOptional()
    .describe("a number of occurrences, at least 1")
    .meta({ meaning: "Number of occurrences that are created. Default: no limit." }),
};

export const scheduleRuleSchema = z.strictObject({ ...ruleFields, estimate: estimateSchema.exactOptional() });

export type ScheduleRule = z.output<typeof scheduleRuleSchema>;

const scheduleSchema = z.strictObject({
  name: textSchema(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .describe("1 to 64 letters, digits, '.', '_' or '-'")
    .meta({ meaning: "Name of the schedule. Another name is another schedule." }),
  ...ruleFields,
  project: z.string().min(1).describe("a project's identifier or name").meta({ meaning: "Project of the tasks." }),
  title: z.string().trim().min(1).max(200).exactOptional().describe("1 to 200 characters").meta({
    meaning: "Title of the task. `{date}`, `{week}`, `{month}` and `{n}`, the number, are replaced, here and below.",
  }),
  description: z.string().exactOptional().meta({ meaning: "Description of the task, in Markdown." }),
  assignee: z
    .string()
    .min(1)
    .exactOptional()
    .describe("an agent's name or a person's e-mail address")
    .meta({ meaning: "Agent or person who gets the task. Default: nobody." }),
  labels: listSchema(shortTextSchema(255), 20).exactOptional().meta({ meaning: "Labels of every task." }),
  priority: z.enum(PRIORITIES).exactOptional().meta({ meaning: "Priority of the task." }),
  estimate: estimateSchema
    .exactOptional()
    .describe("an object with minutes, cost or both")
    .meta({ meaning: "What the task is expected to take: minutes, and cost." }),
  tasks: listSchema(plannedTaskSchema, MAX_TASKS)
    .min(1)
    .exactOptional()
    .describe(`a list of at most ${MAX_TASKS} tasks as plan_project takes them`)
    .meta({ meaning: "The tasks of each occurrence, as plan_project takes them, in place of one task." }),
  paused: z.boolean().default(false).meta({ meaning: "Nothing is created; what comes meanwhile is left out." }),
});

export type ScheduleSettings = z.output<typeof scheduleSchema>;

export const schedulesSchema = listSchema(scheduleSchema, MAX_SCHEDULES)
  .default([])
  .describe(`a list of at most ${MAX_SCHEDULES} schedules`)
  .meta({ meaning: "Recurring work, in addition to the work items with the label recurring." });

/** A problem of a schedule that its schema cannot find: the field, what it is, and what is wanted. */
interface ScheduleProblem {
  path: readonly (string | number)[];
  given: unknown;
  wanted: string;
}

/** Finds schedules with the name of another one, with neither a title nor tasks, or with tasks that wait for unknown ones. */
export function findScheduleProblems(schedules: readonly ScheduleSettings[]): ScheduleProblem[] {
  const names = schedules.map(({ name }) => name);
  return schedules.flatMap(({ name, title, tasks, ...fields }, i) => {
    const found: ScheduleProblem[] = [];
    const add = (path: (string | number)[], given: unknown, wanted: string) =>
      found.push({ path: [i, ...path], given, wanted });
    if (names.indexOf(name) < i) add(["name"], name, "a name of its own");
    if ((title === undefined) === (tasks === undefined)) add(["title"], title, "a title, or tasks in its place");
    const single = (["description", "assignee", "priority", "estimate"] as const).find(
      (field) => tasks !== undefined && fields[field] !== undefined,
    );
    if (single) add([single], fields[single], "this field in each of the tasks");
    // Tasks are created in their order, so one waits only for those before it and for existing ones.
    const ids = tasks?.map(({ id }) => id) ?? [];
    for (const [at, { id, blocked_by = [] }] of (tasks ?? []).entries()) {
      const later = blocked_by.find((other) => ids.indexOf(other) >= at);
      if (ids.indexOf(id) < at || id.trim() === "" || id.length > 60)
        add(["tasks", at, "id"], id, "1 to 60 characters of its own");
      if (later !== undefined) add(["tasks", at, "blocked_by"], later, "tasks above this one, or keys of tasks");
    }
    return found;
  });
}

/** People read these texts in Plane, so control characters and characters that change the reading direction are refused. */
const visibleTextSchema = textSchema(/^(?!\s)[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+(?<!\s)$/u);

/** Matches what Plane recognises as a URL and therefore refuses in a workspace's name. */
const URL_LIKE = /https?:\/\/\S|www\.[a-z0-9]|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,6}|(?:\d{1,3}\.){3}\d/i;

const humanSchema = z.strictObject({
  email: emailSchema
    .exactOptional()
    .describe("the e-mail address of the human's Plane account; absent: PLANE_ADMIN_EMAIL")
    .meta({ meaning: "Plane account of the human. Default: PLANE_ADMIN_EMAIL." }),
  name: visibleTextSchema
    .max(60)
    .exactOptional()
    .describe("the human's name, 1 to 60 visible characters")
    .meta({ meaning: "Display name. Default: made from the e-mail address." }),
  role: z
    .enum(["admin", "member"])
    .default("admin")
    .describe("admin or member")
    .meta({ meaning: "Role in the workspace." }),
});

const projectSchema = z.strictObject({
  name: textSchema(/^[\p{L}\p{N}_][\p{L}\p{N}_ ]{0,79}$/u)
    .default("Onboarding")
    .describe("1 to 80 letters, digits, spaces or '_' (Plane refuses others)")
    .meta({ meaning: "Name of the first project." }),
  identifier: textSchema(/^[A-Z][A-Z0-9]{0,11}$/)
    .default("ONB")
    .describe("1 to 12 capital letters or digits, for example ONB")
    .meta({ meaning: "Identifier of the first project." }),
});

/** What provision sets up in Plane besides the agents: `provision` in the settings file. */
export const provisionSchema = z.strictObject({
  domain: textSchema(/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$/)
    .default("javisi.local")
    .describe("a domain name in lower case, for example javisi.local")
    .meta({ meaning: "Domain of the agents' e-mail addresses, when the file names no agents." }),
  workspace: visibleTextSchema
    .max(80)
    .refine((name) => !URL_LIKE.test(name))
    .exactOptional()
    .describe("the workspace's name, 1 to 80 characters that contain no URL; absent: PLANE_WORKSPACE")
    .meta({ meaning: "Name of the workspace. Default: PLANE_WORKSPACE." }),
  human: humanSchema.prefault({}).meta({ meaning: "The person who works with the agents." }),
  timezone: timeZoneSchema
    .default("UTC")
    .meta({ meaning: "Time zone of the workspace and of the administrator's account." }),
  language: textSchema(/^[a-z]{2}(?:-[A-Z]{2})?$/)
    .exactOptional()
    .describe("a language as Plane writes it, for example fr, en or pt-BR")
    .meta({
      meaning: "Language of people's accounts, sample tasks and default personas. Default: LOCALE, or English.",
    }),
  project: z
    .union([z.literal(false), projectSchema])
    .prefault({})
    .describe("an object with name and identifier, or false")
    .meta({ meaning: "The first project; false for none." }),
});
