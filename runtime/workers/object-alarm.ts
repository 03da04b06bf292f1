import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import type { ObjectStorage } from "../stores/object-storage.ts";
import { readNextDue } from "../stores/object-store.ts";

/** A job that is due now is worked at once; the alarm a second later works it if the object was evicted meanwhile. */
const GRACE: Ms = SECOND;
/**
 * Lateness after which an alarm is set again by the next change: 2 s. An eviction probably cut it off, and the platform
 * repeats it after a delay that doubles each time. Setting it again only moves it by a second.
 */
const OVERDUE_AFTER: Ms = 2 * SECOND;
/** An alarm that is this late was lost; Cloudflare's own are late by seconds at most. */
const LOST_AFTER: Ms = 30 * SECOND;

interface ObjectAlarmOptions {
  storage: ObjectStorage;
  clock: () => Ms;
}

export type ObjectAlarm = Awaited<ReturnType<typeof createObjectAlarm>>;

/**
 * The object's only alarm: the earlier one of the next due job and the next tick. It is set in the turn of the change that
 * needs it, so that it is stored together with that change or not at all. Ticks run at full minutes.
 */
export async function createObjectAlarm({ storage, clock }: ObjectAlarmOptions) {
  let at = (await storage.getAlarm()) ?? undefined;
  let isRunning = false;

  /** Sets the alarm unless an earlier one is set and can still be expected. */
  function set(wanted: Ms) {
    if (isRunning) return;
    const isOverdue = at !== undefined && at < clock() - OVERDUE_AFTER;
    if (at !== undefined && at <= wanted && !isOverdue) return;
    const due = isOverdue ? Math.min(wanted, clock() + GRACE) : wanted;
    at = due;
    // When it cannot be stored, the platform resets the object and discards what it would have answered.
    void storage.setAlarm(due).catch(() => {});
  }

  function setForJobs() {
    const due = readNextDue(storage);
    if (due !== undefined) set(due > clock() ? due : clock() + GRACE);
  }

  /** Sets the alarm for what comes next. */
  function setNext() {
    set(Math.floor(clock() / MINUTE) * MINUTE + MINUTE);
    setForJobs();
  }

  return {
    setForJobs,
    /** Whether a job waits that is due now. */
    isJobDue: () => (readNextDue(storage) ?? Number.POSITIVE_INFINITY) <= clock(),
    /** Makes sure that work which began just now is awaited by an alarm, during which the object is not evicted. */
    setSoon: () => set(clock() + GRACE),
    setNext,
    /**
     * To be called when the alarm has gone off: the platform has removed it. It is set again for in a second, and nothing
     * changes that until `end`: the platform would not repeat a cut-off alarm that has set a later one, for example for
     * the end of a job's lease.
     */
    begin() {
      at = undefined;
      set(clock() + GRACE);
      isRunning = true;
    },
    /** To be called at the alarm's end: sets it for what comes next, or for in a second when work is still running. */
    end({ isWorkLeft }: { isWorkLeft: boolean }) {
      isRunning = false;
      at = undefined;
      if (isWorkLeft) set(clock() + GRACE);
      setNext();
    },
    /** Sets an alarm that was lost again. */
    repair() {
      if (at !== undefined && at < clock() - LOST_AFTER) at = undefined;
      if (at === undefined) set(clock());
    },
  };
}
