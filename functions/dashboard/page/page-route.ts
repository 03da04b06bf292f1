import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { PAGE_ICON, renderPage } from "./html.ts";
import { PAGE_SCRIPTS, PAGE_STYLES, type PageFile } from "./page-files.ts";
import { stripComments } from "./strip-comments.ts";
import { TEXTS_SCRIPT } from "./texts-script.ts";

/** The page itself: the same for everybody. What it shows, it fetches once it may. */
export const pageRoute: Route = { path: "/", access: "public", app };

/** Only our own files, nothing inline, nobody's frame; text never becomes markup or script. */
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

const SCRIPT_TYPE = "text/javascript; charset=utf-8";
const STYLE_TYPE = "text/css; charset=utf-8";

interface Asset {
  type: string;
  source: string;
}

function app({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">): Hono {
  const routes = new Hono().get("/", (c) => c.html(renderPage({ demo: settings.demo }), 200, SECURITY_HEADERS));
  for (const [name, { type, source }] of collectAssets(readAsset)) {
    // Asked for again each time and sent only when it is another one: a new version shows at once.
    let text: string | undefined;
    routes.get(`/assets/${name}`, etag(), (c) => {
      text ??= type === SCRIPT_TYPE ? stripComments(source) : source;
      return c.body(text, 200, { ...SECURITY_HEADERS, "Content-Type": type, "Cache-Control": "no-cache" });
    });
  }
  return routes;
}

/** The scripts one by one, because they are modules; the style sheets as one file, because their order counts. */
function collectAssets(readAsset: Deps["readAsset"]): Map<string, Asset> {
  const read = (file: PageFile) => readAsset(file);
  const scripts = PAGE_SCRIPTS.map((name) => {
    const source = read(`functions/dashboard/page/script/${name}`);
    return [name, { type: SCRIPT_TYPE, source }] as const;
  });
  const styles = PAGE_STYLES.map((name) => read(`functions/dashboard/page/style/${name}`));
  return new Map<string, Asset>([
    ...scripts,
    ["page-texts.js", { type: SCRIPT_TYPE, source: TEXTS_SCRIPT }],
    ["page.css", { type: STYLE_TYPE, source: styles.join("") }],
    ["icon.svg", { type: "image/svg+xml", source: PAGE_ICON }],
  ]);
}
