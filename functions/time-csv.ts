import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { type Ms, SECOND } from "../shared/time.ts";
import { readAllTimes, type TaskTimes } from "../shared/work/time/task-times.ts";
import type { KeptTimes } from "../shared/work/time/time-entries.ts";

/** MONITOR-03: all time entries as CSV. Streamed one store page at a time, so that memory use stays bounded. */
export const timeCsvRoute: Route = { path: "/time.csv", access: "admin", app };

const HEADER = ["agent", "project", "task", "from", "to", "seconds"];

function app({ store }: Pick<Deps, "store">): Hono {
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

/** A running timer has no end time and counts until now; totals carried over without their entries have no times. */
function formatTimes({ task, project, entries, carried }: TaskTimes & Pick<KeptTimes, "task" | "project">): string[] {
  const seconds = (ms: Ms) => String(Math.floor(ms / SECOND));
  return [
    ...Object.entries(carried).map(([agent, ms]) => formatRow([agent, project, task, "", "", seconds(ms)])),
    ...entries.map(({ agent, from, to, ms }) =>
      formatRow([
        agent,
        project,
        task,
        new Date(from).toISOString(),
        to === undefined ? "" : new Date(to).toISOString(),
        seconds(ms),
      ]),
    ),
  ];
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
