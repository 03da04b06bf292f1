/** The runners that have reported: when each was last seen, and that no two of them use one folder or one name. */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import type { Store } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import { DAY, MINUTE, type Ms, SECOND } from "../time.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { changeTicket, readActiveTickets } from "./stored-tickets.ts";
import { ticketKeys, ticketSets } from "./ticket.ts";

/** A runner that exchanged within the last minute. */
interface RunnerRecord extends Pick<ExchangeRequest, "instance" | "version" | "repositories" | "worktrees" | "checks"> {
  name: string;
  at: Ms;
}

/** Retention of a runner's record: 1 min, three times as long as an exchange is held; then it counts as away. */
const RUNNER_MS: Ms = MINUTE;

/** Interval between writes of an unchanged record: 15 s. */
const RUNNER_RENEWAL_MS: Ms = 15 * SECOND;

/** Retention of the folder of a runner that is away: 30 days, as of its tickets. */
const FOLDER_MS: Ms = 30 * DAY;

/** Interval between writes of an unchanged folder: 1 day. */
const FOLDER_RENEWAL_MS: Ms = DAY;

/** Records that a runner is connected. */
export async function recordRunner(
  { store }: { store: Pick<Store, "now" | "read" | "commit"> },
  { runner: name, instance, version, repositories, worktrees = [], checks = [] }: ExchangeRequest,
): Promise<void> {
  const key = ticketKeys.runner(name);
  const [[known], at] = await Promise.all([store.read<RunnerRecord>([key]), store.now()]);
  const value: RunnerRecord = { name, instance, version, repositories, worktrees, checks, at };
  const isSame = known && JSON.stringify({ ...known.value, at }) === JSON.stringify(value);
  if (isSame && at - known.value.at < RUNNER_RENEWAL_MS) return;
  await store.commit({ put: [{ key, value, sets: [ticketSets.runners], expires: RUNNER_MS }] });
}

/** Forgets a runner that stops. Tickets whose sessions it has not begun may be placed on another one. */
export async function releaseRunner(
  deps: TaskDeps,
  { runner, sessions }: ExchangeRequest,
  correlation: string,
): Promise<void> {
  await deps.store.commit({ put: [{ key: ticketKeys.runner(runner), value: null, sets: [], expires: 1 }] });
  const begun = new Set(sessions.map(({ ticket }) => ticket));
  for (const { key, placed, state } of await readActiveTickets(deps))
    if (placed === runner && state === "starting" && !begun.has(key))
      await changeTicket(deps, key, { kind: "unplaced", runner }, correlation);
}

/** The connected runners, by name. */
export async function readRunners(store: Pick<Store, "scan">): Promise<RunnerRecord[]> {
  return (await readAllRows<RunnerRecord>({ store }, ticketSets.runners)).map(({ value }) => value);
}

/**
 * Makes sure that one runner at a time has a name: tickets stay with the name of their runner, so a second one, which
 * does not have their sessions, would start them again. Throws `conflict` while the first one is connected or has
 * sessions. A runner that restarts has the same folder.
 */
export async function requireOwnName(
  deps: { store: Store },
  { runner, folder }: Pick<ExchangeRequest, "runner" | "folder">,
): Promise<void> {
  // A simulated runner has none.
  if (folder === undefined) return;
  const key = ticketKeys.runnerFolder(runner);
  const at = await deps.store.now();
  await updateValue<{ folder: string; at: Ms }>(deps, key, async (owner) => {
    if (owner && owner.folder !== folder) await requireFreeName(deps, runner);
    else if (owner && at - owner.at < FOLDER_RENEWAL_MS) return undefined;
    return { put: [{ key, value: { folder, at }, expires: FOLDER_MS }] };
  });
}

async function requireFreeName(deps: { store: Store }, runner: string): Promise<void> {
  const refuse = (what: string, remedy = "") =>
    new GroundcrewError(
      "conflict",
      `Another runner with the name ${runner} ${what}. Set another RUNNER_NAME for this one${remedy}.`,
    );
  const [record] = await deps.store.read<RunnerRecord>([ticketKeys.runner(runner)]);
  if (record) throw refuse("is connected");
  const active = await readActiveTickets(deps);
  const keys = active.filter(({ placed }) => placed === runner).map(({ key }) => key);
  const remedy = ", or cancel these tickets if the other one is gone for good";
  if (keys.length > 0) throw refuse(`has sessions (${keys.slice(0, 5).join(", ")})`, remedy);
}
