import { Hono } from "hono";
import type { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { getTicket } from "../../shared/tickets/change-ticket.ts";
import { cleanScreen } from "../../shared/tickets/clean-screen.ts";
import {
  FRAME_LIMIT_BYTES,
  type frameAnswerSchema,
  type TerminalFrame,
  terminalFrameSchema,
} from "../../shared/tickets/terminal-frame.ts";
import { createJsonReader, readTicketKey } from "./ticket-input.ts";

/** Receives the pictures of the terminals that somebody watches, up to ten a second for each. */
export const framesRoute: Route = { path: "/api/runner/frames", access: "runner", app };

function app(deps: Deps): Hono {
  const readJson = createJsonReader(FRAME_LIMIT_BYTES);
  return new Hono().post("/:ticket", async (c) => {
    c.set("isFrequent", true);
    const key = readTicketKey(c);
    const frame: TerminalFrame = await readJson(c, terminalFrameSchema);
    const { run } = await getTicket(deps, key);
    if (frame.run !== run) throw new GroundcrewError("conflict", `The present run of ${key} is ${run}.`);
    const { cursor, columns, rows } = frame;
    const screen = cleanScreen(frame.screen, rows);
    const isWatched = deps.terminals.receive(key, { run, columns, rows, screen, ...(cursor ? { cursor } : {}) });
    return c.json({ watched: isWatched } satisfies z.infer<typeof frameAnswerSchema>);
  });
}
