/** The dashboard page: its document, its headers, and the script, style sheet and icon that every host serves. */

import { Hono } from "hono";
import { html, raw } from "hono/html";
import { getCurrency } from "../../../shared/accounting/spending.ts";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import type { ROUTE_ROLES } from "../../../shared/http/route-roles.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/localize.ts";
import { PAGE_PATHS, VIEW_PATHS, type ViewName } from "./addresses.ts";
import {
  createAssetHandlers,
  createDocumentHeaders,
  hasAsset,
  listBuiltAssets,
  type PageAsset,
  renderHead,
} from "./assets.ts";
import type { TEXTS } from "./script/page-texts.ts";

interface PageOptions {
  demo: boolean;
  language: Locale;
  /** Whether the page offers the view Tickets. */
  tickets: boolean;
  /** In which all amounts are, as ISO 4217 names it. */
  currency: string;
}

const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f6f5c"/><path d="M7 21h18M10 16h12M13 11h6" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`;

/** Headers of the page and of its files: only files of this server, and no framing. */
const PAGE_HEADERS = createDocumentHeaders("none", [
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-src 'self'",
]);

/**
 * Creates the route of the dashboard page. It is public because it holds no data: its script fetches the data after
 * sign-in. `tickets`: the host can have tickets, so the page offers their view.
 */
export function createPageRoute({ tickets }: { tickets: boolean }): Route {
  return { path: "/", access: "public", app: (deps) => createPageApp(deps, tickets) };
}

