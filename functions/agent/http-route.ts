import { Hono } from "hono";
import type { Route } from "../../shared/app/deps.ts";
import { parseJsonBody } from "../../shared/http/json-body.ts";
import { createAgentBodyReader, createCallSource } from "./call-source.ts";
import { createOpenApiDocument } from "./openapi.ts";
import { createToolCalls, type ToolCallDeps } from "./tool-calls.ts";
import { toToolResponse } from "./tool-response.ts";

/** The tools over plain HTTP: `POST /agent/<tool>` with a JSON object. */
export const agentHttpRoute: Route = { path: "/agent", access: "agent", app };

function app(deps: ToolCallDeps): Hono {
  const calls = createToolCalls(deps);
  const readBody = createAgentBodyReader();
  return new Hono()
    .get("/openapi.json", (c) =>
      c.json(createOpenApiDocument(c.get("caller"), deps.settings.publicUrl ?? new URL(c.req.url).origin)),
    )
    .post("/:tool", async (c) => {
      const input = parseJsonBody(await readBody(c), c.req.header("content-type"));
      return toToolResponse(c, await calls.call(createCallSource(c, "http"), c.req.param("tool"), input));
    });
}
