import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Route } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { readOnly } from "../../shared/work/deliver-send.ts";
import { sizeLimit } from "../../shared/work/deliverable.ts";
import { TYPES } from "../../shared/work/deliverable-types.ts";
import { answer } from "./answer.ts";
import { type CallDeps, createCalls } from "./call.ts";
import { doorOf } from "./door.ts";
import { uploadDeliverable } from "./upload-deliverable.ts";

/**
 * `PUT /agent/upload_deliverable?task=ONB-12&name=report.pdf` with the file as its body: it passes through to Plane's
 * storage as it comes. GET tells what is allowed, before anything is sent (OPENCLAW-07).
 */
export const upload: Route = { path: "/agent/upload_deliverable", access: "agent", streams: true, app };

/** A refusal is heard only by a sender that could finish: so much of what is not wanted is read. */
const READ_ANYWAY = 64 * 2 ** 20;

const given = z.object({
  task: z.string().max(100),
  name: z.string().max(4_000),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i)
    .transform((hex) => hex.toLowerCase())
    .optional(),
  text: z.string().max(4_000).optional(),
});

function unlessRight(result: { success: boolean }) {
  if (!result.success)
    throw new GroundcrewError(
      "bad_request",
      "Give ?task=ONB-12&name=report.pdf, and if you like sha256 (64 hex characters) and text (up to 4,000 characters).",
    );
}

function app(deps: CallDeps): Hono {
  const calls = createCalls(deps);
  return new Hono()
    .get("/", async (c) => {
      const { bytes, plane } = await sizeLimit(deps);
      return c.json({ max_bytes: bytes, plane_limit: plane, types: TYPES });
    })
    .put("/", zValidator("query", given, unlessRight), async (c) => {
      const input = c.req.valid("query");
      const { sha256, text } = input;
      const size = lengthOf(c.req.header("content-length"));
      const body = c.req.raw.body ?? new ReadableStream<Uint8Array>({ start: (stream) => stream.close() });
      const type = c.req.header("content-type");
      const outcome = await calls.through(doorOf(c, "http"), uploadDeliverable, input, ({ work }) =>
        work.deliver({
          ...{ task: input.task, name: input.name, file: { size, stream: () => body } },
          ...(type !== undefined && { type }),
          ...(sha256 !== undefined && { sha256 }),
          ...(text !== undefined && { text }),
        }),
      );
      if (!outcome.ok && size <= READ_ANYWAY && !body.locked) await readOnly(deps, body).catch(() => {});
      return answer(c, outcome);
    });
}

/** The storage takes no file whose size is not known before it comes. */
function lengthOf(header: string | undefined): number {
  if (header !== undefined && /^\d{1,15}$/.test(header)) return Number(header);
  throw new GroundcrewError(
    "bad_request",
    "The file's size is not known: send it with Content-Length, as `curl -T report.pdf` does.",
  );
}
