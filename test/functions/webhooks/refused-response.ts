import { z } from "zod";

/** The error response to a refused request. */
export async function readRefusal(response: Response) {
  return {
    status: response.status,
    ...z.object({ error: z.object({ code: z.string() }) }).parse(await response.json()).error,
  };
}
