import { Hono } from "hono";
import type { Route } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { CONSOLE_SCRIPT } from "./script.ts";
import { CONSOLE_STYLE } from "./style.ts";

/** The console's own address: there only while the demo runs. What is asked of it is done in the parent process. */
export function consoleRoute(ask: (name: string, input: unknown) => Promise<unknown>): Route {
  const readBody = createBodyReader(16_384);
  const served = (text: string, type: string) => () =>
    new Response(text, { headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-cache" } });

  function app() {
    return new Hono()
      .get("/console.js", served(CONSOLE_SCRIPT, "text/javascript"))
      .get("/console.css", served(CONSOLE_STYLE, "text/css"))
      .get("/state", async (c) => c.json(await ask("state", {})))
      .post("/:act", async (c) => {
        const input = parsed(await readBody(c.req.raw));
        const answer = await ask(c.req.param("act"), input).catch((cause: unknown) => {
          throw new GroundcrewError("bad_request", messageOf(cause), { cause });
        });
        return c.json(answer);
      });
  }
  return { path: "/demo", access: "page", app };
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body) || "{}");
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
}
