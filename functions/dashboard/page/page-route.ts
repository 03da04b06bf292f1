import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { compactStyle } from "./compact-style.ts";
import { PAGE_ICON, renderPage } from "./html.ts";
import { PAGE_STYLES } from "./page-files.ts";
import { createPageScript } from "./page-script.ts";

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
  const styles = PAGE_STYLES.map((name) => readAsset(`functions/dashboard/page/style/${name}`));
  const assets = [
    { name: "page.js", type: "text/javascript; charset=utf-8", text: createPageScript(readAsset) },
    { name: "page.css", type: "text/css; charset=utf-8", text: compactStyle(styles.join("")) },
    { name: "icon.svg", type: "image/svg+xml", text: PAGE_ICON },
  ];
  const routes = new Hono().get("/", (c) => c.html(renderPage({ demo: settings.demo }), 200, SECURITY_HEADERS));
  for (const { name, type, text } of assets) {
    // Browsers revalidate the file each time, and it is sent only when it has changed, so a new version shows at once.
    const headers = { ...SECURITY_HEADERS, "Content-Type": type, "Cache-Control": "no-cache" };
    routes.get(`/assets/${name}`, etag(), (c) => c.body(text, 200, headers));
  }
  return routes;
}
