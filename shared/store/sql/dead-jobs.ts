import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { parseJobText } from "../check-commit.ts";
import { type DeadJob, mapQueues, type Queue, type QueueStats } from "../job-operations.ts";
import type { StoreStats } from "../port.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./driver.ts";
import type { createSqlJobs } from "./jobs.ts";

interface SqlDeadJobsOptions {
  driver: SqlDriver;
  clock: () => Ms;
  jobs: Pick<ReturnType<typeof createSqlJobs>, "append" | "rememberDone">;
}

/** Dead letters, and the statistics of all queues. */
export function createSqlDeadJobs({ driver, clock, jobs }: SqlDeadJobsOptions) {
  function readNumber(sql: string, ...params: (string | number)[]): number | undefined {
    const value = driver.exec(sql, ...params)[0]?.["n"];
    return typeof value === "number" ? value : undefined;
  }

  function readQueueStats(queue: Queue): QueueStats {
    const oldest = readNumber("SELECT min(due) AS n FROM lane WHERE queue = ? AND due <= ?", queue, clock());
    return {
      pending: readNumber("SELECT count(*) AS n FROM job WHERE queue = ?", queue) ?? 0,
      dead: readNumber("SELECT count(*) AS n FROM dead WHERE queue = ?", queue) ?? 0,
      ...omitUndefined({ oldest }),
    };
  }

  return {
    dead(queue: Queue, limit: number): DeadJob[] {
      const sql = "SELECT id, lane, body, reason, at FROM dead WHERE queue = ? ORDER BY seq LIMIT ?";
      return driver.exec(sql, queue, limit).map((row) => ({
        id: getTextColumn(row, "id"),
        queue,
        lane: getTextColumn(row, "lane"),
        body: parseJobText(getTextColumn(row, "body")),
        reason: String(parseJobText(getTextColumn(row, "reason"))),
        at: getNumberColumn(row, "at"),
      }));
    },

    replay(queue: Queue, id: string): boolean {
      const [row] = driver.exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING lane, body", queue, id);
      if (!row) return false;
      jobs.append({ queue, id, lane: getTextColumn(row, "lane"), text: getTextColumn(row, "body"), at: undefined });
      return true;
    },

    discard(queue: Queue, id: string): boolean {
      const deleted = driver.exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING id", queue, id);
      if (deleted.length === 0) return false;
      jobs.rememberDone(queue, id);
      return true;
    },

    stats: (): StoreStats => ({ queues: mapQueues(readQueueStats) }),
  };
}
