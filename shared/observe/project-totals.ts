import type { Deps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { scanPages } from "../store/scan-set.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { roundAmount } from "../work/time/spending.ts";
import { readTaskFigures } from "../work/time/task-figures.ts";
import { observedSets } from "./store-keys.ts";

/** Counts the tasks of a completed project and sums up what they took. Makes no request to Plane. */
export async function readProjectTotals(
  deps: Pick<Deps, "store">,
  project: string,
): Promise<NonNullable<EventFacts["totals"]>> {
  let [done, cancelled, ms, cost] = [0, 0, 0, 0];
  for await (const rows of scanPages<KeptItem>(deps, observedSets.items(project))) {
    const items = rows.map(({ value }) => value);
    done += items.filter(({ snapshot }) => snapshot.word === "done").length;
    cancelled += items.filter(({ snapshot }) => snapshot.word === "cancelled").length;
    for (const figures of await Promise.all(items.map(({ snapshot }) => readTaskFigures(deps, snapshot.id)))) {
      ms += figures.timeSpentMs ?? 0;
      cost += figures.cost ?? 0;
    }
  }
  const sums = { timeSpentMs: ms > 0 ? ms : undefined, cost: cost > 0 ? roundAmount(cost) : undefined };
  return { done, cancelled, ...omitUndefined(sums) };
}
