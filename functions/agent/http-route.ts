/**
 * The tools over HTTP: JSON calls with their OpenAPI document, and the routes that carry the bytes of files up and
 * down.
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createSourceSlots } from "../../shared/http/limits.ts";
import { parseJsonBody, validateQuery } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { hashStream } from "../../shared/tasks/deliverables/deliver-file.ts";
import { FILE_TYPES, readFileSizeLimit } from "../../shared/tasks/deliverables/file-check.ts";
import { VERSION } from "../../shared/version.ts";
import { createOutputSchema, getToolDefinition, mayCallTool, type Tool, type ToolContext } from "./tool.ts";
import {
  createAgentBodyReader,
  createCallSource,
  createToolCaller,
  type ToolCallDeps,
  type ToolOutcome,
} from "./tool-calls.ts";

const errorSchema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        retry_after: { type: "integer", description: "seconds" },
      },
      required: ["code", "message"],
    },
  },
  required: ["error"],
};

/** Limit of uploads of one agent at once, and of downloads: 4. Hundreds would delay webhooks by seconds. */
const MAX_TRANSFERS = 4;

const downloadQuerySchema = z.object({ task: z.string().max(100), name: z.string().max(4_000) });

const uploadQuerySchema = downloadQuerySchema.extend({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i)
    .transform((hex) => hex.toLowerCase())
    .optional(),
  text: z.string().max(4_000).optional(),
});

/** Limit of a refused body that is read and discarded: a client sees the refusal only once it has sent its body. */
const MAX_DISCARDED_BYTES = 64 * 2 ** 20;

/**
 * The tools over plain HTTP:
 * - `POST /agent/<tool>` with a JSON object.
 * - `PUT /agent/upload_deliverable?task=ONB-12&name=report.pdf` with the file as its body, which is streamed to Plane's
 *   storage. GET returns the allowed types and sizes, so that a client can check before it sends (OPENCLAW-07).
 * - `GET /agent/download_deliverable?task=ONB-12&name=report.pdf` streams a file of any size from Plane's storage.
 */
export function createAgentHttpRoutes(tools: readonly Tool[]): Route[] {
  const createRoute = (path: string, createApp: (deps: ToolCallDeps, tools: readonly Tool[]) => Hono) =>
    ({ path, access: "agent", app: (deps) => createApp(deps, tools) }) satisfies Route;
  return [
    createRoute("/agent", createToolsApp),
    { ...createRoute("/agent/upload_deliverable", createUploadApp), streams: true },
    { ...createRoute("/agent/download_deliverable", createDownloadApp), streams: true },
  ];
}

function createToolsApp(deps: ToolCallDeps, tools: readonly Tool[]): Hono {
  const callTool = createToolCaller(deps, tools);
  const readBody = createAgentBodyReader();
  return new Hono()
    .get("/openapi.json", (c) => {
      const caller = c.get("caller");
      const allowed = tools.filter((tool) => mayCallTool(caller, tool));
      return c.json(createOpenApiDocument(allowed, deps.settings.publicUrl ?? new URL(c.req.url).origin));
    })
    .post("/:tool", async (c) => {
      const input = parseJsonBody(await readBody(c), c.req.header("content-type"));
      return toToolResponse(c, await callTool(createCallSource(c, "http"), c.req.param("tool"), input));
    });
}

/** Describes the HTTP interface in OpenAPI 3.1, with the tools that its caller may call. */
function createOpenApiDocument(tools: readonly Tool[], url: string) {
  const paths = tools.map((tool) => {
    const { name, description, inputSchema } = getToolDefinition(tool);
    const operation = {
      operationId: name,
      summary: description,
      requestBody: { required: true, content: { "application/json": { schema: inputSchema } } },
      responses: {
        200: {
          description: "The current state after the call.",
          content: { "application/json": { schema: createOutputSchema(tool) } },
        },
        default: { $ref: "#/components/responses/refused" },
      },
    };
    return [`/agent/${name}`, { post: operation }] as const;
  });
  return {
    openapi: "3.1.0",
    info: { title: "Groundcrew: tools for agents", version: VERSION },
    servers: [{ url }],
    security: [{ bridge: [] }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { bridge: { type: "http", scheme: "bearer" } },
      responses: {
        refused: {
          description: "Why the call was refused and what to do.",
          content: { "application/json": { schema: errorSchema } },
        },
      },
    },
  };
}

