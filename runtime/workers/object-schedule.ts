/**
 * What wakes a Durable Object: its one alarm, set for the next due job or tick, and the ticks that are due, with those
 * that were missed.
 */

import { Cron } from "croner";
import { z } from "zod";
import type { Tick } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { type ObjectStorage, readNextDue } from "./platform.ts";

interface ObjectTicksOptions {
  storage: Pick<ObjectStorage, "get" | "put">;
  clock: () => Ms;
  ticks: readonly Pick<Tick, "name" | "cron">[];
  settings: Settings;
}

/** A job that is due now is worked at once; the alarm a second later works it if the object was evicted meanwhile. */
const GRACE: Ms = SECOND;

/**
 * Lateness after which an alarm is set again by the next change: 2 s. An eviction probably cut it off, and the platform
 * repeats it after a delay that doubles each time. Setting it again only moves it by a second.
 */
const OVERDUE_AFTER: Ms = 2 * SECOND;

/** An alarm that is this late was lost; Cloudflare's own are late by seconds at most. */
const LOST_AFTER: Ms = 30 * SECOND;

/** Ticks that were due longer ago are skipped, like those of a process that was not running: 10 min. */
const MAX_LATENESS: Ms = 10 * MINUTE;

/** Evictions after which cut-off ticks begin again at once: 3, so that a tick which ends the object itself waits for the next minute. */
const MAX_QUICK_RESUMES = 3;

const RECORD_KEY = "ticks";

const recordSchema = z.object({ checkedAt: z.number(), unfinished: z.array(z.string()), resumes: z.number() });

/**
 * The object's only alarm: the earlier one of the next due job and the next tick. It is set in the turn of the change
 * that needs it, so that it is stored together with that change or not at all. Ticks run at full minutes.
 */
export async function createObjectAlarm({ storage, clock }: { storage: ObjectStorage; clock: () => Ms }) {
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
     * To be called when the alarm has gone off: the platform has removed it. It is set again for in a second, and
     * nothing changes that until `end`: the platform would not repeat a cut-off alarm that has set a later one, for
     * example for the end of a job's lease.
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

export type ObjectAlarm = Awaited<ReturnType<typeof createObjectAlarm>>;

/**
 * Remembers in the object's storage which ticks have begun and not ended, because an eviction of the object ends them
 * without an error: the next object runs those again.
 */
export async function createObjectTicks({ storage, clock, ticks, settings }: ObjectTicksOptions) {
  const stored = recordSchema.safeParse(await storage.get(RECORD_KEY)).data;
  const cutOff = new Set(stored?.unfinished);
  const running = new Set<string>();
  let checkedAt = stored?.checkedAt;
  let resumes = stored?.resumes ?? 0;
  let hasEnded = false;

  function save() {
    hasEnded = false;
    const record = { checkedAt: checkedAt ?? clock() - MINUTE, unfinished: [...cutOff, ...running], resumes };
    // When it cannot be stored, the platform resets the object, and the next one reads the earlier record.
    void storage.put(RECORD_KEY, record).catch(() => {});
  }

  return {
    /** Whether ticks wait that should begin again at once. */
    isResumeDue: () => cutOff.size > 0 && resumes < MAX_QUICK_RESUMES,
    /** Makes a tick run with the next alarm, in this object or in the next one. */
    request(name: string) {
      cutOff.add(name);
      save();
    },
    /**
     * Returns the ticks that became due since the last call and those that were cut off, and stores that they have
     * begun. `isResumed`: it was requested or begun before, and an eviction of the object cut it off.
     */
    takeDue() {
      const now = clock();
      const since = Math.max(checkedAt ?? now - MINUTE, now - MAX_LATENESS);
      const due = ticks.filter((tick) => isDue(tick.cron(settings), settings.timezone, since, now));
      const names = new Set([...cutOff, ...due.map(({ name }) => name)]);
      const taken = [...names].map((name) => ({ name, isResumed: cutOff.has(name) }));
      if (cutOff.size > 0) resumes += 1;
      checkedAt = now;
      cutOff.clear();
      for (const name of names) running.add(name);
      save();
      return taken;
    },
    /** Notes that a tick has ended, whatever its result. */
    finish(name: string) {
      hasEnded = running.delete(name) || hasEnded;
    },
    /** Stores which ticks have ended: once for all of an alarm, because each write is paid for, and a tick may run twice. */
    storeFinished() {
      if (!hasEnded) return;
      if (running.size === 0) resumes = 0;
      save();
    },
  };
}

function isDue(pattern: string, timezone: string, since: Ms, now: Ms): boolean {
  const next = new Cron(pattern, { timezone }).nextRun(new Date(since));
  return next !== null && next.getTime() <= now;
}
