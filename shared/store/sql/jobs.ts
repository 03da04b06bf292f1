/**
 * The queues of the SQL engine: jobs are taken when they are due, one at a time per lane, acknowledged once, and kept
 * as dead letters when they failed for good.
 */

import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { type CheckedJob, parseJobText } from "../engine.ts";
import { type DeadJob, type JobResult, type LeasedJob, mapQueues, type Queue, type StoreStats } from "../port.ts";
import type { SqlParts } from "./database.ts";

/** Waiting and taken jobs. The row of a lane always points at its first job, so `take` reads no others. */
export function createSqlJobs({ exec, clock, next, remember }: SqlParts) {
  const isKnownJob = (queue: Queue, id: string) =>
    exec(
      `SELECT 1 FROM job WHERE queue = ? AND id = ?
       UNION ALL SELECT 1 FROM dead WHERE queue = ? AND id = ?
       UNION ALL SELECT 1 FROM done WHERE queue = ? AND id = ? AND forget > ? LIMIT 1`,
      ...[queue, id, queue, id, queue, id, clock()],
    ).length > 0;

  function append({ queue, id, lane, text, at = clock() }: CheckedJob) {
    const seq = next();
    const sql = "INSERT INTO job (seq, queue, id, lane, at, body, tries) VALUES (?, ?, ?, ?, ?, ?, 0)";
    exec(sql, seq, queue, id, lane, at, text);
    // An existing lane has an earlier first job, which stays its head.
    exec("INSERT OR IGNORE INTO lane (queue, lane, head, due) VALUES (?, ?, ?, ?)", queue, lane, seq, at);
  }

  function remove(queue: Queue, lane: string, seq: number) {
    exec("DELETE FROM job WHERE seq = ?", seq);
    const findNext = "SELECT seq, at FROM job WHERE queue = ? AND lane = ? ORDER BY seq LIMIT 1";
    const [head] = exec<{ seq: number; at: Ms }>(findNext, queue, lane);
    if (head) exec("UPDATE lane SET head = ?, due = ? WHERE queue = ? AND lane = ?", head.seq, head.at, queue, lane);
    else exec("DELETE FROM lane WHERE queue = ? AND lane = ?", queue, lane);
  }

  function setDue(queue: Queue, lane: string, due: Ms) {
    exec("UPDATE lane SET due = ? WHERE queue = ? AND lane = ?", due, queue, lane);
  }

  function rememberDone(queue: Queue, id: string) {
    exec("INSERT OR REPLACE INTO done (queue, id, forget) VALUES (?, ?, ?)", queue, id, clock() + remember);
  }

  function count(table: "job" | "dead"): Map<string, number> {
    const rows = exec<{ queue: string; n: number }>(`SELECT queue, count(*) AS n FROM ${table} GROUP BY queue`);
    return new Map(rows.map(({ queue, n }) => [queue, n]));
  }

  return {
    add(jobs: CheckedJob[]) {
      for (const job of jobs) if (!isKnownJob(job.queue, job.id)) append(job);
    },

    take(queue: Queue, ttl: Ms, max: number): LeasedJob[] {
      const until = clock() + ttl;
      const findHeads = "SELECT head FROM lane WHERE queue = ? AND due <= ? ORDER BY due, head LIMIT +?";
      const takeJob =
        "UPDATE job SET tries = tries + 1, token = ? WHERE seq = ? RETURNING id, lane, body, tries, failures";
      return exec<{ head: number }>(findHeads, queue, clock(), max).flatMap(({ head }) => {
        const token = String(next());
        type Taken = Pick<LeasedJob, "id" | "lane" | "tries" | "failures"> & { body: string };
        return exec<Taken>(takeJob, token, head).map(({ id, lane, body, tries, failures }): LeasedJob => {
          setDue(queue, lane, until);
          return { id, queue, lane, body: parseJobText(body), tries, failures, until, token };
        });
      });
    },

    /** A late acknowledgement still counts until the job is taken again, because the token stays until then. */
    acknowledge({ queue, id, token }: LeasedJob, jobResult: JobResult): boolean {
      const findTaken = "SELECT seq, lane, body FROM job WHERE queue = ? AND id = ? AND token = ?";
      const [taken] = exec<{ seq: number; lane: string; body: string }>(findTaken, queue, id, token);
      if (!taken) return false;
      const { seq, lane, body } = taken;
      if ("retryAt" in jobResult) {
        const { retryAt, failed } = jobResult;
        const sql = "UPDATE job SET token = NULL, at = ?, failures = failures + ? WHERE seq = ?";
        exec(sql, retryAt, failed ? 1 : 0, seq);
        setDue(queue, lane, retryAt);
        return true;
      }
      remove(queue, lane, seq);
      if ("dead" in jobResult) {
        exec(
          "INSERT INTO dead (seq, queue, id, lane, body, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
          ...[next(), queue, id, lane, body, JSON.stringify(jobResult.dead), clock()],
        );
      } else rememberDone(queue, id);
      return true;
    },

    advanceRetries(queue: Queue, latest: Ms): number {
      const advanced = exec<{ lane: string }>(
        `UPDATE job SET at = ? WHERE seq IN (SELECT head FROM lane WHERE queue = ? AND due > ?)
           AND tries > 0 AND token IS NULL RETURNING lane`,
        ...[latest, queue, latest],
      );
      for (const { lane } of advanced) setDue(queue, lane, latest);
      return advanced.length;
    },

    /** Ends every lease: the jobs can be taken again at once, and their previous takers cannot acknowledge them. */
    voidLeases() {
      exec(
        "UPDATE lane SET due = (SELECT at FROM job WHERE seq = head) WHERE head IN (SELECT seq FROM job WHERE token IS NOT NULL)",
      );
      exec("UPDATE job SET token = NULL WHERE token IS NOT NULL");
    },

    listDead: (queue: Queue, limit: number): DeadJob[] =>
      exec<DeadJob & { body: string }>(
        "SELECT id, queue, lane, body, reason, at FROM dead WHERE queue = ? ORDER BY seq LIMIT +?",
        ...[queue, limit],
      ).map((row) => ({ ...row, body: parseJobText(row.body), reason: String(parseJobText(row.reason)) })),

    replay(queue: Queue, id: string): boolean {
      type Dead = Pick<CheckedJob, "lane" | "text">;
      const sql = "DELETE FROM dead WHERE queue = ? AND id = ? RETURNING lane, body AS text";
      const [dead] = exec<Dead>(sql, queue, id);
      if (dead) append({ queue, id, at: undefined, ...dead });
      return dead !== undefined;
    },

    discard(queue: Queue, id: string): boolean {
      const isDead = exec("DELETE FROM dead WHERE queue = ? AND id = ? RETURNING id", queue, id).length > 0;
      if (isDead) rememberDone(queue, id);
      return isDead;
    },

    readStats(): StoreStats {
      const [pending, dead] = [count("job"), count("dead")];
      const findOldest = "SELECT min(due) AS n FROM lane WHERE queue = ? AND due <= ?";
      return {
        queues: mapQueues((queue) => {
          const oldest = exec<{ n: Ms | null }>(findOldest, queue, clock())[0]?.n ?? undefined;
          return { pending: pending.get(queue) ?? 0, dead: dead.get(queue) ?? 0, ...omitUndefined({ oldest }) };
        }),
      };
    },
  };
}
