import { localizeDuration, localizeMoney, localizeNumber } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { joinRichText, type RichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { type ObservedSession, readSession } from "../../../shared/tickets/observed-session.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { hasFailedStep } from "../../../shared/tickets/ticket-wait.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { Presentation } from "../presentation/presentation.ts";
import type { TicketWaitEvent } from "./live-message.ts";
import { renderLongText } from "./render-long-text.ts";
import type { TicketBody } from "./render-ticket.ts";

/** Limit of the shown summary in UTF-16 units; the page and the comment in Plane have all of it. */
const SUMMARY_LIMIT = 2_000;

/** Renders a result: the summary, the branch, the size of the change, time and cost. */
export async function renderResultBody(
  context: DeliveryContext,
  { wait, run }: TicketWaitEvent,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { ticket: texts } = presentation.texts.live;
  const headline = texts.headlines[wait.kind === "update" ? "update" : "result"];
  const { completion } = ticket ?? {};
  if (ticket?.run !== run || !completion) return { headline, lines: [], buttons: [] };
  const { approveUpdate, retry } = texts.buttons;
  const label = ticket.state === "completed" ? approveUpdate : retry;
  // A step that is being written needs no press.
  const isPressable = ticket.state === "completed" || hasFailedStep(ticket);
  const result =
    wait.kind === "update"
      ? []
      : [
          ...renderLongText(context, completion.summary, SUMMARY_LIMIT),
          ...renderFacts(ticket, await readSession(deps, ticket), presentation),
        ];
  return {
    headline,
    lines: result,
    hint: texts.hints.result,
    buttons: isPressable ? [[{ label, action: "write" }]] : [],
  };
}

/** Renders how far the update of Plane is; empty before it was approved, and for what is no result. */
export function renderUpdateProgress(
  { wait }: TicketWaitEvent,
  { update }: Ticket,
  presentation: Presentation,
): RichText[] {
  if (!update || (wait.kind !== "result" && wait.kind !== "update")) return [];
  const { writing, noComment, noStatus } = presentation.texts.live.ticket.update;
  const isFailed = hasFailedStep({ update });
  if (!isFailed) return [joinRichText(["⏳ ", fillTemplate(writing, { by: toSafeText(update.by, 80) })])];
  const problem = toSafeText(update.problem ?? "", 400);
  return [joinRichText(["⚠️ ", toBold(fillTemplate(update.comment === "done" ? noStatus : noComment, { problem }))])];
}

function renderFacts(
  { completion, approval }: Ticket,
  session: ObservedSession["session"] | undefined,
  { texts }: Presentation,
): RichText[] {
  const { locale } = texts;
  const labels = getTexts(locale).comments.ticket;
  const number = (n: number) => localizeNumber(locale, n);
  const { branch, diff, commits = [], cost_usd: cost } = session ?? {};
  return keepDefined([
    branch ? fillTemplate(labels.branch, { branch: toSafeText(branch) }) : undefined,
    diff &&
      fillTemplate(labels.diff, {
        files: number(diff.files),
        insertions: number(diff.insertions),
        deletions: number(diff.deletions),
      }),
    commits.length > 0 ? toPlainText(localizeCount(texts, texts.live.ticket.commits, commits.length)) : undefined,
    completion &&
      approval &&
      fillTemplate(labels.time, { time: localizeDuration(locale, completion.at - approval.at) }),
    cost === undefined ? undefined : fillTemplate(labels.cost, { cost: localizeMoney(locale, cost, "USD") }),
  ]);
}
