import { Hono } from "hono";
import type { Route } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { answer } from "./answer.ts";
import { type CallDeps, createCalls } from "./call.ts";
import { createAgentBody, doorOf } from "./door.ts";
import { openapi } from "./openapi.ts";

/** The tools for whoever speaks HTTP: `POST /agent/<tool>` with a JSON object. */
export const agentHttp: Route = { path: "/agent", access: "agent", app };

function app(deps: CallDeps): Hono {
  const calls = createCalls(deps);
  const readBody = createAgentBody();
  return new Hono()
    .get("/openapi.json", (c) => c.json(openapi(c.get("caller"), deps.settings.publicUrl ?? new URL(c.req.url).origin)))
    .post("/:tool", async (c) => {
      const input = jsonIn(await readBody(c.req.raw), c.req.header("content-type"));
      return answer(c, await calls.call(doorOf(c, "http"), c.req.param("tool"), input));
    });
}

/** A body of JSON; none at all is an empty object. */
function jsonIn(bytes: Uint8Array, type: string | undefined): unknown {
  if (bytes.length === 0) return {};
  if (!/^application\/json\b/i.test(type ?? ""))
    throw new GroundcrewError("unsupported_type", "Only application/json is taken here.");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON in UTF-8.");
  }
}
