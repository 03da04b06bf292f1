import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll } from "vitest";

/** Resident memory of a process from which garbage is collected: 700 MB, of which loaded modules take a third. */
const MEMORY_LIMIT = 700e6;

/**
 * Collects garbage after a file of tests when the process has grown. Files share a process, and V8 does not see the
 * memory of SQLite's databases, so it would keep those of all stores in memory that finished tests have left.
 */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

afterAll(() => {
  if (process.memoryUsage.rss() > MEMORY_LIMIT) collectGarbage();
});
