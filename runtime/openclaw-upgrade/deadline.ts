import type { Ms } from "../../shared/time.ts";

export interface DeadlineDeps {
  clock: () => Ms;
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
}

/** The end of the time that a step may take. */
export interface Deadline {
  /** What is left, at least 1 ms and at most `limit`; throws when nothing is. */
  remaining: (limit?: Ms) => Ms;
}

/** Runs a step that must end within `limit`. It receives its deadline, and is given up when it ignores that. */
export async function runWithDeadline<T>(
  limit: Ms,
  { clock, wait }: DeadlineDeps,
  run: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const end = clock() + limit;
  const expiry = new Error(`no end within ${limit / 1_000} s`);
  const deadline = {
    remaining(most = Number.POSITIVE_INFINITY) {
      const left = end - clock();
      if (left <= 0) throw expiry;
      return Math.min(left, most);
    },
  };
  const done = new AbortController();
  const expire = async () => {
    await wait(limit, done.signal);
    throw expiry;
  };
  try {
    return await Promise.race([run(deadline), expire()]);
  } finally {
    done.abort();
  }
}
