/** Recurring work: the tick that makes what is due, and the routes of its list. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route, TaskDeps, Tick } from "../shared/app/deps.ts";
import { scheduleRuleSchema } from "../shared/config/sections-schema.ts";
import { GroundcrewError } from "../shared/errors.ts";
import { createJsonReader } from "../shared/http/limits.ts";
import { answerCleanJson, getRequester } from "../shared/http/request.ts";
import { chooseLanguage, type Locale } from "../shared/i18n/localize.ts";
import { explainRefusedWords, parseScheduleCommand, type RefusedWords } from "../shared/i18n/parse-schedule.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { limitDeps, seesTask } from "../shared/people/viewer.ts";
import { reportPlaneErrors } from "../shared/refusals/render-refusal.ts";
import {
  changeSchedule,
  createSchedule,
  deleteSchedule,
  type RecurringTask,
  restoreSchedule,
} from "../shared/schedules/change-schedule.ts";
import {
  listSchedules,
  listUpcoming,
  type ScheduleView,
  type UpcomingTime,
} from "../shared/schedules/list-schedules.ts";
import { runScheduleNow, runSchedules } from "../shared/schedules/run-schedules.ts";
import { readSchedules } from "../shared/schedules/schedule-record.ts";
import { PRIORITIES } from "../shared/task/snapshot.ts";
import { createCallContext } from "../shared/tasks/call-context.ts";
import { findProject } from "../shared/tasks/find-task.ts";
import { cleanLine } from "../shared/text.ts";

/** Makes what is due of all schedules, every minute: no schedule has a timer of its own. */
export const schedulesTick: Tick = {
  name: "schedules",
  cron: () => "* * * * *",
  async run(deps) {
    const counts = await runSchedules(deps, `schedules-${deps.newId()}`);
    const stopped = (await readSchedules(deps)).filter(({ record: { paused } }) => paused && paused.by === undefined);
    const list = stopped.map(({ schedule, record }) => `${schedule.name} (${record.paused?.reason ?? ""})`).join(", ");
    await deps.notices.report("schedules_paused", list === "" ? undefined : { values: { list } });
    return { ...counts };
  },
};

/** The schedules with their next times and their last occurrence; new ones, and changes. */
export const schedulesRoute: Route = { path: "/api/schedules", access: "page", app: createApp };

/** The response of `GET /api/schedules`. */
export interface SchedulesAnswer {
  schedules: ScheduleView[];
  /** The next ten times of all schedules together, in their order. */
  upcoming: UpcomingTime[];
}

const rule = scheduleRuleSchema.shape;

/** When work recurs, in a person's words: they become a cron expression. */
const whenSchema = z.string().max(500);

/** When it recurs, and either the key of the task that recurs or the fields of a new one. */
const newScheduleSchema = z.strictObject({
  ...rule,
  cron: rule.cron.optional(),
  when: whenSchema.optional(),
  task: z.string().max(60).optional(),
  project: z.string().max(255).optional(),
  title: z.string().max(1_000).optional(),
  description: z.string().optional(),
  assignee: z.string().max(255).optional(),
  priority: z.enum(PRIORITIES).optional(),
  labels: z.array(z.string().min(1).max(255)).max(20).optional(),
});

const changeSchema = z.strictObject({
  cron: rule.cron.optional(),
  /** The same in words: `every monday 9:00`. */
  when: whenSchema.optional(),
  blocked_by_previous: rule.blocked_by_previous.removeDefault().optional(),
  if_open: rule.if_open.removeDefault().optional(),
  /** Null removes one of these. */
  time_zone: rule.time_zone.nullable().optional(),
  due: rule.due.nullable().optional(),
  until: rule.until.nullable().optional(),
  count: rule.count.nullable().optional(),
  estimate: rule.estimate.nullable().optional(),
  paused: z.boolean().optional(),
  /** Makes an occurrence now. */
  run: z.literal(true).optional(),
  /** Undoes a deletion. */
  deleted: z.literal(false).optional(),
});

const NEW_EXAMPLE = 'Send {"when": "every monday 9:00", "task": "ONB-4"}, or "project" and "title" in place of "task".';

const CHANGE_EXAMPLE = 'Send {"cron": "0 9 * * 1"}, {"paused": true}, {"run": true} or {"deleted": false}.';

