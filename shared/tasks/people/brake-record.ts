/**
 * What is stored of an agent's brakes, and whether they or the month's hard budget keep work from starting. Reading
 * counts nothing and asks nobody: `brakes.ts` does.
 */

import { COST_UNITS, readMonthlySpending, toCostBucket } from "../../accounting/spending.ts";
import type { TaskDeps } from "../../app/deps.ts";
import type { LimitSettings } from "../../config/sections-schema.ts";
import type { Settings } from "../../config/settings.ts";
import { sha256Hex } from "../../hashing.ts";
import { workKeys } from "../../records/store-keys.ts";
import { findRequest } from "../../requests/requests.ts";
import { HOUR, type Ms } from "../../time.ts";

/** What is limited per agent and hour. */
export type LimitName = keyof LimitSettings;

/** The brakes of an agent. All times are store times. */
export interface BrakeRecord {
  /** The request that asked last: whether to stop the agent, or to let it work again. */
  request: string;
  /** A person said that the agent goes on: until then its limits do not hold. */
  liftedUntil?: Ms;
  stopped?: { by: string; at: Ms };
}

/** The name of the bucket that counts what an agent does in an hour. */
export const toLimitBucket = (limit: LimitName | "outsiders", agent: string) =>
  limit === "cost" ? toCostBucket(agent) : `limit:${limit}:${encodeURIComponent(agent)}`;

/** The limits of an agent: its own before those of all. */
export function getLimits({ limits, agents }: Pick<Settings, "limits" | "agents">, agent: string): LimitSettings {
  return { ...limits, ...agents.find(({ name }) => name === agent)?.limits };
}

/** Whether the agent is stopped, or has used up its wakes or its cost of the hour. Counts nothing. */
export async function isBraked({ store, settings }: Pick<TaskDeps, "store" | "settings">, agent: string) {
  const [brake] = await store.read<BrakeRecord>([workKeys.brake(agent)]);
  if (brake?.value.stopped) return true;
  if ((brake?.value.liftedUntil ?? 0) > (await store.now())) return false;
  const { wakes = Number.POSITIVE_INFINITY, cost = Number.POSITIVE_INFINITY } = getLimits(settings, agent);
  const [woken, spent] = await Promise.all(
    (["wakes", "cost"] as const).map((limit) => store.countConsumed(toLimitBucket(limit, agent), HOUR)),
  );
  return (woken ?? 0) >= wakes || (spent ?? 0) >= cost * COST_UNITS;
}

/**
 * Reads whether the month's hard budget (`budget.stop`) is used up and no person has agreed to go on; undefined: it is
 * not. `id`: of the request for it, which is one for each month and amount.
 */
export async function readBudgetStop(deps: Pick<TaskDeps, "store" | "settings">) {
  const { budget } = deps.settings;
  if (!budget?.stop) return undefined;
  const { month, cost } = await readMonthlySpending(deps);
  if (cost < budget.amount) return undefined;
  const id = (await sha256Hex(JSON.stringify(["budget", month, budget.amount, budget.currency]))).slice(0, 32);
  const request = (await findRequest(deps, id))?.value;
  if (request?.verdict?.answer === "approve") return undefined;
  return { id, month, cost, budget, isAsked: request !== undefined };
}
