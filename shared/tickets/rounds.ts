/**
 * The history of a ticket: each round of each run with the text that began it, its result and its figures. A round is
 * stored when the next one begins; the present one is what the ticket and its session say.
 */

import { omitUndefined } from "../omit-undefined.ts";
import type { Put, SetName, Store, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { DAY, type Ms } from "../time.ts";
import type { SessionReport } from "./exchange.ts";
import type { Ticket } from "./ticket.ts";

/** A round of a run. Its figures of cost and tokens are those of the run up to its end. */
type TicketRound = Pick<Ticket, "run" | "round" | "state" | "reason" | "detail"> &
  Partial<Pick<Ticket, "completion" | "endedAt">> & {
    /** Who approved the ticket, or sent the result back with `text`. */
    by: string;
    at: Ms;
    text?: string;
    session?: Pick<
      SessionReport,
      "branch" | "commits" | "diff" | "cost_usd" | "tokens" | "tests" | "is_new_conversation"
    >;
  };

/** Retention of a round: 90 days after the next one began. */
const ROUND_MS: Ms = 90 * DAY;

const roundKeys = {
  round: (key: string, run: number, round: number): StoreKey => `ticket-round:${key}:${run}.${round}`,
  of: (key: string): SetName => `ticket-rounds:${key}`,
};

/** Whether an event has ended the present round of a ticket by beginning another one. */
export function hasEndedRound(before: Ticket | undefined, { run, round }: Ticket): before is Ticket {
  return before !== undefined && before.run > 0 && (before.run !== run || before.round !== round);
}

/** A round that has ended, for the commit of the event that ends it. */
export function toRoundPut(ticket: Ticket, session: SessionReport | undefined): Put {
  const { key, run, round } = ticket;
  const sets = [roundKeys.of(key)];
  return { key: roundKeys.round(key, run, round), value: toRound(ticket, session), sets, expires: ROUND_MS };
}

/** Reads all rounds of a ticket's runs, the newest first. `session`: of the present one. */
export async function readRounds(
  deps: { store: Pick<Store, "scan"> },
  ticket: Ticket,
  session: SessionReport | undefined,
): Promise<TicketRound[]> {
  const ended = await readAllRows<TicketRound>(deps, roundKeys.of(ticket.key));
  const present = ticket.run > 0 ? [toRound(ticket, session)] : [];
  const rounds = [...ended.map(({ value }) => value), ...present];
  return rounds.sort((a, b) => b.run - a.run || b.round - a.round);
}

function toRound(ticket: Ticket, report: SessionReport | undefined): TicketRound {
  const { run, round, state, reason, detail, approval, sentBack, completion, endedAt } = ticket;
  const { by = "", at = 0, text } = sentBack ?? { ...approval, text: undefined };
  const { branch = "", commits = [], diff, cost_usd, tokens, tests, is_new_conversation } = report ?? {};
  const figures = omitUndefined({ diff, cost_usd, tokens, tests, is_new_conversation });
  return {
    ...{ run, round, state, reason, detail, by, at },
    ...omitUndefined({ text, completion, endedAt }),
    ...(report ? { session: { branch, commits, ...figures } } : {}),
  };
}

/** A round as the page and the API show it, with the cost and the tokens of itself alone. */
export function toRoundViews(rounds: readonly TicketRound[]) {
  return rounds.map((one, i) => {
    const { run, round, state, reason, detail, by, at, text, completion, endedAt, session = {} } = one;
    const [before] = rounds.slice(i + 1).filter((earlier) => earlier.run === run);
    const { commits = [], cost_usd, tokens, is_new_conversation, ...rest } = session as NonNullable<typeof one.session>;
    const known = new Set(before?.session?.commits.map(({ id }) => id));
    const end = completion?.at ?? endedAt;
    return {
      ...{ run, round, state, reason, detail, by, at: new Date(at).toISOString() },
      commits: commits.filter(({ id }) => !known.has(id)),
      ...rest,
      ...omitUndefined({
        text,
        summary: completion?.summary,
        source: completion?.source,
        completed_at: completion && new Date(completion.at).toISOString(),
        seconds: end === undefined ? undefined : Math.round((end - at) / 1000),
        cost_usd: cost_usd === undefined ? undefined : cost_usd - (before?.session?.cost_usd ?? 0),
        tokens: tokens && subtractTokens(tokens, before?.session?.tokens),
        is_new_conversation,
      }),
    };
  });
}

type Tokens = NonNullable<SessionReport["tokens"]>;

function subtractTokens(all: Tokens, before: Tokens = { input: 0, output: 0 }): Tokens {
  // A new conversation counts anew.
  if (all.input < before.input) return all;
  return { input: all.input - before.input, output: all.output - before.output };
}
