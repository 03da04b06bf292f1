import { omitUndefined } from "../omit-undefined.ts";
import type { Store } from "../store/port.ts";
import { updateValue, type ValueUpdate } from "../store/update.ts";
import type { Ms } from "../time.ts";
import { EMPTY_WAKE, type KeptWake, type WakeTask, wakeKeys } from "./wake-record.ts";

interface WakeStore {
  store: Pick<Store, "read" | "commit">;
}

/** The record as versions up to 0.2.0 wrote it: one wake in one of three states, and a count of unanswered ones. */
interface OldWake extends Omit<KeptWake, "sent"> {
  sent?: { id: string; job: string; at: Ms; state: "posting" | "failed" | "posted"; tasks: WakeTask[] };
  unheard?: number;
}

/** Reads the wakes of an agent with the record's revision, also as earlier versions wrote them. */
export async function readWake({ store }: WakeStore, agent: string): Promise<{ wake: KeptWake; rev: number }> {
  const [kept] = await store.read<KeptWake | OldWake>([wakeKeys.wake(agent)]);
  return { wake: kept ? upgradeWake(kept.value) : EMPTY_WAKE, rev: kept?.rev ?? 0 };
}

/** A change of an agent's wakes, with further parts of the same commit. */
export interface WakeUpdate extends Omit<ValueUpdate, "put"> {
  wake: KeptWake;
  put?: NonNullable<ValueUpdate["put"]>;
}

/** Changes the wakes of an agent; `compute` may run several times, and `undefined` means no change. */
export async function updateWake(
  deps: WakeStore,
  agent: string,
  compute: (wake: KeptWake) => Promise<WakeUpdate | undefined>,
): Promise<void> {
  const key = wakeKeys.wake(agent);
  await updateValue<KeptWake | OldWake>(deps, key, async (kept) => {
    const update = await compute(kept ? upgradeWake(kept) : EMPTY_WAKE);
    if (!update) return undefined;
    const { wake, put = [], ...rest } = update;
    return { ...rest, put: [{ key, value: wake }, ...put] };
  });
}

function upgradeWake(kept: KeptWake | OldWake): KeptWake {
  if (!isOldWake(kept)) return kept;
  const { sent, unheard = 0, ...rest } = kept;
  if (!sent) return rest;
  const { id, job, at, tasks, state } = sent;
  switch (state) {
    case "failed":
      return { ...rest, pending: [...tasks, ...rest.pending] };
    case "posting":
      return { ...rest, posting: { id, job, at, tasks }, ...omitUndefined({ round: unheard || undefined }) };
    case "posted":
      return {
        ...rest,
        sent: { at, tasks: tasks.map((task) => ({ ...task, at })) },
        round: unheard + 1,
        roundAt: at,
        // The job that checks it was stored together with it; this only says that a check is expected.
        checkAt: at,
      };
  }
}

function isOldWake(kept: KeptWake | OldWake): kept is OldWake {
  return "unheard" in kept || (kept.sent !== undefined && "state" in kept.sent);
}
