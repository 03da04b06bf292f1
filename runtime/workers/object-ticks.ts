import { Cron } from "croner";
import { z } from "zod";
import type { Tick } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import type { ObjectStorage } from "../stores/object-storage.ts";

/** Ticks that were due longer ago are skipped, like those of a process that was not running: 10 min. */
const MAX_LATENESS: Ms = 10 * MINUTE;

/** Evictions after which cut-off ticks begin again at once: 3, so that a tick which ends the object itself waits for the next minute. */
const MAX_QUICK_RESUMES = 3;

const RECORD_KEY = "ticks";
const recordSchema = z.object({ checkedAt: z.number(), unfinished: z.array(z.string()), resumes: z.number() });

interface ObjectTicksOptions {
  storage: Pick<ObjectStorage, "get" | "put">;
  clock: () => Ms;
  ticks: readonly Pick<Tick, "name" | "cron">[];
  settings: Settings;
}

/** A tick to run now. */
interface DueTick {
  name: string;
  /** It was requested or begun before, and an eviction of the object cut it off. */
  isResumed: boolean;
}

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
    /** Returns the ticks that became due since the last call and those that were cut off, and stores that they have begun. */
    takeDue(): DueTick[] {
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
