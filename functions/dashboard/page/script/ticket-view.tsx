/**
 * The view Tickets: what waits for approval, sessions, results, and the rules that allow tools without asking; and the
 * page of one ticket.
 */

import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type {
  CompletedTicketsAnswer,
  SessionsAnswer,
  TicketPageAnswer,
  WorktreesAnswer,
} from "../../../../shared/tickets/ticket-views.ts";
import type { RequestAnswer } from "../../../requests.ts";
import { fetchAnswer, fetchText, fillPath } from "./api.ts";
import { drawPart, Moment } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import { getRequests, loadInbox, onRequests } from "./inbox.tsx";
import { formatCount, formatDuration, formatMoney, translate } from "./language.ts";
import { RequestCard } from "./request-card.tsx";
import {
  findTicketText,
  onTicketChange,
  openApprovedTerminal,
  reloadTickets,
  TerminalButton,
  Terminals,
  TicketButton,
  type TicketTextName,
  translateTicket,
} from "./ticket-actions.tsx";
import {
  Attention,
  CompletedCard,
  describeAttention,
  EditButton,
  FailedCard,
  RuleCard,
  Screen,
  SessionCard,
  TicketFacts,
  TicketHead,
  TicketRequests,
  TicketText,
  WorktreeCard,
} from "./ticket-cards.tsx";
import { Diff, type DiffProps, formatNotes, type LineNote } from "./ticket-diff.tsx";
import { showTrouble } from "./updates.tsx";
import { place } from "./views.ts";

/** What the settings file needs at least. */
const EXAMPLE = '{ "tickets": { "repositories": { "ONB": "/srv/onboarding" } } }';

/** States in which a session may be stopped, and those in which it has a terminal. */
const ACTIVE = ["approved", "starting", "running", "waiting"];

interface Answers {
  sessions: SessionsAnswer;
  completed: CompletedTicketsAnswer;
  worktrees: WorktreesAnswer;
}

let answers: Answers | undefined;

/** One load follows the other, so that no answer is older than the one before. */
let lastLoad: Promise<void> = Promise.resolve();

/** The ticket that the address names. */
let page: TicketPageAnswer | undefined;

/** Loads the tickets, or only the sessions, and shows them; or only the ticket that the address names. */
export async function showTickets(which: "all" | "sessions" = "all"): Promise<void> {
  const { ticket: key } = place;
  if (key !== undefined) {
    if (page?.id !== key) drawPart("tickets-view", <p class="empty">{translate("loading")}</p>);
    page = await fetchAnswer("/api/tickets/:key", { key });
    return draw();
  }
  const load = () => loadAnswers(which === "sessions" ? answers : undefined);
  lastLoad = lastLoad.then(load, load);
  await lastLoad;
  draw();
}

/** @param known what needs not be loaded besides the sessions */
async function loadAnswers(known: Answers | undefined): Promise<void> {
  const [sessions, completed, worktrees] = await Promise.all([
    fetchAnswer("/api/sessions"),
    known?.completed ?? fetchAnswer("/api/completed-tickets"),
    known?.worktrees ?? fetchAnswer("/api/worktrees"),
  ]);
  answers = { sessions, completed, worktrees };
}

function draw(): void {
  const { ticket: key } = place;
  if (key !== undefined && page?.id !== key) return;
  const cost = getElement("tickets-cost");
  cost.textContent = "";
  if (page && key !== undefined) return void drawPart("tickets-view", <TicketPage key={key} ticket={page} />);
  if (!answers) return;
  const { configured, cost_today } = answers.sessions;
  if (configured) cost.textContent = translateTicket("cost.today", { cost: formatMoney(cost_today.cost_usd) });
  drawPart("tickets-view", <Tickets {...answers} />);
}

onRequests(draw);

onTicketChange(
  () => Promise.all([loadInbox(), showTickets()]).then(draw, (thrown) => showTrouble("tickets", thrown)),
  draw,
);

