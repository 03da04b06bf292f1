/**
 * Routes for those who operate Groundcrew: run a tick now, list, requeue and discard failed jobs, end a long rate
 * limit, copy the store, and download the working times as CSV.
 */

import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { readAllTimes, type TaskTimes, type TimeEntriesRecord } from "../shared/accounting/time-entries.ts";
import type { Deps, Route } from "../shared/app/deps.ts";
import { shortenPauses } from "../shared/app/health.ts";
import { GroundcrewError, getErrorMessage } from "../shared/errors.ts";
import { createDiscardedJobPut } from "../shared/http/outgoing.ts";
import { getRequester } from "../shared/http/request.ts";
import { taskKeySchema } from "../shared/names.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { QUEUES } from "../shared/store/port.ts";
import { cleanText } from "../shared/text.ts";
import { type Ms, SECOND } from "../shared/time.ts";

/** Runs a tick on demand, for hosts with their own cron; responds when the tick has finished. */
export const ticksRoute: Route = { path: "/ticks", access: "tick", app: createTicksApp };

/** The body of an event's job, as far as it names the task. */
const taskBodySchema = z.object({
  facts: z.object({ item: z.object({ key: taskKeySchema }) }),
});

const deadLetterParamsSchema = z.object({ queue: z.enum(QUEUES), id: z.string() });

/**
 * Lists jobs that failed permanently with their reasons, requeues and discards them. Of bodies only the task's key is
 * shown: they contain texts of people.
 */
export const deadLettersRoute: Route = { path: "/dead-letters", access: "page", app: createDeadLettersApp };

/** Ends the holds by a system's rate limit: one request is sent, and when it succeeds, all others follow. */
export const holdsRoute: Route = { path: "/api/holds", access: "page", app: createHoldsApp };

/**
 * Writes a copy of the embedded store beside it, for `groundcrew backup` on the same machine: only this process can
 * read a file that it has open. The answer is the copy's name; its content never leaves the machine here.
 */
export const storeCopyRoute: Route = {
  path: "/api/store-copy",
  access: "admin",
  app: ({ store, log }) =>
    new Hono().post("/", async (c) => {
      if (!store.saveCopy) throw new GroundcrewError("not_found", "This store has no file that can be copied.");
      const file = await store.saveCopy();
      log.info("store copied for a backup", { file });
      return c.json({ file });
    }),
};

const HEADER = ["agent", "project", "task", "from", "to", "seconds"];

/** MONITOR-03: all time entries as CSV. Streamed one store page at a time, so that memory use stays bounded. */
export const timeCsvRoute: Route = { path: "/time.csv", access: "admin", app: createTimeCsvApp };

function createTicksApp({ ticks }: Pick<Deps, "ticks">): Hono {
  return new Hono().post("/:name", async (c) => {
    const name = c.req.param("name");
    if (!ticks.names.includes(name))
      throw new GroundcrewError("not_found", `Unknown tick. Available ticks: ${ticks.names.join(", ")}.`);
    const { ms, counts } = await ticks.runNow(name).catch((cause: unknown) => {
      throw new GroundcrewError("unavailable", `The tick ${name} failed: ${getErrorMessage(cause)}`, { cause });
    });
    return c.json({ ...counts, name, ms });
  });
}

function createNotFoundError() {
  return new GroundcrewError(
    "not_found",
    "There is no dead letter with this queue and id. It may have been requeued or discarded already.",
    { refusal: { name: "failedJobGone" } },
  );
}

function throwUnlessValid(result: { success: boolean }) {
  if (!result.success) throw createNotFoundError();
}

/** Who requeues or discards a job, for the log. */
function describeRequester(c: Context) {
  return { correlation: c.get("correlation"), ...getRequester(c), client: c.get("client") };
}

export type DeadLettersAnswer = Awaited<ReturnType<typeof readDeadLetters>>;

