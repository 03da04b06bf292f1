import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createSourceSlots } from "../../shared/http/source-slots.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { readFileSizeLimit } from "../../shared/work/deliverables/check-file.ts";
import { FILE_TYPES } from "../../shared/work/deliverables/file-types.ts";
import { hashStream } from "../../shared/work/deliverables/send-file.ts";
import { createCallSource } from "./call-source.ts";
import { createToolCalls, type ToolCallDeps } from "./tool-calls.ts";
import { toToolResponse } from "./tool-response.ts";
import { uploadDeliverableTool } from "./upload-deliverable.ts";

/**
 * `PUT /agent/upload_deliverable?task=ONB-12&name=report.pdf` with the file as its body, which is streamed to Plane's
 * storage. GET returns the allowed types and sizes, so that a client can check before it sends (OPENCLAW-07).
 */
export const uploadRoute: Route = { path: "/agent/upload_deliverable", access: "agent", streams: true, app };

/** Limit of a refused body that is read and discarded: a client sees the refusal only once it has sent its body. */
const MAX_DISCARDED_BYTES = 64 * 2 ** 20;

/** Limit of uploads of one agent at once: 4. Hundreds would delay webhooks by seconds. */
const MAX_UPLOADS = 4;

const uploadQuerySchema = z.object({
  task: z.string().max(100),
  name: z.string().max(4_000),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i)
    .transform((hex) => hex.toLowerCase())
    .optional(),
  text: z.string().max(4_000).optional(),
});

function rejectInvalidQuery(result: { success: boolean }) {
  if (!result.success)
    throw new GroundcrewError(
      "bad_request",
      "Invalid query. Give ?task=ONB-12&name=report.pdf; sha256 (64 hex characters) and text (up to 4,000 characters) are optional.",
    );
}

function app(deps: ToolCallDeps): Hono {
  const calls = createToolCalls(deps);
  const slots = createSourceSlots({ perSource: MAX_UPLOADS });
  return new Hono()
    .get("/", async (c) => {
      const { bytes, plane } = await readFileSizeLimit(deps);
      return c.json({ max_bytes: bytes, plane_limit: plane, types: FILE_TYPES });
    })
    .put("/", zValidator("query", uploadQuerySchema, rejectInvalidQuery), async (c) => {
      const input = c.req.valid("query");
      const { sha256, text } = input;
      const size = parseContentLength(c.req.header("content-length"));
      const body = c.req.raw.body ?? new ReadableStream<Uint8Array>({ start: (stream) => stream.close() });
      const type = c.req.header("content-type");
      const freeSlot = slots.take(c.get("caller").name);
      try {
        const outcome = await calls.runTool(createCallSource(c, "http"), uploadDeliverableTool, input, ({ work }) => {
          if (!freeSlot) throw createBusyError();
          return work.deliver({
            task: input.task,
            name: input.name,
            file: { size, stream: () => body },
            ...omitUndefined({ type, sha256, text }),
          });
        });
        const discards = freeSlot && !outcome.ok && size <= MAX_DISCARDED_BYTES && !body.locked;
        if (discards) await hashStream(deps, body).catch(() => {});
        return toToolResponse(c, outcome);
      } finally {
        freeSlot?.();
      }
    });
}

function createBusyError(): GroundcrewError {
  const message = `You have ${MAX_UPLOADS} uploads in progress. Repeat this one when another has ended.`;
  return new GroundcrewError("unavailable", message);
}

/** Plane's storage needs the size before the file, so a request without Content-Length is refused. */
function parseContentLength(header: string | undefined): number {
  if (header !== undefined && /^\d{1,15}$/.test(header)) return Number(header);
  throw new GroundcrewError(
    "bad_request",
    "Content-Length is missing. Send the file with its size, as `curl -T report.pdf` does.",
  );
}
