/**
 * The section `schedules` of the settings file: recurring work, each entry as one task or as the tasks of a plan, whose
 * schema is here as well.
 */

import { z } from "zod";
import { isCronOfFiveFields } from "../cron.ts";
import { PRIORITIES } from "../task/snapshot.ts";
import { isTimeZone } from "../time.ts";

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
  time_zone: z
    .string()
    .refine(isTimeZone)
    .exactOptional()
    .describe("an IANA time zone, for example Europe/Paris")
    .meta({ meaning: "Time zone of cron, of the due date and of the placeholders. Default: TIMEZONE." }),
  due: z
    .string()
    .regex(/^\d{1,3}[dw]$/)
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
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
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
  labels: z.array(z.string().min(1).max(255)).max(20).exactOptional().meta({ meaning: "Labels of every task." }),
  priority: z.enum(PRIORITIES).exactOptional().meta({ meaning: "Priority of the task." }),
  estimate: estimateSchema
    .exactOptional()
    .describe("an object with minutes, cost or both")
    .meta({ meaning: "What the task is expected to take: minutes, and cost." }),
  tasks: z
    .array(plannedTaskSchema)
    .min(1)
    .max(MAX_TASKS)
    .exactOptional()
    .describe(`a list of at most ${MAX_TASKS} tasks as plan_project takes them`)
    .meta({ meaning: "The tasks of each occurrence, as plan_project takes them, in place of one task." }),
  paused: z.boolean().default(false).meta({ meaning: "Nothing is created; what comes meanwhile is left out." }),
});

export type ScheduleSettings = z.output<typeof scheduleSchema>;

export const schedulesSchema = z
  .array(scheduleSchema)
  .max(MAX_SCHEDULES)
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
  return schedules.flatMap(({ name, title, tasks, ...fields }, i): ScheduleProblem[] => {
    const found: ScheduleProblem[] = [];
    if (names.indexOf(name) < i) found.push({ path: [i, "name"], given: name, wanted: "a name of its own" });
    if ((title === undefined) === (tasks === undefined))
      found.push({ path: [i, "title"], given: title, wanted: "a title, or tasks in its place" });
    const single = (["description", "assignee", "priority", "estimate"] as const).find(
      (field) => tasks !== undefined && fields[field] !== undefined,
    );
    if (single) found.push({ path: [i, single], given: fields[single], wanted: "this field in each of the tasks" });
    return [...found, ...findTaskIdProblems(i, tasks)];
  });
}

/** Tasks are created in their order, so one waits only for those before it and for existing ones. */
function findTaskIdProblems(i: number, tasks: ScheduleSettings["tasks"] = []): ScheduleProblem[] {
  const ids = tasks.map(({ id }) => id);
  return tasks.flatMap(({ id, blocked_by = [] }, at): ScheduleProblem[] => {
    const later = blocked_by.find((other) => ids.indexOf(other) >= at);
    const isTaken = ids.indexOf(id) < at || id.trim() === "" || id.length > 60;
    return [
      ...(isTaken ? [{ path: [i, "tasks", at, "id"], given: id, wanted: "1 to 60 characters of its own" }] : []),
      ...(later === undefined
        ? []
        : [{ path: [i, "tasks", at, "blocked_by"], given: later, wanted: "tasks above this one, or keys of tasks" }]),
    ];
  });
}
