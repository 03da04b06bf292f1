/** A ticket as it is shown: head, state, what waits for a person, and facts, also after its end. */

import type { ComponentChildren } from "preact";
import { stripMarkdown } from "../../../../shared/markdown/plain-text.ts";
import type { Publication } from "../../../../shared/tickets/exchange.ts";
import type {
  CompletedTicket,
  RuleView,
  SessionTicket,
  WorktreesAnswer,
} from "../../../../shared/tickets/ticket-views.ts";
import { Facts, Moment, UserText } from "./elements.tsx";
import { getRequests } from "./inbox.tsx";
import { formatBytes, formatCount, formatDuration, formatMoney, formatTime, translate } from "./language.ts";
import { RequestCard } from "./request-card.tsx";
import { PlaneLink } from "./task-card.tsx";
import {
  findTicketText,
  reloadTickets,
  TicketButton,
  type TicketTextName,
  translateTicket,
} from "./ticket-actions.tsx";
import { chooseTask } from "./views.ts";

/** Limit of commits and conflicts that a card lists; the branch has the others. */
const MAX_LISTED = 10;

/** How Groundcrew names a session without output, with the time of the last one. */
const SILENT = /^silent since (\S+)$/;

interface TicketCardProps {
  ticket: SessionTicket | CompletedTicket;
  /** What follows the title. */
  mark?: ComponentChildren;
  children: ComponentChildren;
}

/** The card of a ticket. Its first line has the key, which shows its activity, the title, the state, and the link to Plane. */
export function TicketCard({ ticket: { id, title, url, state }, mark, children }: TicketCardProps) {
  return (
    <li class="ticket" data-ticket={id} data-state={state}>
      <div class="line">
        <button type="button" class="key" title={translate("card.trail", { key: id })} onClick={() => chooseTask(id)}>
          {id}
        </button>
        <h4 class="grow">
          <UserText text={title} max={500} />
        </h4>
        <span class="ticket-state">{translateTicket(`state.${state}`)}</span>
        {mark}
        <PlaneLink url={url} task={id} />
      </div>
      {children}
    </li>
  );
}

interface TicketRequestsProps {
  /** Key of the ticket. */
  ticket: string;
  notes?: string;
  onDone?: () => Promise<void>;
}

/** What of a ticket waits for a person. */
export function TicketRequests({ ticket, notes = "", onDone = reloadTickets }: TicketRequestsProps) {
  const cards = getRequests()
    .filter(({ subject }) => subject.key === ticket)
    .map((request) => <RequestCard key={request.id} {...{ request, notes, onDone }} />);
  return cards.length > 0 && <ul class="requests">{cards}</ul>;
}

/** A text of people or programs, whole, with its line breaks; a summary of an agent without its Markdown. */
export function TicketText({ name, text }: { name: TicketTextName; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: it scrolls.
    <div class="text" dir="auto" tabIndex={0} role="group" aria-label={translateTicket(name)}>
      {name === "summary" ? stripMarkdown(text) : text}
    </div>
  );
}

interface TicketFactsProps {
  ticket: SessionTicket | CompletedTicket;
  first?: [string, ComponentChildren][];
}

export function TicketFacts({ ticket, first = [] }: TicketFactsProps) {
  const { branch, diff, commits = [], conflicts = [], cost_usd, tokens, dirty, publication } = ticket;
  const commitRows = commits.map(({ id, subject }) => [
    <code key="id">{id.slice(0, 10)}</code>,
    " ",
    <UserText key="subject" text={subject} max={200} />,
  ]);
  const toCode = (text: string) => <code dir="auto">{text}</code>;
  const facts: [string, ComponentChildren][] = [
    ...first,
    ["branch", branch && toCode(branch)],
    ["publication", publication && <PublicationText {...publication} />],
    ["diff", diff && translateTicket("diff", formatCounts(diff))],
    ["cost", cost_usd !== undefined && formatMoney(cost_usd)],
    ["tokens", tokens && translateTicket("tokens", formatCounts(tokens))],
    ["commits", commits.length > 0 && <List rows={commitRows} />],
    ["conflicts", conflicts.length > 0 && <List rows={conflicts.map(toCode)} />],
  ];
  return (
    <>
      <dl>
        <Facts facts={facts.map(([name, value]) => [findTicketText(`fact.${name}`) ?? name, value, name])} />
      </dl>
      {dirty && <p class="muted">{translateTicket("dirty")}</p>}
    </>
  );
}