/** Responds with a tool's answer, or with `{error: {code, message, retry_after?}}` and the status of the refusal. */
function toToolResponse(c: Context, outcome: ToolOutcome): Response {
  if (outcome.ok) return c.json(outcome.output);
  const { code, message, retryAfter } = outcome.refusal;
  if (retryAfter !== undefined) c.header("Retry-After", String(retryAfter));
  const wait = omitUndefined({ retry_after: retryAfter });
  return c.json({ error: { code, message, ...wait }, ...wait }, new GroundcrewError(code, message).status);
}

function createUploadApp(deps: ToolCallDeps, tools: readonly Tool[]): Hono {
  const transfer = createFileTransfer(deps, tools, "upload");
  const refusal =
    "Invalid query. Give ?task=ONB-12&name=report.pdf; sha256 (64 hex characters) and text (up to 4,000 characters) are optional.";
  return new Hono()
    .get("/", async (c) => {
      const { bytes, plane } = await readFileSizeLimit(deps);
      return c.json({ max_bytes: bytes, plane_limit: plane, types: FILE_TYPES });
    })
    .put("/", validateQuery(uploadQuerySchema, refusal), async (c) => {
      const input = c.req.valid("query");
      const size = parseContentLength(c.req.header("content-length"));
      const body = c.req.raw.body ?? new ReadableStream<Uint8Array>({ start: (stream) => stream.close() });
      const type = c.req.header("content-type");
      const file = { size, stream: () => body };
      const { outcome, freeSlot } = await transfer(c, input, ({ work }) => work.deliver({ ...input, file, type }));
      try {
        const discards = freeSlot && !outcome.ok && size <= MAX_DISCARDED_BYTES && !body.locked;
        if (discards) await hashStream(deps, body).catch(() => {});
        return toToolResponse(c, outcome);
      } finally {
        freeSlot?.();
      }
    });
}

/**
 * Creates the function that runs a tool for a file, as long as the agent has few transfers. Its outcome comes with the
 * function that the caller calls when the bytes are through; without a slot, the outcome is a refusal.
 */
function createFileTransfer(deps: ToolCallDeps, tools: readonly Tool[], kind: "upload" | "download") {
  const callTool = createToolCaller(deps, tools);
  const slots = createSourceSlots({ perSource: MAX_TRANSFERS });
  const message = `You have ${MAX_TRANSFERS} ${kind}s in progress. Repeat this one when another has ended.`;
  return async (c: Context, input: object, run: (context: ToolContext) => Promise<unknown>) => {
    const freeSlot = slots.take(c.get("caller").name);
    const outcome = await callTool(createCallSource(c, "http"), `${kind}_deliverable`, input, async (context) => {
      if (!freeSlot) throw new GroundcrewError("unavailable", message);
      return run(context);
    });
    return { outcome, freeSlot };
  };
}

/** Plane's storage needs the size before the file, so a request without Content-Length is refused. */
function parseContentLength(header: string | undefined): number {
  if (header !== undefined && /^\d{1,15}$/.test(header)) return Number(header);
  throw new GroundcrewError(
    "bad_request",
    "Content-Length is missing. Send the file with its size, as `curl -T report.pdf` does.",
  );
}

function createDownloadApp(deps: ToolCallDeps, tools: readonly Tool[]): Hono {
  const transfer = createFileTransfer(deps, tools, "download");
  const refusal = "Invalid query. Give ?task=ONB-12&name=report.pdf.";
  return new Hono().get("/", validateQuery(downloadQuerySchema, refusal), async (c) => {
    const input = c.req.valid("query");
    let body: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
    let fileName = "";
    const { outcome, freeSlot } = await transfer(c, input, async ({ work }) => {
      const { task, name, type, size, open } = await work.findFile(input.task, input.name);
      fileName = name;
      body = await open(c.req.raw.signal);
      return { task, name, type, size };
    });
    if (!body) {
      freeSlot?.();
      return toToolResponse(c, outcome);
    }
    // The declared type is a text of the sender: a browser must neither show the file nor run it.
    c.header("content-type", "application/octet-stream");
    c.header("content-disposition", `attachment; filename*=UTF-8''${encodeFileName(fileName)}`);
    c.header("x-content-type-options", "nosniff");
    return c.body(whenEnded(body, () => freeSlot?.()));
  });
}

/** Percent-encodes a name for `filename*` (RFC 8187), in which `'`, `(`, `)` and `*` are encoded as well. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
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
