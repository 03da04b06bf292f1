import { z } from "zod";

/** A delivery as short as one can be. */
export const SHORT_DELIVERY = JSON.stringify({
  event: "issue",
  action: "updated",
  data: { id: "525a36c6-0000-4000-8000-000000000001" },
});

/** The error response to a refused request. */
export async function readRefusal(response: Response) {
  return {
    status: response.status,
    ...z.object({ error: z.object({ code: z.string() }) }).parse(await response.json()).error,
  };
}