function createPageApp({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">, tickets: boolean): Hono {
  const { demo, locale } = settings;
  const names = [
    "page.js",
    "plan.js",
    "schedules.js",
    "palette.js",
    "task-page.js",
    "page.css",
    ...(demo ? ["console.js", "console.css"] : []),
  ];
  // The build for development has the page of the design system.
  const design = hasAsset(readAsset, "page/design.js") ? ["design.js", "design.css"] : [];
  const assets = [{ name: "icon.svg", read: () => PAGE_ICON }, ...listBuiltAssets(readAsset, [...names, ...design])];
  return new Hono()
    .on("GET", [...PAGE_PATHS, ...(design.length > 0 ? ["/design"] : [])], (c) => {
      const language = resolveLocale(locale, c.req.header("accept-language"));
      const headers = { ...PAGE_HEADERS, "Content-Language": language, Vary: "Accept-Language" };
      return c.html(renderPage({ demo, language, tickets, currency: getCurrency(settings) }), 200, headers);
    })
    .route("/assets", servePageAssets(assets));
}

/** Creates an app that serves files of the page by their names. */
export function servePageAssets(assets: readonly PageAsset[]): Hono {
  const routes = new Hono();
  for (const [name, handle] of createAssetHandlers(assets, PAGE_HEADERS)) routes.get(`/${name}`, handle);
  return routes;
}

/**
 * The page's HTML before its script runs. It holds no data, so it is the same for every user of a language, in which
 * the script shows the page unless the user has chosen another one there.
 */
export function renderPage({ demo, language, tickets, currency }: PageOptions) {
  const consoleStyle = demo ? ["/assets/console.css"] : [];
  const files = ["/assets/icon.svg", "/assets/page.css", ...consoleStyle, "/assets/page.js"];
  const head = {
    language,
    title: "Groundcrew",
    viewport: ", viewport-fit=cover",
    colors: "light dark",
    files,
  } as const;
  return html`${renderHead(head)}
<body data-view="inbox" data-currency="${currency}"${demo ? raw(' data-demo="yes"') : ""}>
<a class="skip" href="#content" data-text="skip">Skip to the content</a>
<header>
<h1>Groundcrew</h1>
<nav id="views" data-label="views">${renderLink("inbox", "inbox", raw(' <b id="inbox-count"></b>'))}${renderLink("board", "board")}${renderLink("team", "team")}${renderLink("plan", "graph")}${renderLink("schedules", "schedules")}${tickets ? renderLink("tickets", "tickets", raw(' <b id="ticket-count"></b>'), "GET /api/sessions") : ""}${renderLink("why", "why")}${renderLink("chat", "chat", "", "GET /api/chat")}</nav>
<label class="pick"><span class="sr" data-text="projects">Project</span><select id="projects"></select></label>
<span id="filters" class="pick"></span>
<p id="health"></p>
<button id="failed-count" type="button" class="quiet dot" data-is="bad" hidden></button>
<p id="live" data-is="off"></p>
<label class="pick"><span class="sr" data-text="language">Language</span><select id="language"><option value="en" lang="en">English</option><option value="fr" lang="fr">Français</option></select></label>
<a href="${VIEW_PATHS.settings}" class="quiet" data-view="settings" data-name="settings"><span data-text="settings">Settings</span></a>
<span id="account" class="muted"></span>
<button id="sign-out" class="quiet" data-text="sign.out" hidden>Sign out</button>
</header>
<p id="lost" hidden><span id="lost-what" role="alert"></span> <span id="lost-wait" aria-hidden="true"></span></p>
<div id="notices" role="alert"></div>
<div id="sign-in" role="main" hidden><form class="words">
<h2 data-text="sign.in">Sign in</h2>
<label for="token" data-text="sign.token">Admin token</label>
<input id="token" type="password" autocomplete="current-password" required aria-describedby="token-why">
<p id="token-why" class="muted" data-text="sign.why"></p>
<p id="sign-in-problem" role="alert"></p>
<button data-text="sign.go">Sign in</button>
</form></div>
<main id="content" tabindex="-1">
<section id="inbox" tabindex="-1" aria-labelledby="inbox-head"><div class="view-head"><h2 id="inbox-head" data-text="inbox">Inbox</h2></div><div class="trouble" role="alert"></div><div id="inbox-view" aria-busy="true"></div></section>
<section id="board" tabindex="-1" aria-labelledby="board-head"><h2 id="board-head" data-text="board">Board</h2><div class="trouble" role="alert"></div><p id="budget" class="muted" hidden></p><ul id="progress" data-label="progress" hidden></ul><ul id="plans" data-label="plans" hidden></ul><div id="columns" aria-busy="true"></div></section>
<section id="task" tabindex="-1" aria-labelledby="task-head"><div class="trouble" role="alert"></div><div id="task-view" aria-busy="true"></div></section>
<section id="team" tabindex="-1" aria-labelledby="team-head"><div class="view-head"><h2 id="team-head" data-text="team">Team</h2><p class="muted" data-text="team.hint"></p>${renderSwitch("show.chart")}</div><div class="trouble" role="alert"></div><div id="team-list" aria-busy="true"></div></section>
<section id="plan" tabindex="-1" aria-labelledby="plan-head"><div class="view-head"><h2 id="plan-head"><span class="sr" data-text="graph">Plan</span> <span id="plan-of"></span></h2><p id="plan-closed" class="muted"></p><a href="/schedules" data-text="schedules.link"></a>${renderSwitch("show.graph")}</div><div class="trouble" role="alert"></div>
<div id="plan-body"><div id="plan-view" aria-busy="true"></div><aside id="plan-detail" hidden></aside></div></section>
<section id="schedules" tabindex="-1" aria-labelledby="schedules-head"><div class="view-head"><h2 id="schedules-head" data-text="schedules.link">Recurring work</h2></div><div class="trouble" role="alert"></div><div id="schedules-view" aria-busy="true"></div></section>
<section id="tickets" data-route="GET /api/sessions" tabindex="-1" aria-labelledby="tickets-head"><div class="view-head"><h2 id="tickets-head" data-text="tickets">Tickets</h2><p id="tickets-cost" class="muted"></p></div><div class="trouble" role="alert"></div><div id="tickets-view" aria-busy="true"></div></section>
<section id="why" tabindex="-1" aria-labelledby="why-head"><h2 id="why-head" data-text="why">Activity</h2><p id="why-of"></p><p id="why-session" hidden></p><div class="trouble" role="alert"></div><div id="trail" aria-busy="true"></div></section>
<section id="chat" data-route="GET /api/chat" tabindex="-1" aria-labelledby="chat-head"><h2 id="chat-head" data-text="chat">Chat</h2><div class="trouble" role="alert"></div><div id="messages" role="log" aria-live="off" tabindex="0" aria-labelledby="chat-head" aria-busy="true"></div>
<form id="say" hidden><p id="say-to" hidden></p><label class="sr" for="say-text" data-text="chat.say">Message to Groundcrew</label><input id="say-text" class="grow" type="text" maxlength="4096" autocomplete="off" enterkeyhint="send" data-hint="chat.hint" aria-describedby="say-to say-problem" required><button data-text="chat.send">Send</button><p id="say-problem" role="alert"></p></form></section>
<section id="settings" tabindex="-1" aria-labelledby="settings-head"><div class="view-head"><h2 id="settings-head" data-text="settings">Settings</h2></div><div class="trouble" role="alert"></div>
<details id="agents" open hidden><summary data-text="agents">Agents and tokens</summary><div class="trouble" role="alert"></div><div id="agents-view"></div></details>
<details id="failed-jobs" data-route="GET /dead-letters" open><summary><span data-text="failed_jobs">Failed jobs</span> <b id="failed-job-count"></b></summary><div class="trouble" role="alert"></div><div id="failed-jobs-view"></div></details>
<details id="sign-ins" open><summary data-text="account.sessions">Sessions</summary><div class="trouble" role="alert"></div><div id="sign-ins-view"></div></details></section>
</main>
<div id="console"></div>
<p id="news" class="sr" role="status"></p>
</body>
</html>
`;
}

/**
 * A link to a view, which names the view in the title of the document.
 * @param text name of its text
 * @param route what the view reads: the link is hidden for a role that may not
 */
function renderLink(
  view: ViewName,
  text: keyof typeof TEXTS.en,
  count: unknown = "",
  route?: keyof typeof ROUTE_ROLES,
) {
  const needs = route === undefined ? "" : html` data-route="${route}"`;
  const link = html`<a href="${VIEW_PATHS[view]}" data-view="${view}" data-name="${text}"${needs}>`;
  return html`${link}<span data-text="${text}"></span>${count}</a>`;
}

/** The buttons that show a view as pictures or as tables. @param pictures name of the text of the first button */
function renderSwitch(pictures: "show.chart" | "show.graph") {
  return html`<div class="switch" role="group" data-label="show.label"><button type="button" data-show="picture" data-text="${pictures}"></button><button type="button" data-show="table" data-text="show.table"></button></div>`;
}