/** Where the branch has gone: the pull request, and what its checks say. */
function PublicationText({ url, state, checks }: Publication) {
  const { state: is = "none", failed = [] } = checks ?? {};
  return (
    <>
      {url !== undefined && (
        <a href={url} target="_blank" rel="noopener noreferrer">
          <bdi>{url.replace(/^https?:\/\//, "")}</bdi>
        </a>
      )}
      {state && ` ${translateTicket(`publication.${state}`)}`}
      {state === "open" && is !== "none" && (
        <b class="checks" data-is={is}>
          {" "}
          {translateTicket(`checks.${is}`)} <UserText text={failed.join(", ")} max={300} />
        </b>
      )}
    </>
  );
}

function formatCounts(counts: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, formatCount(count)]));
}

function List({ rows }: { rows: readonly ComponentChildren[] }) {
  const rest = rows.length - MAX_LISTED;
  const items = rows.slice(0, MAX_LISTED).map((row, i) => <li key={i}>{row}</li>);
  return (
    <ul>
      {items}
      {rest > 0 && <li class="muted">{translateTicket("more", { n: formatCount(rest) })}</li>}
    </ul>
  );
}

/** @param time ISO 8601 */
export function formatTicketTime(time = ""): string {
  return time && formatTime(Date.parse(time));
}

/** What keeps a session from going on, in words. */
export function describeAttention(text = ""): string {
  const [, silentSince] = SILENT.exec(text) ?? [];
  return silentSince ? translateTicket("silent", { at: formatTicketTime(silentSince) }) : text;
}

/** A ticket with a result. */
export function CompletedCard({ ticket }: { ticket: CompletedTicket }) {
  const { id, state, summary, completed_at: at = "", seconds, reason, comment_posted, state_updated, problem } = ticket;
  const is = (isWritten: boolean) => translateTicket(isWritten ? "update.written" : "update.missing");
  const mark = at && (
    <span class="muted">
      <Moment at={at} />
    </span>
  );
  return (
    <TicketCard ticket={ticket} mark={mark}>
      {/* A result that waits is in its request. */}
      {state !== "completed" && <TicketText name="summary" text={summary} />}
      <TicketRequests ticket={id} />
      <TicketFacts ticket={ticket} first={[["took", seconds !== undefined && formatDuration(seconds * 1000)]]} />
      {state === "updating" && (
        <div class={problem === undefined ? "muted" : "notice"}>
          <p class="line">
            <span>{translateTicket("update.comment", { is: is(comment_posted) })}</span>
            <span>{translateTicket("update.status", { is: is(state_updated) })}</span>
          </p>
        </div>
      )}
      {state === "done" && reason === "removal_requested" && <p class="muted">{translateTicket("removal")}</p>}
      <div class="actions">
        {state === "completed" && (
          <TicketButton ticket={id} name="update" asks value={summary}>
            {translateTicket("do.edit")}
          </TicketButton>
        )}
        {state !== "updating" && <TicketButton ticket={id} name="remove" asks />}
      </div>
    </TicketCard>
  );
}

/** A ticket whose session failed for good. */
export function FailedCard({ ticket }: { ticket: SessionTicket }) {
  const why = findTicketText(`why.${ticket.reason}`);
  return (
    <TicketCard ticket={ticket}>
      {why && <p>{why}</p>}
      {ticket.detail !== "" && <UserText text={ticket.detail} max={2_000} />}
      <TicketFacts ticket={ticket} />
      <div class="actions">
        <TicketButton ticket={ticket.id} name="start" />
        <TicketButton ticket={ticket.id} name="remove" asks />
      </div>
    </TicketCard>
  );
}

/** A rule that allows a tool without asking. */
export function RuleCard({ ticket: { id, rule, for: subject, by, added_at, uses } }: { ticket: RuleView }) {
  const facts = { by, for: subject, at: formatTicketTime(added_at), n: formatCount(uses) };
  return (
    <li class="ticket" data-ticket={id}>
      <code dir="ltr">{rule}</code>
      <p class="muted">{translateTicket("rule.facts", facts)}</p>
      <div class="actions">
        <TicketButton ticket={rule} name="revoke" body={{ id }} />
      </div>
    </li>
  );
}

/** A worktree on a runner's host. */
export function WorktreeCard({ ticket }: { ticket: WorktreesAnswer["worktrees"][number] }) {
  const { id, runner, kilobytes, kept } = ticket;
  return (
    <li class="ticket" data-ticket={id}>
      <p class="line">
        <b>{id}</b> {formatBytes(kilobytes * 1_000)} <UserText text={runner} max={100} />
      </p>
      <p class="muted">
        <UserText text={kept} />
      </p>
      <div class="actions">
        <TicketButton ticket={id} name="remove" asks />
      </div>
    </li>
  );
}
