import type { Context } from "hono";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import type { Door } from "./call.ts";

/** A deliverable of 1 MB is 1.4 MB in base64, and some text goes with it. */
const BODY_BYTES = 2 * 1024 * 1024;

/** Reads a request's body, 2 MB at most. */
export function createAgentBody() {
  return createBodyReader(BODY_BYTES, {
    busy: () => new GroundcrewError("unavailable", "Too many large bodies at once. Send it again in a second."),
  });
}

/** What a request says about its call. */
export function doorOf(c: Context, via: Door["via"]): Door {
  return { caller: c.get("caller"), via, correlation: c.get("correlation"), after: afterOf(c) };
}

/** Where the host would end with the answer, it is told to wait for what goes on. */
function afterOf(c: Context): Door["after"] {
  try {
    const context = c.executionCtx;
    return (work) => context.waitUntil(work);
  } catch {
    return () => {};
  }
}
