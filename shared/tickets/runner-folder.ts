import { GroundcrewError } from "../errors.ts";
import type { Store } from "../store/port.ts";
import { updateValue } from "../store/update.ts";
import { DAY, type Ms } from "../time.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { readActiveTickets } from "./read-tickets.ts";
import type { RunnerRecord } from "./runner-record.ts";
import { ticketKeys } from "./ticket.ts";

/** The folder of the runner that has a name. */
interface RunnerFolder {
  folder: string;
  at: Ms;
}

/** Retention of the folder of a runner that is away: 30 days, as of its tickets. */
const FOLDER_MS: Ms = 30 * DAY;
/** Interval between writes of an unchanged folder: 1 day. */
const RENEWAL_MS: Ms = DAY;

/**
 * Makes sure that one runner at a time has a name: tickets stay with the name of their runner, so a second one, which
 * does not have their sessions, would start them again. Throws `conflict` while the first one is connected or has
 * sessions. A runner that restarts has the same folder.
 */
export async function requireOwnName(
  deps: { store: Store },
  { runner, folder }: Pick<ExchangeRequest, "runner" | "folder">,
): Promise<void> {
  // Runners of an earlier version do not say it.
  if (folder === undefined) return;
  const key = ticketKeys.runnerFolder(runner);
  const at = await deps.store.now();
  await updateValue<RunnerFolder>(deps, key, async (owner) => {
    if (owner && owner.folder !== folder) await requireFreeName(deps, runner);
    else if (owner && at - owner.at < RENEWAL_MS) return undefined;
    return { put: [{ key, value: { folder, at }, expires: FOLDER_MS }] };
  });
}

async function requireFreeName(deps: { store: Store }, runner: string): Promise<void> {
  const advice = "Set another RUNNER_NAME";
  const [record] = await deps.store.read<RunnerRecord>([ticketKeys.runner(runner)]);
  if (record)
    throw new GroundcrewError(
      "conflict",
      `Another runner with the name ${runner} is connected. ${advice} for this one.`,
    );
  const active = await readActiveTickets(deps);
  const keys = active.filter(({ placed }) => placed === runner).map(({ key }) => key);
  if (keys.length === 0) return;
  const list = keys.slice(0, 5).join(", ");
  throw new GroundcrewError(
    "conflict",
    `Another runner with the name ${runner} has sessions (${list}). ${advice} for this one, or cancel these tickets if the other one is gone for good.`,
  );
}
