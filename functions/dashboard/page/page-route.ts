import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { resolveLocale } from "../../../shared/i18n/locale.ts";
import { renderPage } from "./html.ts";
import { getPageAssets } from "./page-assets.ts";

/** The dashboard page. It is public because it holds no data: its script fetches the data after sign-in. */
export const pageRoute: Route = { path: "/", access: "public", app };

/** Allows only files of this server, no inline code and no framing; trusted types keep text from becoming markup. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-src 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const SECURITY_HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
};

function app({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">): Hono {
  const routes = new Hono().get("/", (c) => {
    const language = resolveLocale(settings.locale, c.req.header("accept-language"));
    const headers = { ...SECURITY_HEADERS, "Content-Language": language, Vary: "Accept-Language" };
    return c.html(renderPage({ demo: settings.demo, language }), 200, headers);
  });
  for (const { name, type, text } of getPageAssets(readAsset)) {
    // Browsers revalidate the file each time, and it is sent only when it has changed, so a new version shows at once.
    const headers = { ...SECURITY_HEADERS, "Content-Type": type, "Cache-Control": "no-cache" };
    routes.get(`/assets/${name}`, etag(), (c) => c.body(text, 200, headers));
  }
  return routes;
}
