import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import { resolveLocale } from "../../../shared/i18n/locale.ts";
import { parseTaskKey } from "../../../shared/task-key.ts";
import { createTerminalAssets } from "./terminal-assets.ts";
import { renderTerminal, renderTerminalScreen } from "./terminal-html.ts";

/**
 * The terminal of a session, a document of its own. It is public like the page, because it holds no data: its script
 * opens the stream of pictures, which needs the page's sign-in.
 */
export const terminalRoute: Route = { path: "/terminal", access: "public", app };

/** Only files of this server, and frames of this server inside and around it. */
const TERMINAL_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
];

/**
 * The picture's own document has no origin, also when it is opened by itself, and reaches nothing. The emulator creates
 * two style sheets (the nonce) and sets colours as attributes (`style-src-attr`).
 */
const createScreenPolicy = (nonce: string) => [
  "sandbox allow-scripts",
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' 'nonce-${nonce}'`,
  "style-src-attr 'unsafe-inline'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
];

const createHeaders = (policy: readonly string[]) => ({
  "Content-Security-Policy": policy.join("; "),
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "SAMEORIGIN",
});

/** Headers by which the frame of the picture may load these files although it has no origin. */
const FRAME_HEADERS = { "Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*" };

function app({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">): Hono {
  const assets = createTerminalAssets(readAsset);
  const texts = new Map<string, string>();
  return new Hono()
    .get("/assets/:name", etag(), (c) => {
      const name = c.req.param("name");
      const asset = assets.get(name);
      if (!asset) throw new GroundcrewError("not_found", "Not found.");
      const text = texts.get(name) ?? asset.read();
      texts.set(name, text);
      return c.body(text, 200, {
        ...createHeaders(TERMINAL_POLICY),
        ...(asset.isForFrame ? FRAME_HEADERS : {}),
        "Content-Type": asset.type,
        "Cache-Control": "no-cache",
      });
    })
    .get("/screen", (c) => {
      const nonce = crypto.randomUUID();
      return c.html(renderTerminalScreen(nonce), 200, createHeaders(createScreenPolicy(nonce)));
    })
    .get("/:ticket", (c) => {
      const key = parseTaskKey(c.req.param("ticket"))?.key;
      if (key === undefined) throw new GroundcrewError("not_found", "Not found.");
      const language = resolveLocale(settings.locale, c.req.header("accept-language"));
      const headers = { "Content-Language": language, Vary: "Accept-Language" };
      return c.html(renderTerminal({ key, language }), 200, {
        ...createHeaders(TERMINAL_POLICY),
        ...headers,
      });
    });
}
