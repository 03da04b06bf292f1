/**
 * Recurring work by `/plane every monday 9:00 check the backups @thot`: what was understood is read back with its next
 * times, and a button of the project in which it shall recur creates it.
 */

import { z } from "zod";
import { listNextTimes } from "../../../shared/cron.ts";
import { explainRefusedWords, parseScheduleCommand, SCHEDULE_COMMANDS } from "../../../shared/i18n/parse-schedule.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { createSchedule } from "../../../shared/schedules/change-schedule.ts";
import { describeTimes } from "../../../shared/schedules/list-schedules.ts";
import { getAssignee } from "../../../shared/tasks/assignees.ts";
import { joinRichText, toBold, toLink, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { readFollowedProjects } from "../presentation/task-lists.ts";
import { AGENTS, matchSubject, normalizeName, splitFirstArgument } from "./arguments.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
  offerChoices,
  replyText,
  type TelegramCommand,
} from "./command.ts";

/** What a button creates. */
const recurringSchema = z.object({
  cron: z.string(),
  project: z.string(),
  title: z.string(),
  description: z.string().exactOptional(),
  assignee: z.string().exactOptional(),
});

/** Number of next times that are read back. */
const NEXT_TIMES = 3;

const TITLE_LIMIT = 200;

/** Asks whether a schedule was understood. Creates nothing. */
export const everyCommand: TelegramCommand = {
  name: "every",
  aliases: SCHEDULE_COMMANDS.filter((word) => word !== "every"),
  isMeant(_, args) {
    const parsed = parseScheduleCommand(args);
    return "cron" in parsed && parsed.rest !== "";
  },
  async run(context, args) {
    const { texts, timezone } = context.presentation;
    const parsed = parseScheduleCommand(args);
    if ("problem" in parsed) return { reply: { rich: toPlainText(`⚠️ ${explainRefusedWords(parsed, texts.locale)}`) } };
    const projects = await readFollowedProjects(context);
    const { recurring } = texts.answers;
    const task = await readTask(context, parsed.rest, projects);
    if ("refusal" in task) return task.refusal;
    const { title, description, assignee, project: named } = task;
    if (title === "") return replyText(`⚠️ ${recurring.noTitle}`);
    const rule = { cron: parsed.cron, if_open: "skip", blocked_by_previous: false } as const;
    const now = await context.deps.store.now();
    const next = listNextTimes({ cron: parsed.cron, timeZone: timezone }, now, NEXT_TIMES);
    const lines = [
      toBold(joinRichText(["🔁 ", toSafeText(title, TITLE_LIMIT)])),
      toPlainText(describeTimes({ rule }, texts.locale)),
      ...(assignee === undefined ? [] : [fillTemplate(recurring.assignee, { agent: toSafeText(assignee, 80) })]),
      fillTemplate(recurring.next, { times: next.map((at) => context.presentation.format.moment(at, 0)).join(" · ") }),
      toPlainText(recurring.confirm),
    ];
    const options = (named ? [named] : projects).map(({ id, name }) => ({
      label: fillTemplate(recurring.create, { project: name }).text,
      command: "recur" as const,
      args: JSON.stringify({ cron: parsed.cron, project: id, title, ...omitUndefined({ description, assignee }) }),
    }));
    if (options.length === 0) return replyText(texts.answers.emptyLists.projects);
    return offerChoices(context, joinRichText(lines, "\n"), options);
  },
};

/** Creates what was read back. Nobody can type it: it is only stored with its button. */
export const recurCommand: ChoiceCommand = {
  name: "recur",
  async run(context, args) {
    const { cron, ...task } = recurringSchema.parse(JSON.parse(args));
    const view = await createSchedule(createCommandCallContext(context), task, { cron });
    const { presentation } = context;
    const title = toSafeText(`${view.key ?? ""} ${view.name}`.trim(), TITLE_LIMIT);
    const values = { task: toLink(title, view.url ?? "", presentation.origins), times: view.text };
    return replyText(`🔁 ${presentation.texts.answers.recurring.created}`, values);
  },
};

interface NewRecurringTask {
  title: string;
  description?: string;
  assignee?: string;
  /** The project that the text begins with, by its identifier or in quotation marks. */
  project?: ProjectRecord;
}

/** Reads what follows the schedule: `[project] title @assignee`, and a description on the lines after it. */
async function readTask(
  context: CommandContext,
  text: string,
  projects: readonly ProjectRecord[],
): Promise<NewRecurringTask | { refusal: CommandResult }> {
  const { first, rest } = splitFirstArgument(text);
  const project = projects.find(({ identifier, name }) =>
    [identifier, name].map(normalizeName).includes(normalizeName(first)),
  );
  const [line = "", ...more] = (project ? rest : text).split("\n");
  const mentions = [...line.matchAll(/(?<!\S)@(\S*[^\s.,;:!?])/g)];
  const title = line
    .replace(/(?<!\S)@\S*[^\s.,;:!?]/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const { recurring } = context.presentation.texts.answers;
  const [mention] = mentions;
  if (mentions.length > 1) return { refusal: replyText(`⚠️ ${recurring.oneAssignee}`) };
  const assignee = mention?.[1] === undefined ? undefined : await findAssignee(context, mention[1]);
  const description = more.join("\n").trim() || undefined;
  return { title, ...omitUndefined({ description, assignee, project }) };
}

/** Finds an agent by a part of its name, else a person by e-mail address or display name; refused when there is none. */
async function findAssignee(context: CommandContext, name: string): Promise<string> {
  const agent = await matchSubject(context, AGENTS, name);
  if (agent.kind === "one") return agent.candidate.name;
  await getAssignee(createCommandCallContext(context), name);
  return name;
}
