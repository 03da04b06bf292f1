/**
 * Recurring work whose last occurrence is still open: nothing new is made, and after three times in a row a person is
 * asked, or whoever has it is reminded.
 */

import type { RequestKind, TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import { createRequest, findRequest, prepareNewRequest } from "../requests/requests.ts";
import type { ValueUpdate } from "../store/records.ts";
import { findPlanePerson } from "../sync/names.ts";
import type { CallContext } from "../tasks/call-context.ts";
import { QUESTION } from "../tasks/people/questions.ts";
import { postComment } from "../tasks/post-comment.ts";
import { addWakeTasks } from "../tasks/wakes.ts";
import type { Ms } from "../time.ts";
import { isLate, type Schedule, type ScheduleRecord, toSchedulePut } from "./schedule-record.ts";

/** Number of times in a row after which a person is asked. */
const ASK_AFTER = 3;

/** What a person may answer, in the order of the question's choices. */
const ANSWERS = ["keep", "create", "pause"] as const;

/** Prepares the question of what to do, once enough times in a row were skipped; nothing before, and nothing again. */
export async function prepareQuestion(
  deps: TaskDeps,
  schedule: Schedule,
  record: ScheduleRecord,
  open: Task,
  correlation: string,
): Promise<ValueUpdate> {
  if (record.skipped.length < ASK_AFTER || record.isSkippingAccepted) return {};
  const id = (await sha256Hex(JSON.stringify(["schedule", record.id, record.last?.time]))).slice(0, 32);
  if (await findRequest(deps, id)) return {};
  const { schedules } = getTexts(deps.settings.locale);
  const who = (await listHolders(deps, open)).join(", ");
  const values = { name: schedule.name, key: open.key, n: String(record.skipped.length), who };
  const text = formatTemplate(who === "" ? schedules.skippedByNobody : schedules.skippedBy, values);
  const options = ANSWERS.map((answer) => ({ label: schedules.answers[answer] }));
  const subject = { title: open.item.snapshot.name, item: open.id, key: open.key, url: open.url };
  const content = { id, kind: "question", subject, from: "Groundcrew", urgency: "normal", text, input: [] } as const;
  const question = { ...content, input: [], answers: ["answer"], options, schedule: schedule.id };
  return prepareNewRequest(deps, await createRequest(question, await deps.store.now()), correlation);
}

/** The names of the people and agents to whom a task is assigned. */
async function listHolders(deps: TaskDeps, { item }: Task): Promise<string[]> {
  const { owners = [], snapshot } = item;
  if (owners.length > 0) return [...owners];
  const people = await Promise.all(snapshot.assignees.map((id) => findPlanePerson(deps, id)));
  return people.flatMap((person) => person?.name ?? []);
}

/** A question about recurring work: it ends when the open occurrence is closed. */
export const SCHEDULE_QUESTION: RequestKind = {
  closesWithTask: true,
  ...(QUESTION.getReminders ? { getReminders: QUESTION.getReminders } : {}),
  announce: (deps, stored, correlation) => QUESTION.announce(deps, stored, correlation),
  async decide(deps, { value: { schedule = "", options, verdict } }) {
    const key = workKeys.schedule(schedule);
    const [stored] = await deps.store.read<ScheduleRecord>([key]);
    if (!stored) return undefined;
    const record = applyAnswer(stored.value, findAnswer(options, verdict.comment), verdict.by, await deps.store.now());
    return { expect: [[key, stored.rev]], put: [toSchedulePut(record)] };
  },
};

/** Which of the choices an answer names. Throws `bad_request` for other words. */
function findAnswer(options: readonly { label: string }[], given = ""): (typeof ANSWERS)[number] {
  const wanted = given.trim().toLowerCase();
  const answer = ANSWERS[options.findIndex(({ label }) => label.toLowerCase() === wanted)];
  if (answer !== undefined) return answer;
  const answers = options.map(({ label }) => label).join(", ");
  throw new GroundcrewError("bad_request", `Answer with one of: ${answers}.`, {
    refusal: { name: "answerNotOffered", values: { answers } },
  });
}

function applyAnswer(record: ScheduleRecord, answer: (typeof ANSWERS)[number], by: string, now: Ms): ScheduleRecord {
  if (answer === "keep") return { ...record, isSkippingAccepted: true };
  if (answer === "pause") return { ...record, paused: { by, at: now } };
  const time = record.skipped.at(-1);
  if (time === undefined || record.current) return record;
  const late = isLate(time, now) ? ({ isLate: true } as const) : {};
  return { ...record, current: { time, number: record.number + 1, items: [], ...late } };
}

/** Reminds whoever has the open occurrence: a comment, once for each time, and a wake of its agents. */
export async function remind(context: CallContext, schedule: Schedule, open: Task, time: Ms): Promise<void> {
  const { deps } = context;
  const { reminder } = getTexts(deps.settings.locale).schedules;
  const mentions = open.item.owners?.length
    ? ""
    : open.item.snapshot.assignees
        .map((id) => `<mention-component entity_identifier="${id}" entity_name="user_mention"></mention-component> `)
        .join("");
  const html = `<p>${mentions}${formatTemplate(reminder, { name: escapeHtml(schedule.name) })}</p>`;
  await postComment(context, open, `remind:${schedule.id}:${time}`, html);
  const task = { id: open.id, key: open.key, reason: "asked_for", title: open.item.snapshot.name } as const;
  for (const agent of open.item.owners ?? []) await addWakeTasks(deps, agent, [task]);
}
