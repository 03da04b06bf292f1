/** Running sessions with their output, and what they wait for. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { SessionTicket } from "../../../../shared/tickets/ticket-views.ts";
import { Button, UserText } from "./elements.tsx";
import { formatClock, formatCount, formatDuration } from "./language.ts";
import { findTicketText, TicketButton, translateTicket } from "./ticket-actions.tsx";
import { describeAttention, formatTicketTime, TicketCard, TicketFacts, TicketRequests } from "./ticket-cards.tsx";
import { openTerminal } from "./ticket-terminals.tsx";

/** Unit of the time that is left: 1 min. */
const MINUTE_MS = 60_000;

/** Distance in pixels from the end of the output within which it is followed. */
const NEAR_END = 40;

interface SessionCardProps {
  /** `now`: the server's time. */
  ticket: SessionTicket & { now: number };
}

/** A ticket that was approved: what its session does and asks. */
export function SessionCard({ ticket }: SessionCardProps) {
  const { id, state, waits_for_end, ends_at, next_start_at, attention, runner, now } = ticket;
  const end = state === "approved" || waits_for_end || ends_at === undefined ? undefined : Date.parse(ends_at);
  const first: [string, ComponentChildren][] = [
    ["left", end !== undefined && formatTimeLeft(end, now)],
    ["runner", runner && <UserText text={runner} max={100} />],
  ];
  return (
    <TicketCard ticket={ticket}>
      {state === "approved" && <WhyWaiting {...ticket} />}
      {attention !== undefined && (
        <p class="notice">
          {translateTicket("attention", { text: "" })}
          <UserText text={describeAttention(attention)} max={2_000} />
        </p>
      )}
      <TicketRequests ticket={id} />
      <div class="actions">
        {end !== undefined && (
          <Button class="go" subject={id} onPress={() => openTerminal(id)}>
            {translateTicket("do.terminal")}
          </Button>
        )}
        {end !== undefined && <TicketButton ticket={id} name="extend" />}
        {next_start_at !== undefined && <TicketButton ticket={id} name="start" />}
        <TicketButton ticket={id} name="complete" asks />
        <TicketButton ticket={id} name="cancel" asks />
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
