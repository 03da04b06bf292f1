import { DEFAULT_CLAIM_MINUTES } from "../../../shared/config/settings-file.ts";
import { localizeDate, localizeDuration, localizeMoment, localizeNumber } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { formatTemplate } from "../../../shared/i18n/template.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { Refusal } from "../../../shared/refusal.ts";
import { renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import { joinRichText, type RichText, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { STATUS_EMOJI } from "./emoji.ts";
import { fillTemplate } from "./fill-template.ts";
import type { Presentation } from "./presentation.ts";
import { formatCost, renderResultLines, renderTotalLines } from "./render-result.ts";

/** Maximum number of names, blockers and the like in a list. */
const LIST_LIMIT = 5;
/** Maximum length of a person's or agent's name, in UTF-16 units. */
const NAME_LIMIT = 80;

/** Renders the lines below the headline of a single notification (NOTIF-04). Fields without a value get no line. */
export function renderNotificationDetails({ event, facts }: ActionBody, presentation: Presentation): RichText[] {
  const { texts, origins } = presentation;
  const { locale, fields, priorities } = texts;
  const { item, project, cycle, comment, actor } = facts;
  const lines: RichText[] = [];
  const add = (label: string, ...value: (RichText | string)[]) => {
    lines.push(joinRichText([toPlainText(label + texts.colon), ...value]));
  };
  const date = (at: string | null) => (at === null ? texts.noDate : localizeDate(locale, at));

  lines.push(...renderEventDetails(event, presentation), ...renderResultLines(item?.result, presentation));
  if (event.kind === "renamed") add(fields.before, toSafeText(event.from));
  if (event.kind === "due") add(fields.due, `${date(event.from)} → ${date(event.to)}`);
  if (event.kind === "priority") add(fields.priority, `${priorities[event.from]} → ${priorities[event.to]}`);
  if (comment) add(fields.comment, toSafeText(comment.text, 300));
  const isProjectKind = event.kind === "project_created" || event.kind === "project_completed";
  if (project && !isProjectKind && !("plan" in event)) {
    add(fields.project, toLink(renderProjectName(project), project.url, origins));
  }
  if (item) {
    add(fields.status, `${STATUS_EMOJI[item.word]} ${texts.statuses[item.word]}`);
    if (event.kind !== "priority" && item.priority !== "none") add(fields.priority, priorities[item.priority]);
    const isInHead = "agent" in event && event.agent === item.agent;
    if (item.agent !== undefined && !isInHead) add(fields.agent, toSafeText(item.agent, NAME_LIMIT));
    if (item.assignees.length > 0) add(fields.assignees, renderList(texts, item.assignees, renderName));
    if (event.kind !== "due" && item.due !== null && item.word !== "done") add(fields.due, date(item.due));
    if (item.timeSpentMs !== undefined) add(fields.timeSpent, localizeDuration(locale, item.timeSpentMs));
    if (item.cost !== undefined) add(fields.cost, formatCost(item.cost, presentation));
    if (item.blockers.length > 0) {
      add(
        fields.blockers,
        renderList(texts, item.blockers, ({ key, title }) =>
          joinRichText([toSafeText(key), toSafeText(title, 60)], " "),
        ),
      );
    }
  }
  lines.push(...renderTotalLines(facts.totals, presentation));
  if (cycle) {
    if (cycle.start !== null || cycle.end !== null) add(fields.dates, `${date(cycle.start)} – ${date(cycle.end)}`);
    lines.push(toPlainText(renderCycleProgress(texts, cycle)));
  }
  if (actor) add(fields.by, renderName(actor.name));
  return lines;
}

/** Renders what agents ask or report, and why work stopped. Texts of agents are shown as plain text only. */
function renderEventDetails(event: ActionBody["event"], { texts, timezone }: Presentation): RichText[] {
  const { colon, fields, locale, losses, stuck, reminder } = texts;
  const line = (label: string, ...value: (RichText | string)[]) => joinRichText([toPlainText(label + colon), ...value]);
  switch (event.kind) {
    case "asked": {
      const choices = event.choices.map((choice) => toSafeText(choice, 100));
      return keepDefined([
        joinRichText(keepDefined([toSafeText(event.text, 2_000), event.reminder > 0 ? ` ${reminder}` : undefined])),
        choices.length > 0 ? line(fields.choices, joinRichText(choices, " · ")) : undefined,
      ]);
    }
    case "answered":
      return [line(fields.answer, toSafeText(event.text, 1_000)), line(fields.by, renderName(event.by))];
    case "plan_approved":
      return [line(fields.by, renderName(event.by))];
    case "critical":
    case "failed":
    case "plan_failed":
      return [toSafeText(renderReason(event, texts), 300)];
    case "ticket":
      return event.text === "" ? [] : [toSafeText(event.text, 300)];
    case "claim_lost":
      return [
        fillTemplate(losses[event.why], {
          minutes: String(event.minutes ?? DEFAULT_CLAIM_MINUTES),
          by: renderName(event.by ?? "?"),
        }),
        line(fields.heldSince, localizeMoment(locale, timezone, Date.parse(event.since), 0)),
      ];
    case "addressed":
      return [toSafeText(event.text, 300), line(fields.by, renderName(event.by))];
    case "review":
      return keepDefined([
        event.text === "" ? undefined : toSafeText(event.text, 300),
        line(fields.confidence, localizeNumber(locale, event.confidence)),
      ]);
    case "sent_back":
    case "plan_rejected":
      return keepDefined([
        event.reason === null ? undefined : line(fields.reason, toSafeText(event.reason, 300)),
        event.by === null ? undefined : line(fields.by, renderName(event.by)),
      ]);
    case "stuck":
      return [line(fields.waitsFor, toSafeText(event.blocker, 40), ` ${stuck[event.why]}`)];
    case "circle":
      return [
        joinRichText(
          event.path.map((key) => toSafeText(key, 40)),
          " → ",
        ),
      ];
    default:
      return [];
  }
}

/** A refusal in the reader's language, or else the event's own text. */
function renderReason({ text, refusal }: { text: string; refusal?: Refusal }, texts: TelegramTexts): string {
  return (refusal && renderRefusal(texts, refusal)) ?? text;
}

/** `Onboarding (ONB)`, or the name alone of a project that does not exist yet. */
export function renderProjectName({ name, identifier }: { name: string; identifier: string }): RichText {
  return identifier === "" ? toSafeText(name) : joinRichText([toSafeText(name), " (", toSafeText(identifier, 20), ")"]);
}

const renderName = (name: string) => toSafeText(name, NAME_LIMIT);

function renderList<T>(texts: TelegramTexts, values: readonly T[], render: (value: T) => RichText): RichText {
  const rest = values.length - LIST_LIMIT;
  return joinRichText(
    keepDefined([
      ...values.slice(0, LIST_LIMIT).map(render),
      rest > 0 ? localizeCount(texts, texts.more, rest) : undefined,
    ]),
    ", ",
  );
}

function renderCycleProgress(
  { locale, progress }: TelegramTexts,
  { done, total }: { done: number; total: number },
): string {
  return formatTemplate(progress, { done: localizeNumber(locale, done), total: localizeNumber(locale, total) });
}
