/**
 * The queues of the SQL engine: jobs are taken when they are due, one at a time per lane, acknowledged once, and kept
 * as dead letters when they failed for good.
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
    const sql = "INSERT INTO job (seq, queue, id, lane, at, body, tries) VALUES (?, ?, ?, ?, ?, ?, 0)";
    driver.exec(sql, seq, queue, id, lane, at, text);
    // An existing lane has an earlier first job, which stays its head.
    driver.exec("INSERT OR IGNORE INTO lane (queue, lane, head, due) VALUES (?, ?, ?, ?)", queue, lane, seq, at);
  }

  function remove(queue: Queue, lane: string, seq: number) {
    driver.exec("DELETE FROM job WHERE seq = ?", seq);
    const findNext = "SELECT seq, at FROM job WHERE queue = ? AND lane = ? ORDER BY seq LIMIT 1";
    const [head] = driver.exec(findNext, queue, lane);
    if (!head) driver.exec("DELETE FROM lane WHERE queue = ? AND lane = ?", queue, lane);
    else {
      const sql = "UPDATE lane SET head = ?, due = ? WHERE queue = ? AND lane = ?";
      driver.exec(sql, getNumberColumn(head, "seq"), getNumberColumn(head, "at"), queue, lane);
    }
  }

  function setDue(queue: Queue, lane: string, due: Ms) {
    driver.exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", due, queue, lane);
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
      const findHeads = "SELECT head FROM lane WHERE queue = ? AND due <= ? ORDER BY due, head LIMIT +?";
      const takeJob =
        "UPDATE job SET tries = tries + 1, token = ? WHERE seq = ? RETURNING id, lane, body, tries, failures";
      return driver.exec(findHeads, queue, now, max).flatMap((head) => {
        const token = String(next());
        return driver.exec(takeJob, token, getNumberColumn(head, "head")).map((row): LeasedJob => {
          const lane = getTextColumn(row, "lane");
          setDue(queue, lane, until);
          const body = parseJobText(getTextColumn(row, "body"));
          const [tries, failures] = [getNumberColumn(row, "tries"), getNumberColumn(row, "failures")];
          return { id: getTextColumn(row, "id"), queue, lane, body, tries, failures, until, token };
        });
      });
    },

    /** A late acknowledgement still counts until the job is taken again, because the token stays until then. */
    acknowledge({ queue, id, token }: LeasedJob, jobResult: JobResult): boolean {
      const findTaken = "SELECT seq, lane, body FROM job WHERE queue = ? AND id = ? AND token = ?";
      const [row] = driver.exec(findTaken, queue, id, token);
      if (!row) return false;
      const lane = getTextColumn(row, "lane");
      const seq = getNumberColumn(row, "seq");
      if ("retryAt" in jobResult) {
        const { retryAt, failed } = jobResult;
        const sql = "UPDATE job SET token = NULL, at = ?, failures = failures + ? WHERE seq = ?";
        driver.exec(sql, retryAt, failed ? 1 : 0, seq);
        setDue(queue, lane, retryAt);
        return true;
      }
      remove(queue, lane, seq);
      if ("dead" in jobResult) {
        driver.exec(
          "INSERT INTO dead (seq, queue, id, lane, body, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
          ...[next(), queue, id, lane, getTextColumn(row, "body"), JSON.stringify(jobResult.dead), clock()],
        );
      } else rememberDone(queue, id);
      return true;
    },

    advanceRetries(queue: Queue, latest: Ms): number {
      const advanced = driver.exec(
        `UPDATE job SET at = ? WHERE seq IN (SELECT head FROM lane WHERE queue = ? AND due > ?)
           AND tries > 0 AND token IS NULL RETURNING lane`,
        ...[latest, queue, latest],
      );
      for (const row of advanced) setDue(queue, getTextColumn(row, "lane"), latest);
      return advanced.length;
    },

    /** Ends every lease: the jobs can be taken again at once, and their previous takers cannot acknowledge them. */
    voidLeases() {
      driver.exec(
        "UPDATE lane SET due = (SELECT at FROM job WHERE seq = head) WHERE head IN (SELECT seq FROM job WHERE token IS NOT NULL)",
      );
      driver.exec("UPDATE job SET token = NULL WHERE token IS NOT NULL");
    },

    /** Deletes at most `limit` expired ids of done jobs and returns their number. */
    sweep(limit: number): number {
      const expired = "SELECT queue, id FROM done WHERE forget <= ? LIMIT +?";
      return driver.exec(`DELETE FROM done WHERE (queue, id) IN (${expired}) RETURNING 1`, clock(), limit).length;
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
  const readNumbers = (sql: string, ...params: (string | number)[]) =>
    new Map(driver.exec(sql, ...params).map((row) => [getTextColumn(row, "queue"), getNumberColumn(row, "n")]));

  return {
    list: (queue: Queue, limit: number): DeadJob[] =>
      driver
        .exec("SELECT id, lane, body, reason, at FROM dead WHERE queue = ? ORDER BY seq LIMIT +?", queue, limit)
        .map((row) => ({
          id: getTextColumn(row, "id"),
          queue,
          lane: getTextColumn(row, "lane"),
          body: parseJobText(getTextColumn(row, "body")),
          reason: String(parseJobText(getTextColumn(row, "reason"))),
          at: getNumberColumn(row, "at"),
        })),

    replay(queue: Queue, id: string): boolean {
      const [row] = driver.exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING lane, body", queue, id);
      if (row)
        jobs.append({ queue, id, lane: getTextColumn(row, "lane"), text: getTextColumn(row, "body"), at: undefined });
      return row !== undefined;
    },

    discard(queue: Queue, id: string): boolean {
      const isDead = driver.exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING id", queue, id).length > 0;
      if (isDead) jobs.rememberDone(queue, id);
      return isDead;
    },

    readStats(): StoreStats {
      const pending = readNumbers("SELECT queue, count(*) AS n FROM job GROUP BY queue");
      const dead = readNumbers("SELECT queue, count(*) AS n FROM dead GROUP BY queue");
      const queues = mapQueues((queue): QueueStats => {
        const [row] = driver.exec("SELECT min(due) AS n FROM lane WHERE queue = ? AND due <= ?", queue, clock());
        const oldest = typeof row?.["n"] === "number" ? row["n"] : undefined;
        return { pending: pending.get(queue) ?? 0, dead: dead.get(queue) ?? 0, ...omitUndefined({ oldest }) };
      });
      return { queues };
    },
  };
}
