/** The page of a ticket: what waits for a person, what its branch changes, and the history of its rounds. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { TicketPageAnswer } from "../../../../shared/tickets/ticket-views.ts";
import { fetchText, fillPath } from "./api.ts";
import { Button, Moment, UserText } from "./elements.tsx";
import { getRequests } from "./inbox.tsx";
import { formatDuration, formatMoney } from "./language.ts";
import { PlaneLink } from "./task-card.tsx";
import { findTicketText, Messages, reloadTickets, TicketButton, translateTicket } from "./ticket-actions.tsx";
import { describeAttention, TicketFacts, TicketRequests, TicketText } from "./ticket-cards.tsx";
import { Diff, formatNotes, type LineNote } from "./ticket-diff.tsx";
import { Screen } from "./ticket-sessions.tsx";
import { openTerminal, Terminals } from "./ticket-terminals.tsx";

/** States in which a session may be stopped, and those in which it has a terminal. */
const ACTIVE = ["approved", "starting", "running", "waiting"];

export function TicketPage({ ticket }: { ticket: TicketPageAnswer }) {
  const { id, title, url, state, attention, rounds, description, comment, comments, done_when: needs } = ticket;
  const [notes, setNotes] = useState<readonly LineNote[]>([]);
  const [latest] = rounds;
  const canSendBack = getRequests().some(({ subject, answers }) => subject.key === id && answers.includes("send_back"));
  const isActive = ACTIVE.includes(state);
  const change = (note: LineNote, isRemoved = false) =>
    setNotes(isRemoved ? notes.filter((one) => one !== note) : [...notes, note]);
  const needed = (["commit", "tests"] as const).filter((name) => needs?.[name]);
  return (
    <article class="ticket ticket-page" data-ticket={id} data-state={state}>
      <Messages />
      <div class="line">
        <a href="/tickets">← {translateTicket("page.all")}</a>
        <a class="key" href={`/task/${encodeURIComponent(id)}`}>
          {id}
        </a>
        <h3 class="grow">
          <UserText text={title} max={500} />
        </h3>
        <span class="ticket-state">{translateTicket(`state.${state}`)}</span>
        <PlaneLink url={url} task={id} />
      </div>
      {attention !== undefined && (
        <p class="notice">{translateTicket("attention", { text: describeAttention(attention) })}</p>
      )}
      <TicketRequests
        ticket={id}
        notes={formatNotes(notes)}
        onDone={() => reloadTickets().finally(() => setNotes([]))}
      />
      <div class="actions">
        {isActive && (
          <Button class="go" subject={id} onPress={() => openTerminal(id)}>
            {translateTicket("do.terminal")}
          </Button>
        )}
        {isActive && <TicketButton ticket={id} name="extend" />}
        {isActive && <TicketButton ticket={id} name="complete" asks />}
        {state === "completed" && (
          <TicketButton ticket={id} name="update" asks value={latest?.summary ?? ""}>
            {translateTicket("do.edit")}
          </TicketButton>
        )}
        {isActive && <TicketButton ticket={id} name="cancel" asks />}
        {!isActive && ticket.run > 0 && <TicketButton ticket={id} name="remove" asks />}
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
      <Part name="page.rounds" isShown={rounds.length > 0}>
        <ol>
          {rounds.map((round) => (
            <Round key={`${round.run}.${round.round}`} round={round} />
          ))}
        </ol>
      </Part>
      <Part name="description" isShown={description !== ""}>
        <TicketText name="description" text={description} />
      </Part>
      <Part name="comment" isShown={comment !== undefined || comments !== undefined}>
        <TicketText name="comment" text={[comments, comment].filter(Boolean).join("\n\n")} />
      </Part>
    </article>
  );
}

interface PartProps {
  name: "page.rounds" | "page.changes" | "description" | "comment";
  isShown: boolean;
  children: ComponentChildren;
}

function Part({ name, isShown, children }: PartProps) {
  if (!isShown) return null;
  return (
    <section class="ticket-part" data-part={name}>
      <h4>{translateTicket(name)}</h4>
      {children}
    </section>
  );
}

interface ChangesProps {
  ticket: TicketPageAnswer;
  notes: readonly LineNote[];
  onNote: ((note: LineNote, isRemoved?: boolean) => void) | undefined;
}

/** The difference of the present round. It is loaded again when a commit was added. */
function Changes({ ticket: { id, run, commits = [] }, notes, onNote }: ChangesProps) {
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
  return (
    <Part name="page.changes" isShown={head !== undefined && text !== undefined}>
      <Diff text={text ?? ""} notes={notes} onNote={onNote} />
    </Part>
  );
}

/** A round: what was asked, what came of it, and what it took. */
function Round({ round }: { round: TicketPageAnswer["rounds"][number] }) {
  const { run, round: number, by, at, text, summary, state, reason, detail, seconds, cost_usd, tests } = round;
  const why = summary === undefined ? (findTicketText(`why.${reason}`) ?? "") : "";
  return (
    <li data-round={`${run}.${number}`}>
      <p class="line">
        <b>{translateTicket("round", { run, round: number })}</b>
        <span>{translateTicket(text === undefined ? "round.approved" : "round.sent_back", { by })}</span>
        <Moment at={at} />
        <span class="muted">
          {[
            seconds !== undefined && formatDuration(seconds * 1000),
            cost_usd !== undefined && formatMoney(cost_usd),
            tests && (tests.problem ?? translateTicket("round.tests")),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </p>
      {text !== undefined && <TicketText name="round.text" text={text} />}
      {round.is_new_conversation && <p class="notice">{translateTicket("round.new")}</p>}
      {summary !== undefined && <TicketText name="summary" text={summary} />}
      {summary === undefined && (
        <p class="muted">
          {[translateTicket(`state.${state}`), why, describeAttention(detail)].filter(Boolean).join(" · ")}
        </p>
      )}
    </li>
  );
}
