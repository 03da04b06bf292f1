import { Hono } from "hono";
import { compactStyle, joinPageAddition } from "../../functions/dashboard/page/bundle.ts";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/limits.ts";
import { CONSOLE_TEXTS } from "./texts.ts";

/** The console's modules; `console.js` is their entry. */
const CONSOLE_SCRIPTS = ["console.js", "console-drag.js", "console-groups.js", "console-language.js"] as const;

/** Creates the console's route, which exists only in the demo. Its actions run in the demo's parent process. */
export function createConsoleRoute(runAction: (name: string, input: unknown) => Promise<unknown>): Route {
  const readBody = createBodyReader(16_384);
  const createFileHandler = (text: string, type: string) => () =>
    new Response(text, { headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-cache" } });

  function createApp({ readAsset }: Pick<Deps, "readAsset">) {
    return new Hono()
      .get("/console.js", createFileHandler(createConsoleScript(readAsset), "text/javascript"))
      .get("/console.css", createFileHandler(compactStyle(readAsset("demo/console/console.css")), "text/css"))
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

/** Creates the console's script with its texts, which imports the page's script. */
export function createConsoleScript(readAsset: Deps["readAsset"]): string {
  const sources = CONSOLE_SCRIPTS.map((name) => [name, readAsset(`demo/console/script/${name}`)] as const);
  const texts = `export const TEXTS = ${JSON.stringify(CONSOLE_TEXTS)};\n`;
  return joinPageAddition({ ...Object.fromEntries(sources), "console-texts.js": texts }, "console.js");
}

function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body) || "{}");
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
}
