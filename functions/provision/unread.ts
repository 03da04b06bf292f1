import { z } from "zod";
import type { Endpoint } from "../../shared/plane/client.ts";

const elsewhere = z.strictObject({ location: z.string() });

/** A call whose answer is not looked at, so that a version of Plane may answer it otherwise; only a redirect is none. */
export function unread(endpoint: Endpoint<unknown>): Endpoint<unknown> {
  return { ...endpoint, answer: z.unknown().refine((answer) => !elsewhere.safeParse(answer).success) };
}
