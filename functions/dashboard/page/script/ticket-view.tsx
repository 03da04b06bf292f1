/** The view Tickets: what waits for approval, sessions, results, and the rules that allow tools without asking. */

import type { ComponentChildren, ComponentType } from "preact";
import type {
  CompletedTicketsAnswer,
  SessionsAnswer,
  TicketPageAnswer,
  WorktreesAnswer,
} from "../../../../shared/tickets/ticket-views.ts";
import type { RequestAnswer } from "../../../requests.ts";
import { fetchAnswer } from "./api.ts";
import { drawPart } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import { getRequests, loadInbox, onRequests } from "./inbox.tsx";
import { formatCount, formatMoney, translate } from "./language.ts";
import { RequestCard } from "./request-card.tsx";
import { findTicketText, Messages, onTicketChange, reloadTickets, translateTicket } from "./ticket-actions.tsx";
import { CompletedCard, FailedCard, RuleCard, WorktreeCard } from "./ticket-cards.tsx";
import { TicketPage } from "./ticket-page.tsx";
import { SessionCard } from "./ticket-sessions.tsx";
import { openApprovedTerminal, Terminals } from "./ticket-terminals.tsx";
import { showTrouble } from "./updates.tsx";
import { getNamedTicket } from "./views.ts";

/** What the settings file needs at least. */
const EXAMPLE = '{ "tickets": { "repositories": { "ONB": "/srv/onboarding" } } }';

const PATHS = {
  sessions: "/api/sessions",
  completed: "/api/completed-tickets",
  worktrees: "/api/worktrees",
} as const;

interface TicketAnswers {
  sessions: SessionsAnswer;
  completed: CompletedTicketsAnswer;
  worktrees: WorktreesAnswer;
}

/** The newest answers, and the number of the request of each. */
const answers: Partial<TicketAnswers> = {};
const answeredRequests: Partial<Record<keyof TicketAnswers, number>> = {};

let requestCount = 0;

/** The ticket that the address names. */
let page: TicketPageAnswer | undefined;

/** Loads the tickets, or only the sessions, and shows them; or only the ticket that the address names. */
export async function showTickets(which: "all" | "sessions" = "all"): Promise<void> {
  const key = getNamedTicket();
  if (key !== undefined) {
    if (page?.id !== key) drawPart("tickets-view", <p class="empty">{translate("loading")}</p>);
    page = await fetchAnswer("/api/tickets/:key", { key });
    return draw();
  }
  const names = which === "all" ? (["sessions", "completed", "worktrees"] as const) : (["sessions"] as const);
  await Promise.all(names.map(loadAnswer));
  draw();
}

/** Keeps the newest answer: one that is overtaken by the answer of a later request is not kept. */
async function loadAnswer(name: keyof TicketAnswers) {
  requestCount += 1;
  const request = requestCount;
  const answer = await fetchAnswer(PATHS[name]);
  if (request < (answeredRequests[name] ?? 0)) return;
  answeredRequests[name] = request;
  Object.assign(answers, { [name]: answer });
}

function draw() {
  const key = getNamedTicket();
  if (key !== undefined) {
    if (page?.id !== key) return;
    getElement("tickets-cost").textContent = "";
    return void drawPart("tickets-view", <TicketPage key={key} ticket={page} />);
  }
  const { sessions, completed, worktrees } = answers;
  if (!sessions || !completed || !worktrees) return;
  const { configured, cost_today } = sessions;
  const cost = translateTicket("cost.today", { cost: formatMoney(cost_today.cost_usd) });
  getElement("tickets-cost").textContent = configured ? cost : "";
  drawPart("tickets-view", <Tickets {...{ sessions, completed, worktrees }} />);
}

onRequests(draw);

onTicketChange(
  () =>
    Promise.all([loadInbox(), showTickets()]).then(
      () => {},
      (thrown) => showTrouble("tickets", thrown),
    ),
  draw,
);

function Tickets({ sessions, completed, worktrees }: TicketAnswers) {
  const { configured, runners, server_time, failed, rules } = sessions;
  const completedCount = completed.count + completed.updated_count;
  const results = [...completed.tickets, ...completed.updated];
  const older = completedCount - results.length;
  const now = Date.parse(server_time);
  const running = sessions.sessions.map((session) => ({ ...session, now }));
  const names = runners.map(({ name }) => name).join(", ");
  const pending = getRequests().filter(({ kind }) => kind === "ticket");
  const isShown = configured || pending.length + sessions.count + completedCount > 0;
  return (
    <>
      <Messages />
      <Notices {...sessions} />
      {isShown && <Part name="pending" count={pending.length} rows={pending} Card={PendingCard} />}
      {isShown && (
        <Part name="sessions" count={sessions.count} rows={running} Card={SessionCard}>
          <Terminals />
        </Part>
      )}
      {failed.length > 0 && <Part name="failed" count={failed.length} rows={failed} Card={FailedCard} />}
      {isShown && (
        <Part name="completed" count={completedCount} rows={results} Card={CompletedCard}>
          {older > 0 && <p class="muted">{translateTicket("completed.more", { n: formatCount(older) })}</p>}
        </Part>
      )}
      {rules.length > 0 && <Part name="rules" count={rules.length} rows={rules} Card={RuleCard} />}
      {worktrees.count > 0 && (
        <Part name="worktrees" count={worktrees.count} rows={worktrees.worktrees} Card={WorktreeCard} />
      )}
      {names && <p class="muted">{translateTicket("runners", { names })}</p>}
    </>
  );
}

/** A ticket that waits for approval. Once it is approved, its terminal opens. */
function PendingCard({ ticket: request }: { ticket: RequestAnswer }) {
  const open = (answer: string) => answer === "approve" && openApprovedTerminal(request.subject.key ?? "");
  return <RequestCard request={request} onDone={reloadTickets} onDecided={open} />;
}

interface PartProps<Row> {
  name: "pending" | "sessions" | "failed" | "completed" | "rules" | "worktrees";
  /** Number of all, of which `rows` are shown. */
  count: number;
  rows: readonly Row[];
  Card: ComponentType<{ ticket: Row }>;
  children?: ComponentChildren;
}

function Part<Row extends { id: string }>({ name, count, rows, Card, children }: PartProps<Row>) {
  const cards = rows.map((row) => <Card key={row.id} ticket={row} />);
  return (
    <section class="ticket-part" data-part={name} aria-labelledby={`tickets-${name}`}>
      <h3 id={`tickets-${name}`}>
        {translateTicket(`part.${name}`)}
        {count > 0 && <b> {formatCount(count)}</b>}
      </h3>
      {count === 0 && <p class="empty">{findTicketText(`none.${name}`)}</p>}
      <ul class={name === "pending" ? "requests" : undefined}>{cards}</ul>
      {children}
    </section>
  );
}

/** Says what keeps tickets from running. */
function Notices({ configured, runners, sessions }: SessionsAnswer) {
  if (!configured)
    return (
      <div class="notice">
        <b>{translateTicket("off")}</b>
        <p>{translateTicket("off.how")}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
        <pre tabIndex={0}>{EXAMPLE}</pre>
      </div>
    );
  if (runners.length === 0) return <p class="notice">{translateTicket("runner.none")}</p>;
  const away = sessions.flatMap(({ runner }) => (runner && runners.every(({ name }) => name !== runner) ? runner : []));
  return [...new Set(away)].map((name) => (
    <p key={name} class="notice">
      {translateTicket("runner.away", { name })}
    </p>
  ));
}
