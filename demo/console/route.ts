import { Hono } from "hono";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/limits.ts";

/** Creates the console's route, which exists only in the demo. Its actions run in the demo's parent process. */
export function createConsoleRoute(runAction: (name: string, input: unknown) => Promise<unknown>): Route {
  const readBody = createBodyReader(16_384);
  function createApp() {
    return new Hono()
      .get("/state", async (c) => c.json(await runAction("state", {})))
      .post("/:act", async (c) => {
        const input = parseBody(await readBody(c));
        const answer = await runAction(c.req.param("act"), input).catch((cause: unknown) => {
          throw new GroundcrewError("bad_request", getErrorMessage(cause), { cause });
        });
        return c.json(answer);
      });
  }
  return { path: "/demo", access: "page", app: createApp };
}

function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body) || "{}");
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
}
