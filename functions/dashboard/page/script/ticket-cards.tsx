/** A ticket as it is shown: while its session runs, with its result, after a failure; and what is left of one. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { stripMarkdown } from "../../../../shared/markdown/plain-text.ts";
import type { Publication } from "../../../../shared/tickets/exchange.ts";
import type {
  CompletedTicket,
  RuleView,
  SessionTicket,
  WorktreesAnswer,
} from "../../../../shared/tickets/ticket-views.ts";
import { Facts, Moment, OutLink, UserText } from "./elements.tsx";
import { getRequests } from "./inbox.tsx";
import { formatBytes, formatClock, formatCount, formatDuration, formatMoney, formatTime } from "./language.ts";
import { RequestCard } from "./request-card.tsx";
import { KeyButton, PlaneLink } from "./task-card.tsx";
import {
  findTicketText,
  reloadTickets,
  TerminalButton,
  TicketButton,
  type TicketTextName,
  translateTicket,
} from "./ticket-actions.tsx";

/** Limit of commits and conflicts that a card lists; the branch has the others. */
const MAX_LISTED = 10;

/** How Groundcrew names a session without output, with the time of the last one. */
const SILENT = /^silent since (\S+)$/;

/** Unit of the time that is left: 1 min. */
const MINUTE_MS = 60_000;

/** Distance in pixels from the end of the output within which it is followed. */
const NEAR_END = 40;

interface TicketCardProps {
  ticket: SessionTicket | CompletedTicket;
  /** What follows the title. */
  mark?: ComponentChildren;
  children: ComponentChildren;
}

/** The card of a ticket. */
function TicketCard({ ticket, mark, children }: TicketCardProps) {
  return (
    <li class="ticket" data-ticket={ticket.id} data-state={ticket.state}>
      <TicketHead {...ticket} mark={mark} />
      {children}
    </li>
  );
}

interface TicketHeadProps extends Pick<SessionTicket, "id" | "title" | "url" | "state"> {
  mark?: ComponentChildren;
  tag?: "h3" | "h4";
}

/** The first line of a ticket: its key, which shows its activity, the title, the state, and the link to Plane. */
export function TicketHead({ id, title, url, state, mark, tag: Tag = "h4" }: TicketHeadProps) {
  return (
    <div class="line">
      <KeyButton task={id} />
      <Tag class="grow">
        <UserText text={title} max={500} />
      </Tag>
      <span class="ticket-state">{translateTicket(`state.${state}`)}</span>
      {mark}
      <PlaneLink url={url} task={id} />
    </div>
  );
}

/** A ticket that was approved: what its session does and asks. @param now the server's time */
export function SessionCard({ ticket }: { ticket: SessionTicket & { now: number } }) {
  const { id, state, waits_for_end, ends_at, next_start_at, attention, runner, now } = ticket;
  const end = state === "approved" || waits_for_end || ends_at === undefined ? undefined : Date.parse(ends_at);
  const first: TicketFact[] = [
    ["left", end !== undefined && formatTimeLeft(end, now)],
    ["runner", runner && <UserText text={runner} max={100} />],
  ];
  return (
    <TicketCard ticket={ticket}>
      {state === "approved" && <WhyWaiting {...ticket} />}
      <Attention text={attention} />
      <TicketRequests ticket={id} />
      <div class="actions">
        {end !== undefined && <TerminalButton ticket={id} />}
        {end !== undefined && <TicketButton ticket={id} name="extend" />}
        {next_start_at !== undefined && <TicketButton ticket={id} name="start" />}
        <TicketButton ticket={id} name="complete" />
        <TicketButton ticket={id} name="cancel" />
      </div>
      <TicketFacts ticket={ticket} first={first} />
      <Screen {...ticket} />
    </TicketCard>
  );
}

/** Why an approved ticket does not run yet. */
function WhyWaiting({ reason, detail, position, next_start_at: next }: SessionTicket) {
  const why = findTicketText(`why.${reason}`);
  return (
    <p class="line muted">
      {why && <span>{why}</span>}
      {why && detail !== "" && <UserText text={detail} />}
      {next !== undefined && <span>{translateTicket("why.retry", { at: formatTicketTime(next) })}</span>}
      {position !== undefined && <span>{translateTicket("why.queue", { n: formatCount(position) })}</span>}
    </p>
  );
}

/** @param end when the time of the session ends @param now the server's time */
function formatTimeLeft(end: number, now: number): string {
  const left = Math.ceil((end - now) / MINUTE_MS);
  const at = formatClock(end);
  if (left <= 0) return translateTicket("left.over", { at });
  return translateTicket("left", { left: formatDuration(left * MINUTE_MS), at });
}

