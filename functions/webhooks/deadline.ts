import type { Deps } from "../../shared/deps.ts";
import type { Ms } from "../../shared/store/port.ts";

/**
 * Gives up work that does not end: `within` answers as the work does, or rejects after `limit` at the earliest and
 * twice that at the latest. One timer watches over everything that is under way, because one for each piece of work
 * costs as much as much of the work.
 */
export function createDeadline(wait: Deps["wait"], limit: Ms) {
  const open = new Set<() => void>();
  let isWatching = false;

  async function watch() {
    isWatching = true;
    while (open.size > 0) {
      const old = [...open];
      await wait(limit);
      for (const giveUp of old) if (open.has(giveUp)) giveUp();
    }
    isWatching = false;
  }

  return function within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        open.delete(giveUp);
        reject(new Error(`no answer within ${limit} ms`));
      };
      open.add(giveUp);
      if (!isWatching) void watch();
      work.then(
        (answer) => {
          open.delete(giveUp);
          resolve(answer);
        },
        (reason) => {
          open.delete(giveUp);
          reject(reason);
        },
      );
    });
  };
}