function Tickets({ sessions, completed, worktrees }: Answers) {
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
      {worktrees.count > 0 && <Part name="worktrees" {...worktrees} rows={worktrees.worktrees} Card={WorktreeCard} />}
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

/** The page of a ticket: what waits for a person, what its branch changes, and the history of its rounds. */
function TicketPage({ ticket }: { ticket: TicketPageAnswer }) {
  const { id, state, attention, rounds, description, comment, comments, done_when: needs } = ticket;
  const [notes, setNotes] = useState<readonly LineNote[]>([]);
  const [latest] = rounds;
  const canSendBack = getRequests().some(({ subject, answers }) => subject.key === id && answers.includes("send_back"));
  const isActive = ACTIVE.includes(state);
  const change = (note: LineNote, isRemoved = false) =>
    setNotes((all) => (isRemoved ? all.filter((one) => one !== note) : [...all, note]));
  const needed = (["commit", "tests"] as const).filter((name) => needs?.[name]);
  const said = [comments, comment].filter(Boolean).join("\n\n");
  const history = rounds.map((round) => <Round key={`${round.run}.${round.round}`} round={round} />);
  return (
    <article class="ticket ticket-page" data-ticket={id} data-state={state}>
      <a href="/tickets">← {translateTicket("page.all")}</a>
      <TicketHead {...ticket} tag="h3" />
      <Attention text={attention} />
      <TicketRequests
        ticket={id}
        notes={formatNotes(notes)}
        onDone={() => reloadTickets().finally(() => setNotes([]))}
      />
      <div class="actions">
        {isActive && <TerminalButton ticket={id} />}
        {isActive && <TicketButton ticket={id} name="extend" />}
        {isActive && <TicketButton ticket={id} name="complete" />}
        {state === "completed" && <EditButton ticket={id} summary={latest?.summary ?? ""} />}
        {isActive && <TicketButton ticket={id} name="cancel" />}
        {!isActive && ticket.run > 0 && <TicketButton ticket={id} name="remove" />}
      </div>
      <Terminals />
      {latest && <TicketFacts ticket={ticket} />}
      {needed.length > 0 && (
        <p class="muted">
          {translateTicket("page.needs", { what: needed.map((name) => findTicketText(`needs.${name}`)).join(", ") })}
        </p>
      )}
      {isActive && <Screen {...ticket} />}
      {latest && <Changes ticket={ticket} notes={notes} onNote={canSendBack ? change : undefined} />}
      {rounds.length > 0 && <Section name="page.rounds" content={<ol>{history}</ol>} />}
      {description !== "" && (
        <Section name="description" content={<TicketText name="description" text={description} />} />
      )}
      {said !== "" && <Section name="comment" content={<TicketText name="comment" text={said} />} />}
    </article>
  );
}

/** The difference of the present round. It is loaded again when a commit was added. */
function Changes({
  ticket: { id, run, commits = [] },
  ...noted
}: Omit<DiffProps, "text"> & { ticket: TicketPageAnswer }) {
  const [text, setText] = useState<string>();
  const head = commits[0]?.id;
  useEffect(() => {
    let isWanted = head !== undefined;
    if (isWanted)
      fetchText(fillPath("/api/tickets/:key/diff", { key: id })).then(
        (diff) => isWanted && setText(diff),
        () => isWanted && setText(undefined),
      );
    return () => {
      isWanted = false;
    };
  }, [id, run, head]);
  if (head === undefined || text === undefined) return null;
  return <Section name="page.changes" content={<Diff text={text} {...noted} />} />;
}

/** A round: what was asked, what came of it, and what it took. */
function Round({ round }: { round: TicketPageAnswer["rounds"][number] }) {
  const { run, round: number, by, at, text, summary, state, reason, detail, seconds, cost_usd, tests } = round;
  const end = [translateTicket(`state.${state}`), findTicketText(`why.${reason}`), describeAttention(detail)];
  const figures = [
    seconds !== undefined && formatDuration(seconds * 1000),
    cost_usd !== undefined && formatMoney(cost_usd),
    tests && (tests.problem ?? translateTicket("round.tests")),
  ];
  return (
    <li data-round={`${run}.${number}`}>
      <p class="line">
        <b>{translateTicket("round", { run, round: number })}</b>
        <span>{translateTicket(text === undefined ? "round.approved" : "round.sent_back", { by })}</span>
        <Moment at={at} />
        <span class="muted">{figures.filter(Boolean).join(" · ")}</span>
      </p>
      {text !== undefined && <TicketText name="round.text" text={text} />}
      {round.is_new_conversation && <p class="notice">{translateTicket("round.new")}</p>}
      {summary !== undefined && <TicketText name="summary" text={summary} />}
      {summary === undefined && <p class="muted">{end.filter(Boolean).join(" · ")}</p>}
    </li>
  );
}

function Section({ name, content }: { name: TicketTextName; content: ComponentChildren }) {
  return (
    <section class="ticket-part" data-part={name}>
      <h4>{translateTicket(name)}</h4>
      {content}
    </section>
  );
}
