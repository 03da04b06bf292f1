import type { Context } from "hono";
import { sanitizeOutput } from "../sanitize-output.ts";

/** Answers with JSON whose texts contain no control, direction or other invisible characters, because people read them. */
export function answerCleanJson(c: Context, answer: object): Response {
  return c.body(JSON.stringify(sanitizeOutput(answer)), 200, { "content-type": "application/json" });
}
