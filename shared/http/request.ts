/**
 * What handlers know of a request and its host, the kinds of paths, JSON in and out, and answers in gzip for clients
 * that take it, where the host does not compress answers itself.
 */

import { zValidator } from "@hono/zod-validator";
import type { Context, MiddlewareHandler } from "hono";
import { getPath } from "hono/utils/url";
import type { z } from "zod";
import { GroundcrewError } from "../errors.ts";
import type { LogFields } from "../log.ts";
import type { Viewer } from "../people/viewer.ts";
import type { Caller } from "../tasks/call-context.ts";
import { sanitizeOutput } from "../text.ts";

declare module "hono" {
  /** What the request middleware and the access checks set for handlers. */
  interface ContextVariableMap {
    /** Correlation id of this request and of everything that it causes. */
    correlation: string;
    /** The client's address, taken from X-Forwarded-For where TRUSTED_PROXIES sent the request. */
    client: string;
    /**
     * Address of a peer that sent X-Forwarded-For within the last hour without being in TRUSTED_PROXIES; absent when
     * there was none.
     */
    untrustedProxy?: string;
    /** The calling agent; set on routes with `agent` access only. */
    caller: Caller;
    /** Who uses the page or its API; set on routes with `page` access only. */
    viewer: Viewer;
    /** The key of the task that a person acts on, for the audit; where the path names it, it is not set. */
    subject?: string;
    /** The id of the page's session by which the viewer came; absent for a token. */
    session?: string;
    /** The request is one of many in a second, so its line in the log has the level debug. */
    isFrequent?: true;
    /** The request gets no line in the log, because one line names its source for all of its kind. */
    isUnlogged?: true;
    /** Additional fields for the request's line in the log. */
    logFields?: LogFields;
  }
}

/** What a runtime may pass along with a request. */
export interface HostBindings {
  /**
   * Reads the whole body once, where that costs less than reading it from the Request. Call it only for an announced
   * length within a limit. Rejects with `BreakConnection` when the sender disconnects.
   */
  readWholeBody?: () => Promise<Uint8Array<ArrayBuffer>>;
  /** Compresses an answer, where the host does not do that itself. */
  gzip?: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
}

/** Answers below 1 KiB fit into one packet, compressed or not. */
const MIN_BYTES = 1_024;

/** The page's document and the answers of its API. Its files are compressed once, where they are served. */
const COMPRESSED_TYPES = /^(?:text\/html|application\/json)\b/;

/**
 * Thrown when a request must get no HTTP response: the runtime breaks the connection instead. Plane counts every
 * response as delivered, even a 500, and repeats only requests without a response.
 */
export class BreakConnection extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "BreakConnection";
  }
}

/** Whether Plane or Telegram post to this path; a signature or a secret authenticates them. */
export function isWebhookPath(path: string): boolean {
  return path.startsWith("/webhooks/");
}

/** Whether the path is one of the API for people's dashboards, which those of ALLOWED_ORIGINS may call. */
export function isApiPath(path: string): boolean {
  return path.startsWith("/api/") && !path.startsWith("/api/runner/");
}

/**
 * The path by which a request is routed and its access is checked: without a slash at the end, and, in a webhook's
 * path, without doubled slashes. Both are common typing errors in a webhook's URL, and Plane would count a 404 as
 * delivered. Every other path stays as it was sent.
 */
export function getRequestPath(request: Request): string {
  const path = collapseWebhookPath(getPath(request));
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function collapseWebhookPath(path: string): string {
  if (!path.includes("//")) return path;
  const collapsed = path.replaceAll(/\/{2,}/g, "/");
  return isWebhookPath(collapsed) ? collapsed : path;
}

/** The token in `Authorization: Bearer …`. */
export function readBearerToken(c: Context): string | undefined {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

/**
 * Checks that a request with a body to a route below `/api` announces JSON, which a form of another site cannot send.
 * Also routes that read no body refuse another one. Throws `unsupported_type`.
 */
export function checkApiContentType(c: Context): undefined {
  const { method, path } = c.req;
  if (method === "GET" || method === "HEAD" || method === "OPTIONS" || !path.startsWith("/api/")) return;
  const hasBody = Number(c.req.header("content-length") ?? 0) > 0 || c.req.header("transfer-encoding") !== undefined;
  if (hasBody) requireJsonType(c.req.header("content-type"));
}

function requireJsonType(type: string | undefined) {
  if (!/^\s*application\/json\s*(;|$)/i.test(type ?? ""))
    throw new GroundcrewError("unsupported_type", "Content-Type must be application/json.");
}

/**
 * Parses the JSON body of a request; an empty one counts as an empty object. Throws `unsupported_type` for another
 * Content-Type, and `bad_request` for what is not JSON in UTF-8.
 */
export function parseJsonBody(bytes: Uint8Array, type: string | undefined): unknown {
  if (bytes.length === 0) return {};
  requireJsonType(type);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not valid JSON in UTF-8.");
  }
}

/** Creates the middleware that validates a query; it throws `bad_request` with this message. */
export function validateQuery<Schema extends z.ZodType<object>>(schema: Schema, message: string) {
  return zValidator("query", schema, (result) => {
    if (!result.success) throw new GroundcrewError("bad_request", message);
  });
}

/** Answers with JSON whose texts contain no control, direction or other invisible characters: people read them. */
export function answerCleanJson(c: Context, answer: object): Response {
  return c.body(JSON.stringify(sanitizeOutput(answer)), 200, { "content-type": "application/json" });
}

/** Who asks for something on the page or by its API, and where. */
export function getRequester(c: Context): { by: string; where: "page" | "api" | "cli" } {
  const { name: by } = c.get("viewer");
  if (c.req.header("authorization") === undefined) return { by, where: "page" };
  return { by, where: c.req.header("user-agent")?.startsWith("groundcrew-cli/") ? "cli" : "api" };
}

/** Returns the host's gzip for this request; undefined where the host has none or the client does not take it. */
export function findGzip(c: Context): HostBindings["gzip"] {
  const takesGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|\s|$))/i.test(c.req.header("accept-encoding") ?? "");
  return takesGzip ? (c.env as HostBindings | undefined)?.gzip : undefined;
}

/** Compresses what is read. What is written answers with secrets at times, beside texts from outside (BREACH). */
export const compressAnswers: MiddlewareHandler = async (c, next) => {
  await next();
  const gzip = c.req.method === "GET" ? findGzip(c) : undefined;
  if (!gzip) return;
  const { headers } = c.res;
  if (!COMPRESSED_TYPES.test(headers.get("content-type") ?? "") || headers.has("content-encoding")) return;
  const bytes = new Uint8Array(await c.res.arrayBuffer());
  const body = bytes.length < MIN_BYTES ? bytes : await gzip(bytes);
  c.res = new Response(body, c.res);
  c.res.headers.set("Content-Length", String(body.length));
  c.res.headers.append("Vary", "Accept-Encoding");
  if (body !== bytes) c.res.headers.set("Content-Encoding", "gzip");
};
