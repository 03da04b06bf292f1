import { localizeCount } from "../../../shared/i18n/plural.ts";
import { joinRichText, type RichText, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { countTickets, readTickets } from "../../../shared/tickets/read-tickets.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { hasFailedStep } from "../../../shared/tickets/ticket-wait.ts";
import { EVENT_EMOJI } from "../presentation/emoji.ts";
import type { CommandContext } from "./command.ts";
import { renderSince } from "./render-tasks.ts";

/** `🎫 Tickets: 2 wait for approval, 1 session, 0 results to approve`; empty where there are no tickets. */
export async function renderTicketCounts({ deps, presentation }: CommandContext): Promise<RichText[]> {
  if (!deps.settings.tickets) return [];
  const { texts } = presentation;
  const { heading, counts } = texts.live.ticket;
  const [{ pending, active }, results] = await Promise.all([
    countTickets(deps.store),
    readTickets(deps, ["completed"]),
  ]);
  const parts = [
    localizeCount(texts, counts.pending, pending),
    localizeCount(texts, counts.active, active),
    localizeCount(texts, counts.results, results.length),
  ];
  return [toPlainText(`${EVENT_EMOJI.ticket} ${heading}${texts.colon}${parts.join(", ")}`)];
}

/** `🎫 ONB-12 Write the welcome mail (ticket to approve, since 08:00)`, the most urgent first. */
export async function renderTicketLines(context: CommandContext): Promise<RichText[]> {
  const { deps, presentation } = context;
  if (!deps.settings.tickets) return [];
  const [tickets, now] = await Promise.all([
    readTickets(deps, ["pending", "waiting", "completed", "updating"]),
    deps.store.now(),
  ]);
  return tickets.flatMap((ticket) => {
    const { key, shown, item } = ticket;
    const wait = findWait(ticket);
    if (!wait) return [];
    const title = joinRichText([toSafeText(key), " ", toSafeText(shown.content.title)]);
    const notes = joinRichText(
      [presentation.texts.live.ticket.waits[wait.kind], renderSince(context, wait.since, now)],
      ", ",
    );
    return joinRichText([`${EVENT_EMOJI.ticket} `, toLink(title, item.url, presentation.origins), " (", notes, ")"]);
  });
}

/** What a ticket waits for, and since when. */
function findWait(ticket: Ticket): { kind: "approval" | "answer" | "result" | "update"; since: number } | undefined {
  const { state, requestedAt, questions, completion, update } = ticket;
  const [question] = questions.filter(({ answer }) => !answer);
  if (state === "pending") return { kind: "approval", since: requestedAt };
  if (question) return { kind: "answer", since: question.at };
  if (state === "completed" && completion) return { kind: "result", since: completion.at };
  return update && hasFailedStep(ticket) ? { kind: "update", since: update.at } : undefined;
}
