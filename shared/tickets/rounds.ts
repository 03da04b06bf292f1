/**
 * The history of a ticket: each round of each run with the text that began it, its result, its figures, and what the
 * branch has changed. A round is stored when the next one begins; the present one is what the ticket and its session
 * say.
 */

import type { TaskDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Put, SetName, Store, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { DAY, type Ms } from "../time.ts";
import type { Difference, SessionReport } from "./exchange.ts";
import type { Ticket } from "./ticket.ts";
import { showUnseen } from "./tool-input.ts";

/** A round of a run. Its figures of cost and tokens are those of the run up to its end. */
type TicketRound = Pick<Ticket, "run" | "round" | "state" | "reason" | "detail" | "completion" | "endedAt"> & {
  /** Who approved the ticket, or sent the result back with `text`. */
  by: string;
  at: Ms;
  text?: string;
  session?: RoundSession;
};

type RoundSession = Pick<
  SessionReport,
  "branch" | "commits" | "diff" | "cost_usd" | "tokens" | "tests" | "is_new_conversation"
>;

type Tokens = NonNullable<SessionReport["tokens"]>;

/** Retention of a round, and of its difference: 90 days after the next one began. */
const ROUND_MS: Ms = 90 * DAY;

const roundKeys = {
  round: (key: string, run: number, round: number): StoreKey => `ticket-round:${key}:${run}.${round}`,
  of: (key: string): SetName => `ticket-rounds:${key}`,
  difference: (key: string, run: number, round: number): StoreKey => `ticket-difference:${key}:${run}.${round}`,
};

/** Prepares the record of a round that an event ends by beginning another one, for its commit. */
export async function prepareRoundEnd(
  before: Ticket | undefined,
  after: Ticket,
  readSession: (ticket: Ticket) => Promise<SessionReport | undefined>,
): Promise<{ put?: Put[] }> {
  if (!before || before.run === 0 || (before.run === after.run && before.round === after.round)) return {};
  const { key, run, round } = before;
  const value = toRound(before, await readSession(before));
  return { put: [{ key: roundKeys.round(key, run, round), value, sets: [roundKeys.of(key)], expires: ROUND_MS }] };
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
    const { at, text, completion, endedAt, session = {}, ...head } = one;
    const before = rounds.slice(i + 1).find(({ run }) => run === one.run);
    const { commits = [], cost_usd, tokens, is_new_conversation, ...rest } = session as RoundSession;
    const known = new Set(before?.session?.commits.map(({ id }) => id));
    const end = completion?.at ?? endedAt;
    return {
      ...head,
      at: new Date(at).toISOString(),
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

function subtractTokens(all: Tokens, before: Tokens = { input: 0, output: 0 }): Tokens {
  // A new conversation counts anew.
  if (all.input < before.input) return all;
  return { input: all.input - before.input, output: all.output - before.output };
}

/**
 * Stores the difference of a round, so that a result is judged also while the runner is away. Characters that cannot be
 * seen, or reorder others, become their code points: a person judges what is there. `jobs`: for the commit.
 */
export async function storeDifference(
  { store, notify }: Pick<TaskDeps, "store" | "notify">,
  ticket: string,
  given: Difference,
  jobs: Job[],
): Promise<void> {
  const value = { ...given, text: showUnseen(given.text.replaceAll("\r\n", "␍\n")) };
  const key = roundKeys.difference(ticket, given.run, given.round);
  await store.commit({ put: [{ key, value, expires: ROUND_MS }], jobs });
  if (jobs.length > 0) notify();
}

/** Reads the difference of a round, by default the present one; undefined before its first commit. */
export async function readDifference(
  { store }: { store: Pick<Store, "read"> },
  { key, run, round }: Pick<Ticket, "key" | "run" | "round">,
): Promise<Difference | undefined> {
  // A further round begins with what the one before has changed.
  for (let one = round; one > 0; one -= 1) {
    const [stored] = await store.read<Difference>([roundKeys.difference(key, run, one)]);
    if (stored) return stored.value;
  }
  return undefined;
}
