import { Hono } from "hono";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { resolveLocale } from "../../../shared/i18n/locale.ts";
import { renderPage } from "./html.ts";
import { getPageAssets } from "./page-assets.ts";
import { PAGE_HEADERS, serveAssets } from "./serve-assets.ts";

/**
 * Creates the route of the dashboard page. It is public because it holds no data: its script fetches the data after
 * sign-in. `tickets`: the host can have tickets, so the page offers their view.
 */
export function createPageRoute({ tickets }: { tickets: boolean }): Route {
  return { path: "/", access: "public", app: (deps) => createPageApp(deps, tickets) };
}

function createPageApp({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">, tickets: boolean): Hono {
  const { demo, locale } = settings;
  return new Hono()
    .get("/", (c) => {
      const language = resolveLocale(locale, c.req.header("accept-language"));
      const headers = { ...PAGE_HEADERS, "Content-Language": language, Vary: "Accept-Language" };
      return c.html(renderPage({ demo, language, tickets }), 200, headers);
    })
    .route("/assets", serveAssets(getPageAssets(readAsset)));
}
