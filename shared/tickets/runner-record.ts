import type { Store } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { ticketKeys, ticketSets } from "./ticket.ts";

/** A runner that exchanged within the last minute. */
export interface RunnerRecord {
  name: string;
  instance: string;
  version: string;
  repositories: string[];
  at: Ms;
}

/** Retention of a runner's record: 1 min, three times as long as an exchange is held; then it counts as away. */
const RUNNER_MS: Ms = MINUTE;
/** Interval between writes of an unchanged record: 15 s. */
const RENEWAL_MS: Ms = 15 * SECOND;

/** Records that a runner is connected. */
export async function recordRunner(
  { store }: { store: Pick<Store, "now" | "read" | "commit"> },
  { runner: name, instance, version, repositories }: ExchangeRequest,
): Promise<void> {
  const key = ticketKeys.runner(name);
  const [[known], at] = await Promise.all([store.read<RunnerRecord>([key]), store.now()]);
  const value: RunnerRecord = { name, instance, version, repositories, at };
  const isSame = known && JSON.stringify({ ...known.value, at }) === JSON.stringify(value);
  if (isSame && at - known.value.at < RENEWAL_MS) return;
  await store.commit({ put: [{ key, value, sets: [ticketSets.runners], expires: RUNNER_MS }] });
}

/** The connected runners, by name. */
export async function readRunners(store: Pick<Store, "scan">): Promise<RunnerRecord[]> {
  return (await readAllRows<RunnerRecord>({ store }, ticketSets.runners)).map(({ value }) => value);
}
