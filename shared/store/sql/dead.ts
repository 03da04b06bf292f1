import { parseJson } from "../checked.ts";
import { type DeadJob, eachQueue, type Ms, type Queue, type QueueStats, type Stats } from "../port.ts";
import { numberOf, type SqlDriver, textOf } from "./driver.ts";
import type { sqlJobs } from "./jobs.ts";

interface Options {
  driver: SqlDriver;
  clock: () => Ms;
  jobs: Pick<ReturnType<typeof sqlJobs>, "append">;
}

/** The jobs set aside, and the figures of all. */
export function sqlDead({ driver, clock, jobs }: Options) {
  function number(sql: string, ...params: (string | number)[]): number | undefined {
    const value = driver.exec(sql, ...params)[0]?.["n"];
    return typeof value === "number" ? value : undefined;
  }

  function statsOf(queue: Queue): QueueStats {
    const oldest = number("SELECT min(due) AS n FROM lane WHERE queue = ? AND due <= ?", queue, clock());
    return {
      pending: number("SELECT count(*) AS n FROM job WHERE queue = ?", queue) ?? 0,
      dead: number("SELECT count(*) AS n FROM dead WHERE queue = ?", queue) ?? 0,
      ...(oldest !== undefined && { oldest }),
    };
  }

  return {
    dead(queue: Queue, limit: number): DeadJob[] {
      const sql = "SELECT id, lane, body, reason, at FROM dead WHERE queue = ? ORDER BY seq LIMIT ?";
      return driver.exec(sql, queue, limit).map((row) => ({
        id: textOf(row, "id"),
        queue,
        lane: textOf(row, "lane"),
        body: parseJson(textOf(row, "body")),
        reason: String(parseJson(textOf(row, "reason"))),
        at: numberOf(row, "at"),
      }));
    },

    replay(queue: Queue, id: string): boolean {
      const [row] = driver.exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING lane, body", queue, id);
      if (!row) return false;
      jobs.append({ queue, id, lane: textOf(row, "lane"), text: textOf(row, "body"), at: undefined });
      return true;
    },

    stats: (): Stats => ({ queues: eachQueue(statsOf) }),
  };
}
