import type { Deps } from "../../shared/app/deps.ts";
import { findTicket } from "../../shared/tickets/change-ticket.ts";
import type { ObservedSession } from "../../shared/tickets/observed-session.ts";
import type { ReceivedFrame } from "../../shared/tickets/terminals.ts";
import { isActive, type Ticket, type TicketState, ticketKeys } from "../../shared/tickets/ticket.ts";

/** Width of a terminal whose last picture is only known as plain text: 120 columns, as the runner starts it. */
const PLAIN_COLUMNS = 120;

/** What a viewer learns of a ticket besides pictures. */
interface TerminalState {
  state: TicketState;
  run: number;
  /** `waiting`: there is no session yet. `live`: it runs. `ended`: the last picture is shown. */
  phase: "waiting" | "live" | "ended";
  /** The runner that has the session is connected. */
  connected: boolean;
}

/** Reads the state of a ticket, and the last picture of its present run, in colours or at least as text. */
export async function readTerminalState(
  deps: Pick<Deps, "store" | "terminals">,
  key: string,
): Promise<{ state: TerminalState; frame?: ReceivedFrame } | undefined> {
  const ticket = await findTicket(deps, key);
  if (!ticket) return undefined;
  const { state, run, placed } = ticket;
  const keys = [ticketKeys.runner(placed ?? ""), ticketKeys.session(key)];
  const [runner, session] = await deps.store.read<ObservedSession>(keys);
  const frame = deps.terminals.find(key, run) ?? toPlainFrame(run, session?.value);
  return {
    state: { state, run, phase: getPhase(ticket), connected: placed !== undefined && runner !== undefined },
    ...(frame ? { frame } : {}),
  };
}

function getPhase(ticket: Ticket): TerminalState["phase"] {
  if (isActive(ticket) && ticket.wanted && ticket.state !== "approved") return "live";
  return isActive(ticket) && ticket.state === "approved" && !ticket.started ? "waiting" : "ended";
}

/** The last picture as the runner reported it with the session: plain text, which outlives the process. */
function toPlainFrame(run: number, observed: ObservedSession | undefined): ReceivedFrame | undefined {
  if (observed?.session.run !== run || observed.session.screen === "") return undefined;
  const { screen } = observed.session;
  const rows = screen.split("\n").length;
  return { run, columns: PLAIN_COLUMNS, rows, screen, at: observed.at };
}
