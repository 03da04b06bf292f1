import type { Context } from "hono";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import type { CallSource } from "./tool-calls.ts";

/** A deliverable of 1 MB is 1.4 MB in base64, and some text goes with it. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** Reads a request's body, 2 MB at most. */
export function createAgentBodyReader() {
  return createBodyReader(MAX_BODY_BYTES, {
    busy: () => new GroundcrewError("unavailable", "Too many large bodies at once. Send it again in a second."),
  });
}

/** What a request says about its call. */
export function createCallSource(c: Context, via: CallSource["via"]): CallSource {
  return { caller: c.get("caller"), via, correlation: c.get("correlation"), waitUntil: getWaitUntil(c) };
}

/** Where the host would end with the answer, it is told to wait for what goes on. */
function getWaitUntil(c: Context): CallSource["waitUntil"] {
  try {
    const context = c.executionCtx;
    return (work) => context.waitUntil(work);
  } catch {
    return () => {};
  }
}
