import { z } from "zod";
import type { Endpoint } from "../../shared/plane/client.ts";

const redirectSchema = z.strictObject({ location: z.string() });

/** A call whose answer is not looked at, so that a version of Plane may answer it otherwise; only a redirect is none. */
export function ignoreResponse(endpoint: Endpoint<unknown>): Endpoint<unknown> {
  return { ...endpoint, answer: z.unknown().refine((answer) => !redirectSchema.safeParse(answer).success) };
}
