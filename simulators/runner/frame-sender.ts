import type { Ms } from "../../shared/time.ts";
import type { TerminalFrame } from "./messages.ts";
import type { createRunnerClient } from "./runner-client.ts";
import type { TicketRecord } from "./ticket-record.ts";

/** Shortest time between two pictures of a terminal: 100 ms, at most ten a second. */
const FRAME_MS: Ms = 100;

/** Sends the pictures of watched terminals when they have changed, one request for each ticket at a time. */
export function createFrameSender(
  { sendFrame }: Pick<ReturnType<typeof createRunnerClient>, "sendFrame">,
  clock: () => Ms,
) {
  const watched = new Set<string>();
  const lastFrames = new Map<string, string>();
  const sentAt = new Map<string, Ms>();
  const sending = new Set<string>();

  async function sendChanged(ticket: string, frame: TerminalFrame) {
    const text = JSON.stringify(frame);
    const isDue = clock() - (sentAt.get(ticket) ?? 0) >= FRAME_MS;
    if (!isDue || sending.has(ticket) || lastFrames.get(ticket) === text) return;
    sending.add(ticket);
    sentAt.set(ticket, clock());
    const isWatched = await sendFrame(ticket, frame);
    sending.delete(ticket);
    if (isWatched) lastFrames.set(ticket, text);
    else forget(ticket);
  }

  function forget(ticket: string) {
    watched.delete(ticket);
    lastFrames.delete(ticket);
  }

  return {
    /** Sets the tickets that somebody watches. */
    watch(tickets: readonly string[]) {
      for (const ticket of watched) if (!tickets.includes(ticket)) forget(ticket);
      for (const ticket of tickets) watched.add(ticket);
    },
    send(records: Iterable<TicketRecord>) {
      for (const { ticket, run, session } of records)
        if (watched.has(ticket)) void sendChanged(ticket, { run, ...session.getPicture() });
    },
  };
}
