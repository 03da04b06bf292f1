/** Answers in gzip, for clients that take it, where the host does not compress answers itself. */

import type { Context, MiddlewareHandler } from "hono";
import type { HostBindings } from "./request.ts";

/** Answers below 1 KiB fit into one packet, compressed or not. */
const MIN_BYTES = 1_024;

/** The page's document and the answers of its API. Its files are compressed once, where they are served. */
const COMPRESSED_TYPES = /^(?:text\/html|application\/json)\b/;

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
