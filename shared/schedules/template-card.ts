/**
 * The card of a template: a comment of Groundcrew on the work item, which says when it recurs, and from which the
 * schedule is read again after the store was lost.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import { scheduleRuleSchema } from "../config/sections-schema.ts";
import { listNextTimes } from "../cron.ts";
import { formatTemplate, localizeMoment, resolveLocale } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { createOnce, PlaneNotFoundError } from "../plane/errors.ts";
import { commentsApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { observedSets, workKeys } from "../records/store-keys.ts";
import { scanRows, updateValue } from "../store/records.ts";
import { type ItemRecord, isOpenItem } from "../task/snapshot.ts";
import { readSystemUserId } from "../tasks/assignees.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { describeTimes } from "./list-schedules.ts";
import {
  getCronRule,
  getEnd,
  hasEnded,
  type ScheduleRecord,
  type ScheduleState,
  toSchedulePut,
} from "./schedule-record.ts";

/** What the card keeps of a schedule's record. */
const cardSchema = z.object({
  rule: scheduleRuleSchema,
  number: z.number(),
  decidedUntil: z.number(),
  last: z
    .object({ time: z.number(), number: z.number(), madeAt: z.number(), items: z.array(z.string()) })
    .exactOptional(),
  paused: z
    .object({ by: z.string().exactOptional(), reason: z.string().exactOptional(), at: z.number() })
    .exactOptional(),
});

/** Number of next times on the card. */
const NEXT_TIMES = 3;

const toExternalId = (item: string) => `schedule-card:${item}`;

/** Writes the card of a template, unless it shows this state already. Of a schedule of the settings file, nothing. */
export async function writeTemplateCard(deps: TaskDeps, state: ScheduleState): Promise<void> {
  const { schedule, record } = state;
  if (!("template" in schedule.source)) return;
  const { template } = schedule.source;
  const html = await renderCard(deps, state);
  if (record.card?.html === html) return;
  const params = { project: template.project.id, item: template.id };
  const json = { comment_html: html };
  let comment = record.card?.comment;
  if (comment !== undefined)
    await deps.plane.call(commentsApi.update, { params: { ...params, comment }, json }).catch((thrown: unknown) => {
      // People have deleted it.
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      comment = undefined;
    });
  if (comment === undefined) {
    const external = { external_source: GROUNDCREW_SOURCE, external_id: toExternalId(template.id) };
    comment = await createOnce(() => deps.plane.call(commentsApi.create, { params, json: { ...json, ...external } }));
  }
  const card = { comment, html };
  await updateValue<ScheduleRecord>(deps, workKeys.schedule(record.id), (stored) =>
    stored ? { put: [toSchedulePut({ ...stored, card })] } : undefined,
  );
}

async function renderCard(deps: TaskDeps, { schedule, record }: ScheduleState): Promise<string> {
  const locale = resolveLocale(deps.settings.locale);
  const { card } = getTexts(locale).schedules;
  const now = await deps.store.now();
  const { rule, timeZone } = schedule;
  const { number, decidedUntil, last, paused } = record;
  const kept = { rule, number, decidedUntil: last?.time ?? decidedUntil, ...omitUndefined({ paused }) };
  const data = encodeURIComponent(JSON.stringify({ ...kept, ...omitUndefined({ last: last && toKept(last) }) }));
  const formatTime = (at: number) => localizeMoment(locale, timeZone, at, 0);
  const isRunning = !paused && !hasEnded({ schedule, record }, now);
  const next = isRunning ? listNextTimes(getCronRule(schedule), now, NEXT_TIMES, getEnd(schedule)) : [];
  const made = last?.items[0] === undefined ? undefined : await findStoredTask(deps, last.items[0]);
  const lines = [
    `<strong>🔁 ${escapeHtml(describeTimes(schedule, locale))}</strong>`,
    ...(paused ? [escapeHtml(formatTemplate(card.paused, { reason: paused.reason ?? paused.by ?? "" }))] : []),
    ...(next.length > 0 ? [formatTemplate(card.next, { times: next.map(formatTime).join(" · ") })] : []),
    ...(last && made ? [formatTemplate(card.last, { key: made.key, time: formatTime(last.time) })] : []),
  ];
  return `<p data-groundcrew="${data}">${lines.join("<br>")}</p>`;
}

function toKept({ time, number, madeAt, items }: NonNullable<ScheduleRecord["last"]>) {
  return { time, number, madeAt: madeAt ?? time, items };
}

/** Reads the schedules of templates again whose records are lost, from their cards. */
export async function restoreTemplates(deps: TaskDeps): Promise<void> {
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.templates)) {
    const { id, updatedAt } = value.snapshot;
    const [stored] = await deps.store.read<ScheduleRecord>([workKeys.schedule(id)]);
    if (stored?.value.rule || stored?.value.searchedAt === updatedAt || !isOpenItem(value)) continue;
    const task = await findStoredTask(deps, id);
    const record = task && (await readCard(deps, task));
    // A label alone makes no schedule; a later comment moves the time of the item's last change.
    const put = toSchedulePut(record ?? { ...createEmptyRecord(id), searchedAt: updatedAt });
    await deps.store.commit({ expect: [[workKeys.schedule(id), stored?.rev ?? 0]], put: [put] });
  }
}

function createEmptyRecord(id: string): ScheduleRecord {
  return { id, times: "", decidedUntil: 0, decided: [], number: 0, skipped: [] };
}

/** Finds the card among the comments of an item: only what Groundcrew's own account has written counts. */
async function readCard(deps: TaskDeps, { id, project }: Task): Promise<ScheduleRecord | undefined> {
  const systemUser = await readSystemUserId(deps, deps.plane);
  for await (const { data } of deps.plane.pages(commentsApi.list, { params: { project: project.id, item: id } }))
    for (const { actor, external_source, external_id, id: comment, comment_html: html } of data.results) {
      if (actor !== systemUser || external_source !== GROUNDCREW_SOURCE || external_id !== toExternalId(id)) continue;
      const kept = parseCard(html);
      if (!kept) continue;
      const { rule, last, ...rest } = kept;
      const times = `${rule.cron} ${rule.time_zone ?? deps.settings.timezone}`;
      const decided = last ? [last.time] : [];
      return { id, rule, times, skipped: [], decided, card: { comment, html }, ...rest, ...omitUndefined({ last }) };
    }
  return undefined;
}

function parseCard(html: string): z.output<typeof cardSchema> | undefined {
  const [, data = ""] = /<p data-groundcrew="([^"]*)">/.exec(html) ?? [];
  try {
    return cardSchema.safeParse(JSON.parse(decodeURIComponent(data))).data;
  } catch {
    return undefined;
  }
}
