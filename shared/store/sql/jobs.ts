/**
 * The queues of the SQL engine: jobs are taken when they are due, one at a time per lane, acknowledged once, and kept as
 * dead letters when they failed for good.
 */

import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { type CheckedJob, parseJobText } from "../engine.ts";
import {
  type DeadJob,
  type JobResult,
  type LeasedJob,
  mapQueues,
  type Queue,
  type QueueStats,
  type StoreStats,
} from "../port.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./database.ts";

interface SqlJobsOptions {
  driver: SqlDriver;
  clock: () => Ms;
  next: () => number;
  remember: Ms;
}

/** Waiting and taken jobs. The row of a lane always points at its first job, so `take` reads no others. */
export function createSqlJobs({ driver, clock, next, remember }: SqlJobsOptions) {
  const isKnownJob = (queue: Queue, id: string) =>
    driver.exec(
      `SELECT 1 FROM job WHERE queue = ? AND id = ?
       UNION ALL SELECT 1 FROM dead WHERE queue = ? AND id = ?
       UNION ALL SELECT 1 FROM done WHERE queue = ? AND id = ? AND forget > ? LIMIT 1`,
      ...[queue, id, queue, id, queue, id, clock()],
    ).length > 0;

  function append({ queue, id, lane, text, at = clock() }: CheckedJob) {
    const seq = next();
    driver.exec(
      "INSERT INTO job (seq, queue, id, lane, at, body, tries) VALUES (?, ?, ?, ?, ?, ?, 0)",
      seq,
      queue,
      id,
      lane,
      at,
      text,
    );
    // An existing lane has an earlier first job, which stays its head.
    driver.exec("INSERT OR IGNORE INTO lane (queue, lane, head, due) VALUES (?, ?, ?, ?)", queue, lane, seq, at);
  }

  function remove(queue: Queue, lane: string, seq: number) {
    driver.exec("DELETE FROM job WHERE seq = ?", seq);
    const [head] = driver.exec(
      "SELECT seq, at FROM job WHERE queue = ? AND lane = ? ORDER BY seq LIMIT 1",
      queue,
      lane,
    );
    if (!head) driver.exec("DELETE FROM lane WHERE queue = ? AND lane = ?", queue, lane);
    else {
      driver.exec(
        "UPDATE lane SET head = ?, due = ? WHERE queue = ? AND lane = ?",
        getNumberColumn(head, "seq"),
        getNumberColumn(head, "at"),
        queue,
        lane,
      );
    }
  }

  function rememberDone(queue: Queue, id: string) {
    driver.exec("INSERT OR REPLACE INTO done (queue, id, forget) VALUES (?, ?, ?)", queue, id, clock() + remember);
  }

  return {
    append,
    rememberDone,

    add(jobs: CheckedJob[]) {
      for (const job of jobs) if (!isKnownJob(job.queue, job.id)) append(job);
    },

    take(queue: Queue, ttl: Ms, max: number): LeasedJob[] {
      const now = clock();
      const until = now + ttl;
      const heads = driver.exec(
        "SELECT head FROM lane WHERE queue = ? AND due <= ? ORDER BY due, head LIMIT ?",
        queue,
        now,
        max,
      );
      return heads.flatMap((head) => {
        const token = String(next());
        const seq = getNumberColumn(head, "head");
        const sql =
          "UPDATE job SET tries = tries + 1, token = ? WHERE seq = ? RETURNING id, lane, body, tries, failures";
        return driver.exec(sql, token, seq).map((row): LeasedJob => {
          const lane = getTextColumn(row, "lane");
          driver.exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", until, queue, lane);
          const body = parseJobText(getTextColumn(row, "body"));
          const [tries, failures] = [getNumberColumn(row, "tries"), getNumberColumn(row, "failures")];
          return { id: getTextColumn(row, "id"), queue, lane, body, tries, failures, until, token };
        });
      });
    },

    /** A late acknowledgement still counts until the job is taken again, because the token stays until then. */
    acknowledge({ queue, id, token }: LeasedJob, jobResult: JobResult): boolean {
      const [row] = driver.exec(
        "SELECT seq, lane, body FROM job WHERE queue = ? AND id = ? AND token = ?",
        queue,
        id,
        token,
      );
      if (!row) return false;
      const lane = getTextColumn(row, "lane");
      const seq = getNumberColumn(row, "seq");
      if ("retryAt" in jobResult) {
        driver.exec(
          "UPDATE job SET token = NULL, at = ?, failures = failures + ? WHERE seq = ?",
          jobResult.retryAt,
          jobResult.failed ? 1 : 0,
          seq,
        );
        driver.exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", jobResult.retryAt, queue, lane);
        return true;
      }
      remove(queue, lane, seq);
      if ("dead" in jobResult) {
        driver.exec(
          "INSERT INTO dead (seq, queue, id, lane, body, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
          next(),
          queue,
          id,
          lane,
          getTextColumn(row, "body"),
          JSON.stringify(jobResult.dead),
          clock(),
        );
      } else {
        rememberDone(queue, id);
      }
      return true;
    },

    advanceRetries(queue: Queue, latest: Ms): number {
      const advanced = driver.exec(
        `UPDATE job SET at = ? WHERE seq IN (SELECT head FROM lane WHERE queue = ? AND due > ?)
           AND tries > 0 AND token IS NULL RETURNING lane`,
        latest,
        queue,
        latest,
      );
      for (const row of advanced)
        driver.exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", latest, queue, getTextColumn(row, "lane"));
      return advanced.length;
    },

    /** Ends every lease: the jobs can be taken again at once, and their previous takers cannot acknowledge them. */
    voidLeases() {
      driver.exec(
        "UPDATE lane SET due = (SELECT at FROM job WHERE seq = head) WHERE head IN (SELECT seq FROM job WHERE token IS NOT NULL)",
      );
      driver.exec("UPDATE job SET token = NULL WHERE token IS NOT NULL");
    },

    /** Deletes at most `limit` expired ids of done jobs. */
    sweep(limit: number) {
      driver.exec(
        "DELETE FROM done WHERE (queue, id) IN (SELECT queue, id FROM done WHERE forget <= ? LIMIT ?)",
        clock(),
        limit,
      );
    },
  };
}

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
