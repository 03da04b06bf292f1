import { Hono } from "hono";
import { stripComments } from "../../functions/dashboard/page/strip-comments.ts";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { CONSOLE_TEXTS } from "./texts.ts";

/** The texts as the module that the console's script imports. */
const TEXTS_SCRIPT = `export const TEXTS = ${JSON.stringify(CONSOLE_TEXTS)};\n`;

/** The console's own address: there only while the demo runs. What is asked of it is done in the parent process. */
export function createConsoleRoute(runAction: (name: string, input: unknown) => Promise<unknown>): Route {
  const readBody = createBodyReader(16_384);
  const createFileHandler = (text: string, type: string) => () =>
    new Response(text, { headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-cache" } });

  function createApp({ readAsset }: Pick<Deps, "readAsset">) {
    return new Hono()
      .get(
        "/console.js",
        createFileHandler(stripComments(readAsset("demo/console/script/console.js")), "text/javascript"),
      )
      .get("/console-texts.js", createFileHandler(TEXTS_SCRIPT, "text/javascript"))
      .get("/console.css", createFileHandler(readAsset("demo/console/console.css"), "text/css"))
      .get("/state", async (c) => c.json(await runAction("state", {})))
      .post("/:act", async (c) => {
        const input = parseBody(await readBody(c.req.raw));
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
