import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll } from "vitest";

/** Resident memory of a process from which garbage is collected: 500 MB, of which loaded modules take a half. */
const FIRST_LIMIT = 500e6;

/**
 * Growth of that memory until the next collection: 200 MB, because a collection takes a quarter of a second, and the
 * start of a program the longer the more memory there is.
 */
const GROWTH = 200e6;

const readMemory = () => process.memoryUsage.rss();

/**
 * Collects garbage after a file of tests when the process has grown. Files share a process, and V8 does not see the
 * memory of SQLite's databases, so it would keep those of all stores in memory that finished tests have left.
 */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

// Files that share a process load this module once each, so the limit is kept beside it.
const kept = globalThis as { memoryLimit?: number };

afterAll(() => {
  if (readMemory() < (kept.memoryLimit ?? FIRST_LIMIT)) return;
  collectGarbage();
  kept.memoryLimit = Math.max(FIRST_LIMIT, readMemory() + GROWTH);
});
