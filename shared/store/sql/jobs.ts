import type { Ms } from "../../time.ts";
import { type CheckedJob, parseJobText } from "../check-commit.ts";
import type { LeasedJob, Queue, Settlement } from "../job-operations.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./driver.ts";

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

    /** A late settle still counts until the job is taken again, because the token stays until then. */
    settle({ queue, id, token }: LeasedJob, settlement: Settlement): boolean {
      const [row] = driver.exec(
        "SELECT seq, lane, body FROM job WHERE queue = ? AND id = ? AND token = ?",
        queue,
        id,
        token,
      );
      if (!row) return false;
      const lane = getTextColumn(row, "lane");
      const seq = getNumberColumn(row, "seq");
      if ("retryAt" in settlement) {
        driver.exec(
          "UPDATE job SET token = NULL, at = ?, failures = failures + ? WHERE seq = ?",
          settlement.retryAt,
          settlement.failed ? 1 : 0,
          seq,
        );
        driver.exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", settlement.retryAt, queue, lane);
        return true;
      }
      remove(queue, lane, seq);
      if ("dead" in settlement) {
        driver.exec(
          "INSERT INTO dead (seq, queue, id, lane, body, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
          next(),
          queue,
          id,
          lane,
          getTextColumn(row, "body"),
          JSON.stringify(settlement.dead),
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

    /** Ends every lease: the jobs can be taken again at once, and their previous takers cannot settle them. */
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
