import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createSourceSlots } from "../../shared/http/source-slots.ts";
import type { FoundAttachment } from "../../shared/work/deliverables/find-attachment.ts";
import { createCallSource } from "./call-source.ts";
import { downloadDeliverableTool } from "./download-deliverable.ts";
import { createToolCalls, type ToolCallDeps } from "./tool-calls.ts";
import { toToolResponse } from "./tool-response.ts";

/** `GET /agent/download_deliverable?task=ONB-12&name=report.pdf` streams a file of any size from Plane's storage. */
export const downloadRoute: Route = { path: "/agent/download_deliverable", access: "agent", streams: true, app };

/** Limit of downloads of one agent at once: 4, as for uploads. */
const MAX_DOWNLOADS = 4;

const downloadQuerySchema = z.object({ task: z.string().max(100), name: z.string().max(4_000) });

function rejectInvalidQuery(result: { success: boolean }) {
  if (!result.success) throw new GroundcrewError("bad_request", "Invalid query. Give ?task=ONB-12&name=report.pdf.");
}

function app(deps: ToolCallDeps): Hono {
  const calls = createToolCalls(deps);
  const slots = createSourceSlots({ perSource: MAX_DOWNLOADS });
  return new Hono().get("/", zValidator("query", downloadQuerySchema, rejectInvalidQuery), async (c) => {
    const input = c.req.valid("query");
    const freeSlot = slots.take(c.get("caller").name);
    let download: { found: FoundAttachment; body: ReadableStream<Uint8Array<ArrayBuffer>> } | undefined;
    const outcome = await calls.runTool(
      createCallSource(c, "http"),
      downloadDeliverableTool,
      input,
      async ({ work }) => {
        if (!freeSlot) throw createBusyError();
        const found = await work.findFile(input.task, input.name);
        download = { found, body: await found.open(c.req.raw.signal) };
        const { task, name, type, size } = found;
        return { task, name, type, size };
      },
    );
    if (!download) {
      freeSlot?.();
      return toToolResponse(c, outcome);
    }
    // The declared type is a text of the sender: a browser must neither show the file nor run it.
    c.header("content-type", "application/octet-stream");
    c.header("content-disposition", `attachment; filename*=UTF-8''${encodeFileName(download.found.name)}`);
    c.header("x-content-type-options", "nosniff");
    return c.body(whenEnded(download.body, () => freeSlot?.()));
  });
}

/** Calls `end` once, when the stream has been read to its end, has failed or was cancelled. */
function whenEnded(body: ReadableStream<Uint8Array<ArrayBuffer>>, end: () => void) {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  void body
    .pipeTo(writable)
    .catch(() => {})
    .finally(end);
  return readable;
}

/** Percent-encodes a name for `filename*` (RFC 8187), in which `'`, `(`, `)` and `*` are encoded as well. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function createBusyError(): GroundcrewError {
  const message = `You have ${MAX_DOWNLOADS} downloads in progress. Repeat this one when another has ended.`;
  return new GroundcrewError("unavailable", message);
}
