import { Cron } from "croner";
import type { Tick } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import type { ObjectStorage } from "../stores/object-storage.ts";
import { readNextDue } from "../stores/object-store.ts";

/** A job that is due now is worked at once; the alarm a second later works it if the object was evicted meanwhile. */
const GRACE: Ms = SECOND;
/** Ticks that were due longer ago are skipped, like those of a process that was not running: 10 min. */
const MAX_LATENESS: Ms = 10 * MINUTE;
/** An alarm that is this late was lost; Cloudflare's own are late by seconds at most. */
const LOST_AFTER: Ms = 30 * SECOND;

const CHECKED_AT = "ticks-checked-at";

interface ObjectAlarmOptions {
  storage: ObjectStorage;
  clock: () => Ms;
  ticks: readonly Pick<Tick, "name" | "cron">[];
  settings: Settings;
}

export type ObjectAlarm = Awaited<ReturnType<typeof createObjectAlarm>>;

/**
 * The object's only alarm: the earlier one of the next due job and the next tick. It is set in the turn of the change that
 * needs it, so that it is stored together with that change or not at all. Ticks run at full minutes.
 */
export async function createObjectAlarm({ storage, clock, ticks, settings }: ObjectAlarmOptions) {
  let at = (await storage.getAlarm()) ?? undefined;

  /** Sets the alarm unless an earlier one is set. */
  function set(due: Ms) {
    if (at !== undefined && at <= due) return;
    at = due;
    // When it cannot be stored, the platform resets the object and discards what it would have answered.
    void storage.setAlarm(due).catch(() => {});
  }

  function setForJobs() {
    const due = readNextDue(storage);
    if (due !== undefined) set(due > clock() ? due : clock() + GRACE);
  }

  return {
    setForJobs,
    /** Makes sure that work which began just now is awaited by an alarm, during which the object is not evicted. */
    setSoon: () => set(clock() + GRACE),
    /** Sets the alarm for what comes next. */
    setNext() {
      set(Math.floor(clock() / MINUTE) * MINUTE + MINUTE);
      setForJobs();
    },
    /** To be called when the alarm has gone off: the platform has removed it. */
    clear() {
      at = undefined;
    },
    /** Sets an alarm that was lost again. */
    repair() {
      if (at !== undefined && at < clock() - LOST_AFTER) at = undefined;
      if (at === undefined) set(clock());
    },
    /** Returns the ticks that became due since the last call, and stores that they are handled. */
    async takeDueTicks(): Promise<string[]> {
      const now = clock();
      const checkedAt = await storage.get(CHECKED_AT);
      const since = Math.max(typeof checkedAt === "number" ? checkedAt : now - MINUTE, now - MAX_LATENESS);
      await storage.put(CHECKED_AT, now);
      return ticks.filter((tick) => isDue(tick.cron(settings), settings.timezone, since, now)).map(({ name }) => name);
    },
  };
}

function isDue(pattern: string, timezone: string, since: Ms, now: Ms): boolean {
  const next = new Cron(pattern, { timezone }).nextRun(new Date(since));
  return next !== null && next.getTime() <= now;
}
