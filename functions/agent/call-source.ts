import type { Context } from "hono";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import type { CallSource } from "./tool-calls.ts";

/** Limit of a request body: a deliverable of 1 MB is 1.4 MB in base64, plus the other fields of the call. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** Creates the reader of an agent's request body, 2 MB at most. */
export function createAgentBodyReader() {
  const readBody = createBodyReader(MAX_BODY_BYTES, {
    busy: () => new GroundcrewError("unavailable", "Too many large requests at once. Repeat the call in a second."),
  });
  return (c: Context) => readBody(c.req.raw, { source: c.get("caller").name });
}

/** Describes a call from its request: the caller, the interface used and the correlation id. */
export function createCallSource(c: Context, via: CallSource["via"]): CallSource {
  return { caller: c.get("caller"), via, correlation: c.get("correlation"), waitUntil: getWaitUntil(c) };
}

/** Workers end an invocation with its response, so they must be asked to wait for work that continues after it. */
function getWaitUntil(c: Context): CallSource["waitUntil"] {
  try {
    const context = c.executionCtx;
    return (work) => context.waitUntil(work);
  } catch {
    return () => {};
  }
}
