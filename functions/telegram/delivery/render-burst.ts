import { localizeCount } from "../../../shared/i18n/plural.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { EventKind } from "../../../shared/task/events.ts";
import { type ActionBody, getEventProject } from "../../../shared/task/rule-set.ts";
import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toLink,
  toPlainText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../presentation/emoji.ts";
import { renderNotificationDetails, renderProjectName } from "../presentation/notification-details.ts";
import type { Presentation } from "../presentation/presentation.ts";
import { isClosedWithoutResult, renderResultLine } from "../presentation/render-result.ts";
import { BURST_LINE_LIMIT, type BurstContent, type NotificationGroup } from "./burst-content.ts";

/**
 * Renders the text of one message: a single notification in full, a few as lines, more than ten (or too long ones) as
 * counts.
 * @param repeat an earlier send may have arrived; the message says so
 */
export function renderBurst(burst: BurstContent, presentation: Presentation, repeat = false): RichText {
  const mark = repeat ? `\n${presentation.texts.repeat}` : "";
  const limit = MESSAGE_LIMIT - mark.length;
  return joinRichText([renderContent(burst, presentation, limit), toPlainText(mark)]);
}

function renderContent({ count, notices, groups }: BurstContent, presentation: Presentation, limit: number): RichText {
  const [first] = notices;
  if (count === 1 && first)
    return truncateRichText(
      joinRichText([renderHead(first, presentation), ...renderNotificationDetails(first, presentation)], "\n"),
      limit,
    );
  if (count <= BURST_LINE_LIMIT) {
    for (const limits of RESULT_LIMITS) {
      const lines = notices.flatMap((notification) => renderLines(notification, presentation, limits));
      const joined = joinRichText(lines, "\n");
      if (joined.text.length <= limit && fitsEntityLimits(lines)) return joined;
    }
  }
  return renderSummary(groups, presentation, limit);
}

/** How much of each result the lines show: as much as fits into one message, in the end nothing of it. */
const RESULT_LIMITS = [{ text: 200, files: 2 }, { text: 100, files: 1 }, { text: 40, files: 1 }, undefined] as const;

/** The line of a notification and, for a completed task, a second one with its result. */
function renderLines(
  notification: ActionBody,
  presentation: Presentation,
  limits: (typeof RESULT_LIMITS)[number],
): RichText[] {
  return keepDefined([
    renderLine(notification, presentation),
    limits && renderResultLine(notification, presentation, limits),
  ]);
}

/** `✅ Completed: ONB-12 Write the welcome mail` */
function renderHead({ event, facts }: ActionBody, { texts, origins }: Presentation, titleLimit = 256): RichText {
  const agentSuffix = "agent" in event ? renderAgentSuffix(event, texts) : [];
  const isClosed = isClosedWithoutResult({ event, facts });
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[event.kind]} `,
    toBold(isClosed ? texts.closedProject.headline : texts.events[event.kind]),
    ...agentSuffix,
    texts.colon,
    renderSubject({ event, facts }, origins, titleLimit),
  ]);
}

/** Names the agent in the headline, where no text of an agent can appear: `from Thot` introduces its own words. */
function renderAgentSuffix(
  { kind, agent }: { kind: EventKind; agent: string },
  texts: Presentation["texts"],
): (RichText | string)[] {
  const name = toSafeText(agent, 40);
  return kind === "asked" || kind === "critical" ? [` ${texts.fromAgent} `, name] : [" (", name, ")"];
}

function renderSubject(
  { event, facts }: Pick<ActionBody, "event" | "facts">,
  origins: readonly string[],
  limit: number,
): RichText {
  const { item, cycle } = facts;
  if (item) {
    const parts = [toSafeText(item.key), toSafeText(item.title, limit)].filter(({ text }) => text !== "");
    return toLink(joinRichText(parts, " "), item.url, origins);
  }
  if (cycle) return toSafeText(cycle.name, limit);
  const project = getEventProject(event, facts);
  return toLink(renderProjectName(project), project.url, origins);
}

/** A headline with the agent, or the blockers of a blocked task. */
function renderLine(notification: ActionBody, presentation: Presentation): RichText {
  const { event, facts } = notification;
  const { item } = facts;
  const blockers = event.kind === "blocked" ? (item?.blockers ?? []).slice(0, 3).map(({ key }) => key) : [];
  const agents = item?.agent === undefined || "agent" in event ? [] : [item.agent];
  const extra = [...agents, ...blockers].join(", ");
  const head = renderHead(notification, presentation, 120);
  return extra === "" ? head : joinRichText([head, " (", toSafeText(extra, 120), ")"]);
}

/** One line per group, as many as fit, with links while Telegram accepts them, then the number of omitted changes. */
function renderSummary(groups: readonly NotificationGroup[], presentation: Presentation, limit: number): RichText {
  const { texts } = presentation;
  const countRest = (from: number) => groups.slice(from).reduce((sum, group) => sum + group.count, 0);
  const renderRest = (from: number) => localizeCount(texts, texts.moreChanges, countRest(from));
  const lines: RichText[] = [];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    const lineWithLinks = renderGroupLine(group, presentation);
    const next = fitsEntityLimits([...lines, lineWithLinks])
      ? lineWithLinks
      : renderGroupLine(group, { ...presentation, origins: [] });
    const reservedLength = index === groups.length - 1 ? 0 : renderRest(index + 1).length + 1;
    if (length + next.text.length + reservedLength > limit)
      return truncateRichText(joinRichText([...lines, renderRest(index)], "\n"), limit);
    lines.push(next);
    length += next.text.length + 1;
  }
  return joinRichText(lines, "\n");
}

/** `✅ 200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, … and 198 more` */
function renderGroupLine(
  { kind, project, count, named, isClosed }: NotificationGroup,
  { texts, origins }: Presentation,
): RichText {
  const isProjectKind = kind === "project_created" || kind === "project_completed";
  const names = joinRichText(
    named.map(({ name, url }) => toLink(toSafeText(name, 60), url, origins)),
    ", ",
  );
  const projectSuffix = isProjectKind ? [] : [texts.inProject, renderProjectName(project)];
  const rest = count - named.length;
  const separator = named.length > 0 ? ", " : "";
  const restSuffix = rest > 0 ? [separator, localizeCount(texts, texts.more, rest)] : [];
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[kind]} `,
    localizeCount(texts, isClosed ? texts.closedProject.counted : texts.counted[kind], count),
    ...projectSuffix,
    texts.colon,
    names,
    ...restSuffix,
  ]);
}
