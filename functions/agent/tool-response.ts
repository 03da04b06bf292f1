import type { Context } from "hono";
import { GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { ToolOutcome } from "./tool-calls.ts";

/** Responds with a tool's answer, or with `{error: {code, message, retry_after?}}` and the status of the refusal. */
export function toToolResponse(c: Context, outcome: ToolOutcome): Response {
  if (outcome.ok) return c.json(outcome.output);
  const { code, message, retryAfter } = outcome.refusal;
  if (retryAfter !== undefined) c.header("Retry-After", String(retryAfter));
  const error = { code, message, ...omitUndefined({ retry_after: retryAfter }) };
  return c.json({ error }, new GroundcrewError(code, message).status);
}
