import type { SqlDriver } from "./driver.ts";

/** Limit of work items in one transaction: 500, so that one flush does not block the process for long. */
const MAX_GROUP_SIZE = 500;

interface QueuedWork {
  isLax: boolean;
  run(): () => void;
  reject(reason: unknown): void;
}

/**
 * Creates a group commit: work queued in the same turn of the event loop runs in one transaction, in order, each with
 * its own result. A promise resolves only when the transaction is durable; when it fails, all its promises reject. A
 * group that contains only lax work need not survive a failure of the machine. Work must throw only when the database
 * fails, because an error rolls back the whole group.
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

    /** Runs all queued work now. */
    flushAll() {
      while (waiting.length > 0) flush();
    },
  };
}
