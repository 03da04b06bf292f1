import { omitUndefined } from "../../omit-undefined.ts";
import type { Put } from "../../store/port.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";

/** A person's decision about one proposal. `sent_back`: the Concierge changes it; `cancelled`: nothing is planned. */
export interface PlanVerdict {
  kind: "approved" | "sent_back" | "cancelled";
  by: string;
  reason?: string;
}

/** Retention of a decision: 30 days, so that a late press or reply gets an explanation. */
const VERDICT_MS: Ms = 30 * DAY;

/** Creates the put of a decision about the proposal with this hash. A later proposal of the same run has its own. */
export function createPlanVerdictPut(
  { id, hash }: { id: string; hash: string },
  { kind, by, reason }: { kind: PlanVerdict["kind"]; by: string; reason?: string | undefined },
): Put {
  const value: PlanVerdict = { kind, by, ...omitUndefined({ reason }) };
  return { key: workKeys.planVerdict(id, hash), value, expires: VERDICT_MS };
}

/** Finds the decision about the proposal of a run with this hash. */
export async function findPlanVerdict(
  deps: Pick<WorkDeps, "store">,
  run: string,
  hash: string,
): Promise<PlanVerdict | undefined> {
  const [kept] = await deps.store.read<PlanVerdict>([workKeys.planVerdict(run, hash)]);
  return kept?.value;
}
