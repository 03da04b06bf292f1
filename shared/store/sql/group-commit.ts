import type { SqlDriver } from "./driver.ts";

/** At most so many pieces of work in one transaction, so that one flush does not hold the process for long. */
const MAX_GROUP_SIZE = 500;

interface QueuedWork {
  isLax: boolean;
  run(): () => void;
  reject(reason: unknown): void;
}

/**
 * Group commit: work that is queued in the same turn is done in one transaction, in order, each judged on its own.
 * A promise resolves only when that transaction is durable; when it fails, all of its promises reject. A group of lax
 * work alone need not outlive the machine.
 * A piece of work must throw only when the database fails, because it takes its whole group with it.
 */
export function createGroupCommit(driver: SqlDriver) {
  const waiting: QueuedWork[] = [];

  function flush() {
    const group = waiting.splice(0, MAX_GROUP_SIZE);
    if (waiting.length > 0) driver.soon(flush);
    if (group.length === 0) return;
    let resolvers: (() => void)[] = [];
    try {
      driver.transaction(
        () => {
          resolvers = group.map((work) => work.run());
        },
        group.every((work) => work.isLax),
      );
    } catch (error) {
      for (const work of group) work.reject(error);
      return;
    }
    for (const resolver of resolvers) resolver();
  }

  return {
    queue<T>(work: () => T, isLax = false): Promise<T> {
      return new Promise((resolve, reject) => {
        waiting.push({
          isLax,
          run() {
            const value = work();
            return () => resolve(value);
          },
          reject,
        });
        if (waiting.length === 1) driver.soon(flush);
      });
    },

    /** Does now what is queued. */
    flushAll() {
      while (waiting.length > 0) flush();
    },
  };
}