function createApp(deps: TaskDeps & Pick<Deps, "newId">): Hono {
  const readJson = createJsonReader(65_536);
  const createContext = (c: Context) =>
    createCallContext(deps, { name: getRequester(c).by, role: "human" }, c.get("correlation"));
  return new Hono()
    .get("/", async (c) => {
      const language = chooseLanguage(deps.settings.locale, c.req.query("language"));
      const schedules = await listVisible(deps, c, language);
      return answerCleanJson(c, { schedules, upcoming: listUpcoming(schedules) } satisfies SchedulesAnswer);
    })
    .post("/", async (c) => {
      const {
        task,
        project = "",
        title = "",
        description,
        assignee,
        priority,
        labels,
        when,
        ...given
      } = await readJson(c, newScheduleSchema, { example: NEW_EXAMPLE });
      const fields = omitUndefined({ description, assignee, priority, labels });
      await requireSeen(deps, c, { task, project });
      const recurring: RecurringTask = task === undefined ? { project, title, ...fields } : { task };
      return answerCleanJson(
        c,
        await reportPlaneErrors(createSchedule(createContext(c), recurring, toRule(given, when))),
      );
    })
    .patch("/:id", async (c) => {
      const { paused, run, deleted, when, ...given } = await readJson(c, changeSchema, { example: CHANGE_EXAMPLE });
      const [context, id] = [createContext(c), await requireVisible(deps, c)];
      if (deleted === false) return answerCleanJson(c, await reportPlaneErrors(restoreSchedule(context, id)));
      if (run) return answerCleanJson(c, await reportPlaneErrors(runScheduleNow(context, id)));
      const fields = when === undefined ? given : { ...given, cron: parseWhen(when) };
      const changes = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value ?? undefined]));
      const change = {
        ...(Object.keys(changes).length > 0 ? { rule: changes } : {}),
        ...omitUndefined({ paused }),
      };
      return answerCleanJson(c, await reportPlaneErrors(changeSchedule(context, id, change)));
    })
    .delete("/:id", async (c) => {
      await reportPlaneErrors(deleteSchedule(createContext(c), await requireVisible(deps, c)));
      return answerCleanJson(c, { deleted: true });
    });
}

/** The rule of a new schedule. Throws `bad_request` when it is not said when it recurs. */
function toRule<Given extends { cron?: string | undefined }>(given: Given, when: string | undefined) {
  return { ...omitUndefined(given), cron: when === undefined ? (given.cron ?? "") : parseWhen(when) };
}

/** Converts words to a cron expression. Throws `bad_request` for words that are no schedule, or more than one. */
function parseWhen(when: string): string {
  const parsed = parseScheduleCommand(when);
  if ("cron" in parsed && parsed.rest === "") return parsed.cron;
  const refused: RefusedWords = "cron" in parsed ? { problem: "unclear", words: when } : parsed;
  throw new GroundcrewError("bad_request", explainRefusedWords(refused, "en"), {
    refusal: { name: "unclearSchedule", values: { words: cleanLine(when, 80) } },
  });
}

/** The schedules of the viewer's own projects; to an admin also those whose project is gone. */
async function listVisible(deps: TaskDeps, c: Context, language?: Locale): Promise<ScheduleView[]> {
  const viewer = c.get("viewer");
  const all = await listSchedules(limitDeps(deps, viewer), language);
  return viewer.projects ? all.filter(({ project }) => project !== undefined) : all;
}

/** Returns the id of the schedule that the path names. Throws `not_found` unless the viewer sees it. */
async function requireVisible(deps: TaskDeps, c: Context): Promise<string> {
  const id = c.req.param("id") ?? "";
  const viewer = c.get("viewer");
  // A deleted one is not listed, but its template is still there.
  const isVisible = (await listVisible(deps, c)).some((view) => view.id === id) || (await seesTask(deps, viewer, id));
  if (!isVisible) throw new GroundcrewError("not_found", "There is no such schedule. GET /api/schedules lists them.");
  return id;
}

/** Throws `not_found` unless the viewer sees the task, or the project of a new one. */
async function requireSeen(deps: TaskDeps, c: Context, given: { task: string | undefined; project: string }) {
  const viewer = c.get("viewer");
  const { task, project } = given;
  const isSeen =
    task === undefined
      ? viewer.projects === undefined || (await findProject(limitDeps(deps, viewer), project)) !== undefined
      : await seesTask(deps, viewer, task);
  if (!isSeen) throw new GroundcrewError("not_found", `There is no ${task ?? project} that you can see.`);
}
