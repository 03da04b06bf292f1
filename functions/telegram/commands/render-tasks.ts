import { localizeMomentInSentence, localizeNumber, localizePercent } from "../../../shared/i18n/localize.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import { joinRichText, type RichText, toBold, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Ms } from "../../../shared/time.ts";
import type { KeptCard } from "../../../shared/work/card/card-record.ts";
import { type KeptClaim, readLiveClaims } from "../../../shared/work/claims/find-claim.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { readOpenBlockers } from "../../../shared/work/tasks/open-blockers.ts";
import { STATUS_EMOJI } from "../presentation/emoji.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import type { CommandContext } from "./command.ts";

const TITLE_LIMIT = 120;
const BLOCKER_LIMIT = 5;
/** Number of blocks of a progress bar. */
const BAR_BLOCKS = 10;

/** Renders a task as a link to Plane: `ONB-12 Write the welcome mail`. */
export function renderTaskLink(
  { presentation }: Pick<CommandContext, "presentation">,
  { key, item, url }: Task,
): RichText {
  const parts = [toSafeText(key, 40), toSafeText(item.snapshot.name, TITLE_LIMIT)].filter(({ text }) => text !== "");
  return toLink(joinRichText(parts, " "), url, presentation.origins);
}

export function renderHeading(emoji: string, text: string): RichText {
  return joinRichText([`${emoji} `, toBold(text)]);
}

/** `ONB ▓▓▓▓░░░░░░ 40 % · 2 of 5 closed` */
export function renderProjectProgress(
  context: CommandContext,
  project: KeptProject,
  { closed, total }: { closed: number; total: number },
): RichText {
  const { locale, answers } = context.presentation.texts;
  const counts = fillTemplate(answers.closed, {
    closed: localizeNumber(locale, closed),
    total: localizeNumber(locale, total),
  });
  return joinRichText([
    renderProjectName(project),
    `\n${renderProgressBar(context, total === 0 ? 0 : closed / total)} · `,
    counts,
  ]);
}

/** `▓▓▓▓░░░░░░ 40 %` */
export function renderProgressBar({ presentation: { texts } }: CommandContext, ratio: number): string {
  const fullBlocks = Math.floor(ratio * BAR_BLOCKS);
  const percent = localizePercent(texts.locale, Math.floor(ratio * 100) / 100);
  return `${"▓".repeat(fullBlocks)}${"░".repeat(BAR_BLOCKS - fullBlocks)} ${percent}`;
}

/** Renders the open tasks of a project or a cycle, in sections by what they wait for. */
export async function renderOpenTasks(context: CommandContext, open: readonly Task[]): Promise<RichText[]> {
  const { headings } = context.presentation.texts.answers;
  const isReview = ({ item }: Task) => isInReview(item);
  const isWaiting = (task: Task) => isBlocked(task.item) && !isReview(task);
  const isInProgress = (task: Task) => task.item.snapshot.word === "in_progress" && !isReview(task) && !isWaiting(task);
  const isNext = (task: Task) => !isReview(task) && !isWaiting(task) && !isInProgress(task);
  const renderMatching = (matches: (task: Task) => boolean) => renderTaskLines(context, open.filter(matches));
  return [
    ...renderSection("🔵", headings.atWork, await renderMatching(isInProgress)),
    ...renderSection("🙋", headings.waiting, await renderMatching(isReview)),
    ...renderSection("⛔", headings.blocked, await renderMatching(isWaiting)),
    ...renderSection("⬜", headings.todo, await renderMatching(isNext)),
  ];
}

/** Renders one line per task: status, agent, start, progress and open blockers. */
export async function renderTaskLines(context: CommandContext, tasks: readonly Task[]): Promise<RichText[]> {
  const { store } = context.deps;
  const ids = tasks.map(({ id }) => id);
  const [claims, cards, blockers, now] = await Promise.all([
    readLiveClaims(context.deps, ids),
    store.read<KeptCard>(ids.map(workKeys.card)),
    readOpenBlockers(
      context.deps,
      tasks.map(({ item }) => item),
    ),
    store.now(),
  ]);
  return tasks.map((task, i) => {
    const { item } = task;
    const notes: (RichText | string)[] = [];
    const claim = claims[i];
    const workers = claim ? [claim.agent] : (item.owners ?? []);
    if (workers.length > 0) notes.push(toSafeText(workers.join(", "), 80));
    const since = getWorkStart(claim, task);
    if (since !== undefined) notes.push(renderSince(context, since, now));
    const percent = cards[i]?.value.percent;
    if (percent !== undefined && item.snapshot.word === "in_progress") notes.push(formatTaskPercent(context, percent));
    if (isInReview(item)) notes.push(context.presentation.texts.answers.inReview);
    const openBlockers = item.blockers.flatMap((id) => blockers.get(id)?.key ?? []);
    if (openBlockers.length > 0) {
      const listedBlockers =
        openBlockers.slice(0, BLOCKER_LIMIT).join(", ") + (openBlockers.length > BLOCKER_LIMIT ? ", …" : "");
      notes.push(fillTemplate(context.presentation.texts.answers.waitsFor, { keys: toSafeText(listedBlockers) }));
    }
    const line = joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task)]);
    return notes.length === 0 ? line : joinRichText([line, " (", joinRichText(notes, ", "), ")"]);
  });
}

export function getTaskEmoji({ item }: Task): string {
  if (isInReview(item)) return "🔍";
  return STATUS_EMOJI[isBlocked(item) ? "blocked" : item.snapshot.word];
}

/** Returns the start of the work: by the store's clock for a claimed task, otherwise by Plane's clock. */
export function getWorkStart(claim: KeptClaim | undefined, { item }: Task): Ms | undefined {
  if (claim) return claim.since;
  if (item.startedAt === undefined || item.snapshot.word !== "in_progress") return undefined;
  return Date.parse(item.startedAt);
}

export function renderSince(
  { presentation: { texts }, deps: { settings } }: CommandContext,
  since: Ms,
  now: Ms,
): RichText {
  return fillTemplate(texts.answers.since, {
    at: localizeMomentInSentence(texts.locale, settings.timezone, since, now),
  });
}

export function formatTaskPercent({ presentation: { texts } }: CommandContext, percent: number): string {
  return localizePercent(texts.locale, percent / 100);
}

/** Renders a heading with its lines and a blank line before it; nothing if there are no lines. */
export function renderSection(emoji: string, head: string, lines: readonly RichText[]): RichText[] {
  return lines.length === 0 ? [] : [toPlainText(""), renderHeading(emoji, head), ...lines];
}