/** A ticket with a result. */
export function CompletedCard({ ticket }: { ticket: CompletedTicket }) {
  const { id, state, summary, completed_at: at, seconds, reason, comment_posted, state_updated, problem } = ticket;
  const is = (isWritten: boolean) => translateTicket(isWritten ? "update.written" : "update.missing");
  return (
    <TicketCard ticket={ticket} mark={at && <Moment class="muted" at={at} />}>
      {/* A result that waits is in its request. */}
      {state !== "completed" && <TicketText name="summary" text={summary} />}
      <TicketRequests ticket={id} />
      <TicketFacts ticket={ticket} first={[["took", seconds !== undefined && formatDuration(seconds * 1000)]]} />
      {state === "updating" && (
        <p class={problem === undefined ? "line muted" : "line notice"}>
          <span>{translateTicket("update.comment", { is: is(comment_posted) })}</span>
          <span>{translateTicket("update.status", { is: is(state_updated) })}</span>
        </p>
      )}
      {state === "done" && reason === "removal_requested" && <p class="muted">{translateTicket("removal")}</p>}
      <div class="actions">
        {state === "completed" && <EditButton ticket={id} summary={summary} />}
        {state !== "updating" && <TicketButton ticket={id} name="remove" />}
      </div>
    </TicketCard>
  );
}

/** The button that edits a summary before it is written to Plane. */
export function EditButton({ ticket, summary }: { ticket: string; summary: string }) {
  return <TicketButton ticket={ticket} name="update" value={summary} text={translateTicket("do.edit")} />;
}

/** A ticket whose session failed for good. */
export function FailedCard({ ticket }: { ticket: SessionTicket }) {
  const { id, reason, detail } = ticket;
  const why = findTicketText(`why.${reason}`);
  return (
    <TicketCard ticket={ticket}>
      {why && <p>{why}</p>}
      {detail !== "" && <UserText text={detail} max={2_000} />}
      <TicketFacts ticket={ticket} />
      <div class="actions">
        <TicketButton ticket={id} name="start" />
        <TicketButton ticket={id} name="remove" />
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
      <p class="actions">
        <TicketButton ticket={rule} name="revoke" body={{ id }} />
      </p>
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
      <UserText tag="p" text={kept} />
      <p class="actions">
        <TicketButton ticket={id} name="remove" />
      </p>
    </li>
  );
}

/** What of a ticket waits for a person. */
export function TicketRequests({ ticket, ...props }: { ticket: string; notes?: string; onDone?: () => Promise<void> }) {
  const own = getRequests().filter(({ subject }) => subject.key === ticket);
  const cards = own.map((request) => (
    <RequestCard key={request.id} onDone={reloadTickets} {...{ request, ...props }} />
  ));
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

/** What is known of a ticket, by the name of its text. */
type TicketFact = [name: string, value: ComponentChildren];

export function TicketFacts({ ticket, first = [] }: Pick<TicketCardProps, "ticket"> & { first?: TicketFact[] }) {
  const { branch, diff, commits = [], conflicts = [], cost_usd, tokens, dirty, publication } = ticket;
  const toCode = (text: string) => <code dir="auto">{text}</code>;
  const commitRows = commits.map(({ id, subject }) => [
    toCode(id.slice(0, 10)),
    " ",
    <UserText text={subject} max={200} />,
  ]);
  const facts: TicketFact[] = [
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
      <Facts facts={facts.map(([name, value]) => [findTicketText(`fact.${name}`) ?? name, value, name])} />
      {dirty && <p class="muted">{translateTicket("dirty")}</p>}
    </>
  );
}

/** Where the branch has gone: the pull request, and what its checks say. */
function PublicationText({ url, state, checks }: Publication) {
  const { state: is = "none", failed = [] } = checks ?? {};
  return (
    <>
      {url !== undefined && <OutLink href={url}>{url.replace(/^https?:\/\//, "")}</OutLink>}
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

/** Counts as texts for the page. */
export function formatCounts(counts: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, formatCount(count)]));
}

function List({ rows }: { rows: readonly ComponentChildren[] }) {
  const rest = rows.length - MAX_LISTED;
  const items = rows.slice(0, MAX_LISTED).map((row, i) => <li key={i}>{row}</li>);
  if (rest > 0) items.push(<li class="muted">{translateTicket("more", { n: formatCount(rest) })}</li>);
  return <ul>{items}</ul>;
}

/** @param time ISO 8601 */
function formatTicketTime(time = ""): string {
  return time && formatTime(Date.parse(time));
}

/** Says what keeps a session from going on, if anything. */
export function Attention({ text }: { text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <p class="notice">
      {translateTicket("attention", { text: "" })}
      <UserText text={describeAttention(text)} max={2_000} />
    </p>
  );
}

/** What keeps a session from going on, in words. */
export function describeAttention(text = ""): string {
  const [, silentSince] = SILENT.exec(text) ?? [];
  return silentSince ? translateTicket("silent", { at: formatTicketTime(silentSince) }) : text;
}

/** The last output. It keeps its scroll position, and follows the output at its end. */
export function Screen({ id, screen, last_output_at: at }: SessionTicket) {
  const text = useRef<HTMLPreElement>(null);
  const height = useRef(0);
  useLayoutEffect(() => {
    const el = text.current;
    if (!el) return;
    if (height.current - el.scrollTop - el.clientHeight < NEAR_END) el.scrollTop = el.scrollHeight;
    height.current = el.scrollHeight;
  }, [screen]);
  const label = { role: "group", "aria-label": translateTicket("screen", { key: id }) } as const;
  return (
    <figure hidden={!screen}>
      <figcaption class="muted">{at && translateTicket("screen.at", { at: formatTicketTime(at) })}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <pre class="screen" dir="ltr" tabIndex={0} ref={text} {...label}>
        {screen}
      </pre>
    </figure>
  );
}
