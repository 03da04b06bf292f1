import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Deps, Route } from "../../shared/deps.ts";
import { ICON, pageHtml } from "./page/html.ts";
import { SCRIPT } from "./page/script.ts";
import { STYLE } from "./page/style.ts";

/** The page itself: the same for everybody. What it shows, it fetches once it may. */
export const page: Route = { path: "/", access: "public", app };

/** Only our own files, nothing inline, nobody's frame; text never becomes markup or script. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": POLICY,
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
};

const ASSETS = {
  "page.js": { type: "text/javascript; charset=utf-8", text: SCRIPT },
  "page.css": { type: "text/css; charset=utf-8", text: STYLE },
  "icon.svg": { type: "image/svg+xml", text: ICON },
};

function app({ settings }: Pick<Deps, "settings">): Hono {
  const served = new Hono().get("/", (c) => c.html(pageHtml({ demo: settings.demo }), 200, HEADERS));
  for (const [name, { type, text }] of Object.entries(ASSETS)) {
    // Asked for again each time and sent only when it is another one: a new version shows at once.
    served.get(`/assets/${name}`, etag(), (c) =>
      c.body(text, 200, { ...HEADERS, "Content-Type": type, "Cache-Control": "no-cache" }),
    );
  }
  return served;
}