/** The jobs that failed permanently, of each queue the oldest first, with the key of the task that they are about. */
async function readDeadLetters(store: Pick<Deps["store"], "listDeadJobs">) {
  const queues = await Promise.all(QUEUES.map((queue) => store.listDeadJobs(queue)));
  const dead_letters = queues.flat().map(({ queue, id, reason, at, body }) => ({
    ...{ queue, id, reason: cleanText(reason, 4_000), at: new Date(at).toISOString() },
    ...omitUndefined({ task: taskBodySchema.safeParse(body).data?.facts.item.key }),
  }));
  return { dead_letters };
}

function createDeadLettersApp({ store, notify, log, clock }: Pick<Deps, "store" | "notify" | "log" | "clock">): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await readDeadLetters(store)))
    .post("/:queue/:id/replay", zValidator("param", deadLetterParamsSchema, throwUnlessValid), async (c) => {
      const { queue, id } = c.req.valid("param");
      if (!(await store.replay(queue, id))) throw createNotFoundError();
      log.info("failed job requeued", { ...describeRequester(c), queue, id });
      notify();
      return c.json({ ok: true });
    })
    .delete("/:queue/:id", zValidator("param", deadLetterParamsSchema, throwUnlessValid), async (c) => {
      const { queue, id } = c.req.valid("param");
      if (!(await store.discard(queue, id))) throw createNotFoundError();
      await store.commit({ put: [createDiscardedJobPut(queue, id, clock())] });
      log.info("failed job discarded", { ...describeRequester(c), queue, id });
      return c.json({ ok: true });
    });
}

function createHoldsApp({ store, notify, requestPoll, log }: Deps): Hono {
  return new Hono().delete("/:system", async (c) => {
    const system = c.req.param("system");
    if (system !== "plane" && system !== "telegram")
      throw new GroundcrewError("not_found", "Unknown system. Systems with rate limits: plane, telegram.");
    const ended = await shortenPauses(store, system, 0);
    if (ended === 0)
      throw new GroundcrewError("not_found", `Nothing is held by a rate limit of ${system}.`, {
        refusal: { name: "noHold", values: { system } },
      });
    log.info("rate limit hold ended by an operator", { system, holds: ended });
    notify();
    // A poll sends the probe at once, even when no job waits for Plane.
    if (system === "plane") requestPoll("a rate limit hold was ended");
    return c.json({ ended });
  });
}

function createTimeCsvApp({ store }: Pick<Deps, "store">): Hono {
  return new Hono().get("/", async (c) => {
    const now = await store.now();
    const pages = readAllTimes({ store }, now);
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start: (out) => out.enqueue(encoder.encode(formatRow(HEADER))),
      async pull(out) {
        const page = await pages.next();
        if (page.done) out.close();
        else out.enqueue(encoder.encode(page.value.flatMap(formatTimes).join("")));
      },
      cancel: async () => void (await pages.return(undefined)),
    });
    return c.body(body, 200, {
      "Content-Type": "text/csv; charset=utf-8; header=present",
      "Content-Disposition": 'attachment; filename="time.csv"',
    });
  });
}

/** Formats one row as RFC 4180 requires: comma-separated, ended by CRLF. */
function formatRow(cells: readonly string[]): string {
  return `${cells.map(formatCell).join(",")}\r\n`;
}

/** A leading quote mark keeps spreadsheets from evaluating a cell that begins like a formula. */
function formatCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A running timer has no end time and counts until now; totals carried over without their entries have no times. */
function formatTimes({
  task,
  project,
  entries,
  carried,
}: TaskTimes & Pick<TimeEntriesRecord, "task" | "project">): string[] {
  const seconds = (ms: Ms) => String(Math.floor(ms / SECOND));
  const toIso = (at: Ms) => new Date(at).toISOString();
  return [
    ...Object.entries(carried).map(([agent, ms]) => formatRow([agent, project, task, "", "", seconds(ms)])),
    ...entries.map(({ agent, from, to, ms }) =>
      formatRow([agent, project, task, toIso(from), to === undefined ? "" : toIso(to), seconds(ms)]),
    ),
  ];
}
