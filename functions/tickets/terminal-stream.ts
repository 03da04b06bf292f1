/** The stream of a session's pictures to its viewers. */

import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import type { ReceivedFrame } from "../../shared/app/terminals.ts";
import {
  answerEventStream,
  createEventSource,
  type EventStream,
  type EventStreams,
  formatEvent,
} from "../../shared/http/event-streams.ts";
import { type AccessWatch, createAccessWatch } from "../../shared/http/page-sessions.ts";
import { seesTask } from "../../shared/people/viewer.ts";
import { findTicket, getTicket, type ObservedSession } from "../../shared/tickets/stored-tickets.ts";
import { isActive, type Ticket, ticketKeys } from "../../shared/tickets/ticket.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { readTicketKey } from "./ticket-routes.ts";

/** A viewer of a terminal. */
interface Viewer {
  ticket: string;
  access: AccessWatch;
  /** What it has not received yet, the newest only. */
  frame?: ReceivedFrame;
  state?: string;
  /** The state that was sent last. */
  sentState?: string;
}

/** Limit of open streams in one process: 40; a page shows one. */
const MAX_STREAMS = 40;

/** Interval between looks at the ticket of each stream: 1 s. */
const LOOK_INTERVAL: Ms = SECOND;

/** Width of a terminal whose last picture is only known as plain text: 120 columns, as the runner starts it. */
const PLAIN_COLUMNS = 120;

/**
 * Server-sent events with the pictures of a session's terminal, and the lines above the last one. While a stream is
 * open, the runner sends both.
 */
export const terminalStreamRoute: Route = { path: "/api/terminals", access: "page", app };

/** The viewers' streams of one process: the newest picture of a terminal, and the state of its ticket. */
export function createTerminalStreams(
  deps: Pick<Deps, "store" | "terminals" | "clock" | "wait" | "stopping">,
  maxStreams = MAX_STREAMS,
): EventStreams<Viewer> {
  return createEventSource<Viewer>(deps, {
    maxStreams,
    checkInterval: LOOK_INTERVAL,
    maxUnread: 1,
    onOpen(stream) {
      const { ticket } = stream.reader;
      // A loop that is waiting looks a second later; the first picture is shown at once.
      void lookAt(ticket, [stream]);
      return deps.terminals.addViewer(ticket, (frame) => {
        stream.reader.frame = frame;
        flush(stream);
      });
    },
    onRead: flush,
    async look(open) {
      for (const [ticket, viewers] of Map.groupBy(open, ({ reader }) => reader.ticket)) await lookAt(ticket, viewers);
    },
    async mayRead({ reader: { ticket, access } }) {
      // An unavailable store proves nothing: the stream ends by its age at the latest.
      return access.mayRead((viewer) => seesTask(deps, viewer, ticket)).catch(() => true);
    },
  });

  async function lookAt(ticket: string, viewers: readonly EventStream<Viewer>[]) {
    // An unavailable store counts as no change.
    const found = await readTerminalState(deps, ticket).catch(() => undefined);
    if (!found) return;
    const state = JSON.stringify(found.state);
    for (const stream of viewers) {
      const { reader } = stream;
      if (reader.sentState === state) continue;
      if (reader.sentState === undefined && found.frame) reader.frame ??= found.frame;
      reader.sentState = state;
      reader.state = state;
      flush(stream);
    }
  }
}

/** Sends what is new, unless the viewer has not read what was sent before; then it gets the newest when it has. */
function flush(stream: EventStream<Viewer>) {
  const { frame, state } = stream.reader;
  if (stream.isFull() || (!frame && state === undefined)) return;
  delete stream.reader.frame;
  delete stream.reader.state;
  const stateEvent = state === undefined ? "" : formatEvent("state", state);
  const { history: _history, ...picture } = frame ?? {};
  const frameData = frame && JSON.stringify({ ...picture, at: new Date(frame.at).toISOString() });
  stream.send(stateEvent + (frameData ? formatEvent("frame", frameData) : ""));
}

/**
 * Reads what a viewer learns of a ticket besides pictures, as whether its runner is connected, and the last picture of
 * its present run, in colours or at least as text.
 */
async function readTerminalState(deps: Pick<Deps, "store" | "terminals">, key: string) {
  const ticket = await findTicket(deps, key);
  if (!ticket) return undefined;
  const { state, run, placed } = ticket;
  const keys = [ticketKeys.runner(placed ?? ""), ticketKeys.session(key)];
  const [runner, session] = await deps.store.read<ObservedSession>(keys);
  const frame = deps.terminals.find(key, run) ?? toPlainFrame(run, session?.value);
  const connected = placed !== undefined && runner !== undefined;
  return { state: { state, run, phase: getPhase(ticket), connected }, frame };
}

/** The last picture as the runner reported it with the session: plain text, which outlives the process. */
function toPlainFrame(run: number, observed: ObservedSession | undefined): ReceivedFrame | undefined {
  if (observed?.session.run !== run || observed.session.screen === "") return undefined;
  const { screen } = observed.session;
  const rows = screen.split("\n").length;
  return { run, columns: PLAIN_COLUMNS, rows, screen, at: observed.at };
}

/** `waiting`: there is no session yet. `live`: it runs. `ended`: the last picture is shown. */
function getPhase(ticket: Ticket): "waiting" | "live" | "ended" {
  if (ticket.state === "approved") return ticket.started ? "ended" : "waiting";
  return isActive(ticket) && ticket.wanted ? "live" : "ended";
}

function app(deps: Deps): Hono {
  const streams = createTerminalStreams(deps);
  const watchAccess = createAccessWatch(deps);
  const formatLimit = (size: number) => `Too many open terminals (${size}). Close one, or try later.`;
  return new Hono()
    .get("/:ticket", async (c) => {
      const { key } = await getTicket(deps, readTicketKey(c));
      return answerEventStream(c, streams, { ticket: key, access: watchAccess(c) }, formatLimit);
    })
    .get("/:ticket/history", async (c) => {
      const { key, run } = await getTicket(deps, readTicketKey(c));
      return c.text(deps.terminals.find(key, run)?.history ?? "");
    });
}
