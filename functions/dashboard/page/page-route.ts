/**
 * The dashboard page: its document, and the script, style sheet and icon that every host serves; and what it has in
 * common with the other documents: headers, head, and how files are served. Every document allows scripts of this
 * server only, no inline code, and trusted types keep text from becoming markup.
 */

import { type Context, Hono } from "hono";
import { html, raw } from "hono/html";
import { getCurrency } from "../../../shared/accounting/spending.ts";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { findGzip } from "../../../shared/http/request.ts";
import type { ROUTE_ROLES } from "../../../shared/http/route-roles.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/localize.ts";
import { BOARD_COLUMNS, PAGE_PATHS, VIEW_PATHS, type ViewName } from "../answers.ts";
import type { TEXTS } from "./script/page-texts.ts";

interface PageOptions {
  demo: boolean;
  language: Locale;
  /** Whether the page offers the view Tickets. */
  tickets: boolean;
  /** In which all amounts are, as ISO 4217 names it. */
  currency: string;
}

/** A file that a document loads. Its name ends in `.js`, `.css` or `.svg`. */
export interface PageAsset {
  name: string;
  /** Called when the file is first asked for. */
  read: () => string;
  /** The frame of a terminal's picture has no origin, so its module scripts come from another one. They are no secret. */
  isForFrame?: true;
}

interface HeadOptions {
  language: Locale;
  title: string;
  /** What follows the width and the scale, with a comma first. */
  viewport?: string;
  colors: "light dark" | "dark";
  /** The paths of the icon, style sheets and scripts. */
  files: readonly string[];
  /** Allows the style sheets that scripts create. */
  nonce?: string;
}

const TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const FRAME_HEADERS = { "Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*" };

const encoder = new TextEncoder();

const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f6f5c"/><path d="M7 21h18M10 16h12M13 11h6" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`;

/** The keys of every view, and how the texts are named that say what they do. */
const KEYS = { "Ctrl K": "ctrl_k", "/": "slash", "?": "question", "j, k": "j_k", a: "a", d: "d", Esc: "escape" };

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
  const design = hasAsset(readAsset, "page/design.js") ? ["design.js"] : [];
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
  const styles = ["page.css", ...(tickets ? ["tickets.css"] : []), ...(demo ? ["console.css"] : [])];
  const files = ["icon.svg", ...styles, "page.js"].map((name) => `/assets/${name}`);
  const viewport = ", viewport-fit=cover";
  return html`${renderHead({ language, title: "Groundcrew", viewport, colors: "light dark", files })}
<body data-view="inbox" data-currency="${currency}"${demo ? raw(' data-demo="yes"') : ""}>
<a class="skip" href="#content" data-text="skip">Skip to the content</a>
<header>
<div class="bar"><h1>Groundcrew</h1>
<nav id="views" data-label="views">${renderLink("inbox", "inbox", raw(' <b id="inbox-count"></b>'))}${renderLink("board", "board")}${renderLink("team", "team")}${renderLink("plan", "graph")}${renderLink("schedules", "schedules")}${tickets ? renderLink("tickets", "tickets", raw(' <b id="ticket-count"></b>'), "GET /api/sessions") : ""}${renderLink("why", "why")}${renderLink("chat", "chat", "", "GET /api/chat")}</nav>
<a href="${VIEW_PATHS.settings}" class="quiet" data-view="settings" data-name="settings"><span data-text="settings">Settings</span></a></div>
<div class="bar"><label><span class="sr" data-text="projects">Project</span><select id="projects"></select></label>
<span id="filters" class="line">${["agent", "status", "mine"].map(renderFilter)}</span>
<p id="health"></p>
<button id="failed-count" type="button" class="quiet dot" data-is="bad" hidden></button>
<p id="live" data-is="off"></p>
<label><span class="sr" data-text="language">Language</span><select id="language"><option value="en" lang="en">English</option><option value="fr" lang="fr">Français</option></select></label>
<span id="account" class="muted"></span>
<button id="sign-out" class="quiet" data-text="sign.out" hidden>Sign out</button></div>
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
<p class="legend line" aria-hidden="true">${[...BOARD_COLUMNS, "critical", "cycle"].map(renderMark)}</p>
<div id="plan-body"><div id="plan-view" aria-busy="true"></div><aside id="plan-detail" hidden></aside></div></section>
<section id="schedules" tabindex="-1" aria-labelledby="schedules-head"><div class="view-head"><h2 id="schedules-head" data-text="schedules.link">Recurring work</h2></div><div class="trouble" role="alert"></div><div id="schedules-view" aria-busy="true"></div></section>
<section id="tickets" data-route="GET /api/sessions" tabindex="-1" aria-labelledby="tickets-head"><div class="view-head"><h2 id="tickets-head" data-text="tickets">Tickets</h2><p id="tickets-cost" class="muted"></p></div><div class="trouble" role="alert"></div>
<div class="said"><p id="ticket-told" class="notice" role="status"></p><p id="ticket-problem" class="notice" role="alert"></p></div>
<div id="tickets-view" aria-busy="true"></div></section>
<section id="why" tabindex="-1" aria-labelledby="why-head"><h2 id="why-head" data-text="why">Activity</h2><p id="why-of"></p><p id="why-session" hidden></p><div class="trouble" role="alert"></div><div id="trail" aria-busy="true"></div></section>
<section id="chat" data-route="GET /api/chat" tabindex="-1" aria-labelledby="chat-head"><h2 id="chat-head" data-text="chat">Chat</h2><div class="trouble" role="alert"></div><div id="messages" role="log" aria-live="off" tabindex="0" aria-labelledby="chat-head" aria-busy="true"></div>
<form id="say" hidden><p id="say-to" hidden></p><label class="sr" for="say-text" data-text="chat.say">Message to Groundcrew</label><input id="say-text" class="grow" type="text" maxlength="4096" autocomplete="off" enterkeyhint="send" data-hint="chat.hint" aria-describedby="say-to say-problem" required><button data-text="chat.send">Send</button><p id="say-problem" role="alert"></p></form></section>
<section id="settings" tabindex="-1" aria-labelledby="settings-head"><div class="view-head"><h2 id="settings-head" data-text="settings">Settings</h2></div><div class="trouble" role="alert"></div>
<details id="agents" open hidden><summary data-text="agents">Agents and tokens</summary><div class="trouble" role="alert"></div>
<div><p id="agent-where" class="muted"></p><ul id="agent-list"></ul>
<div id="agent-token" hidden><label for="agent-token-value"></label>
<input id="agent-token-value" readonly autocomplete="off" spellcheck="false" aria-describedby="agent-once">
<button id="agent-copy" type="button" class="go" data-text="agents.copy"></button>
<button id="agent-close" type="button" class="go" data-text="agents.close"></button>
<p id="agent-once" data-text="agents.once"></p></div>
<details id="agent-add" class="technical"><summary data-text="agents.add"></summary><p data-text="agents.add.where"></p>
<div id="agent-command"></div></details>
<p id="agent-told" role="status"></p></div></details>
<details id="failed-jobs" data-route="GET /dead-letters" open><summary><span data-text="failed_jobs">Failed jobs</span> <b id="failed-job-count"></b></summary>
<div class="trouble" role="alert"></div><div><p id="failed-job-hint" class="muted"></p><ul id="failed-job-list" class="list"></ul>
<p id="failed-job-told" role="status"></p></div></details>
<details id="sign-ins" open><summary data-text="account.sessions">Sessions</summary><div class="trouble" role="alert"></div><div id="sign-ins-view"></div></details></section>
</main>
<div id="ask"></div>
<dialog id="palette" class="palette" data-label="palette"><input id="palette-words" type="text" role="combobox" autocomplete="off"
aria-expanded="true" aria-controls="palette-list" data-label="palette" data-hint="palette.hint">
<div id="palette-list" role="listbox" data-label="palette"></div><p class="empty" data-text="palette.none" hidden></p></dialog>
<dialog id="keys" class="palette" aria-labelledby="keys-head"><form method="dialog"><h2 id="keys-head" data-text="keys"></h2>
<dl class="pairs">${Object.entries(KEYS).map(([key, text]) => html`<div><dt>${key}</dt><dd data-text="keys.${text}"></dd></div>`)}</dl>
<button class="go" data-text="agents.close"></button></form></dialog>
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

/** A choice of the tasks that the board and the inbox show. */
function renderFilter(name: string) {
  return html`<select data-filter="${name}" data-label="filter.${name}" hidden></select>`;
}

/** The meaning of a mark of a plan's picture: a status, or a kind of line. */
function renderMark(mark: string) {
  const isStatus = (BOARD_COLUMNS as readonly string[]).includes(mark);
  const sign = isStatus
    ? html`<i class="state" data-state="${mark}"></i>`
    : html`<i class="stroke" data-is="${mark}"></i>`;
  return html`<span class="line">${sign}<span data-text="${isStatus ? "status" : "graph.mark"}.${mark}"></span></span>`;
}

/** The buttons that show a view as pictures or as tables. @param pictures name of the text of the first button */
function renderSwitch(pictures: "show.chart" | "show.graph") {
  return html`<div class="switch" role="group" data-label="show.label"><button type="button" data-show="picture" data-text="${pictures}"></button><button type="button" data-show="table" data-text="show.table"></button></div>`;
}

/**
 * Creates the headers of a document and of its files.
 * @param frameAncestors who may show it in a frame
 * @param directives what it needs besides scripts of this server
 */
export function createDocumentHeaders(
  frameAncestors: "none" | "self",
  directives: readonly string[],
  sandbox: readonly string[] = [],
): Record<string, string> {
  const policy = [
    ...sandbox,
    "default-src 'none'",
    "script-src 'self'",
    ...directives,
    "base-uri 'none'",
    `frame-ancestors '${frameAncestors}'`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "Content-Security-Policy": policy.join("; "),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": frameAncestors === "none" ? "DENY" : "SAMEORIGIN",
  };
}

/** Renders a document up to its body. */
export function renderHead({ language, title, viewport = "", colors, files, nonce }: HeadOptions) {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1${viewport}">
<meta name="color-scheme" content="${colors}">
${nonce === undefined ? "" : html`<meta name="style-nonce" content="${nonce}">`}
<title>${title}</title>
${files.map(renderFile)}
</head>`;
}

function renderFile(path: string) {
  if (path.endsWith(".js")) return html`<script type="module" src="${path}"></script>`;
  if (path.endsWith(".css")) return html`<link rel="stylesheet" href="${path}">`;
  return html`<link rel="icon" href="${path}" type="image/svg+xml">`;
}

/** Whether the build has made this file. */
export function hasAsset(readAsset: Deps["readAsset"], path: string): boolean {
  try {
    return readAsset(path) !== "";
  } catch {
    return false;
  }
}

/** The files of these names that the build has made (runtime/build/bundle-page.js). */
export function listBuiltAssets(readAsset: Deps["readAsset"], names: readonly string[]): PageAsset[] {
  return names.map((name) => ({ name, read: () => readAsset(`page/${name}`) }));
}

/** Creates the handlers that serve these files, by name. */
export function createAssetHandlers(assets: readonly PageAsset[], headers: Record<string, string>) {
  return new Map(assets.map((asset) => [asset.name, createAssetHandler(asset, headers)]));
}

/**
 * Creates the handler that serves a file. Its bytes and strong ETag are made for the first request, and all answers
 * share the bytes: an answer that waits for a slow reader occupies no copy of the file.
 */
function createAssetHandler({ name, read, isForFrame }: PageAsset, headers: Record<string, string>) {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "";
  const fileHeaders = { ...headers, ...(isForFrame ? FRAME_HEADERS : {}), "Content-Type": type };
  let file: Promise<{ bytes: Uint8Array<ArrayBuffer>; hash: string }> | undefined;
  let packed: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return async (c: Context): Promise<Response> => {
    file ??= prepareFile(read());
    const { bytes, hash } = await file;
    const gzip = findGzip(c);
    const tag = gzip ? `"${hash}-gzip"` : `"${hash}"`;
    // Browsers revalidate the file each time, and it is sent only when it has changed, so a new version shows at once.
    const cacheHeaders = { "Cache-Control": "no-cache", ETag: tag, Vary: "Accept-Encoding" };
    if (isKnown(tag, c.req.header("if-none-match"))) return c.body(null, 304, cacheHeaders);
    if (gzip) packed ??= gzip(bytes);
    const body = gzip && packed ? await packed : bytes;
    const encoding = gzip ? { "Content-Encoding": "gzip" } : {};
    const length = { "Content-Length": String(body.length) };
    return c.body(body, 200, { ...fileHeaders, ...cacheHeaders, ...encoding, ...length });
  };
}

async function prepareFile(text: string) {
  const bytes = encoder.encode(text);
  return { bytes, hash: await sha256Hex(bytes) };
}

/** Whether If-None-Match contains the tag; a weak one (`W/`) counts as well (RFC 9110, 13.1.2). */
function isKnown(tag: string, ifNoneMatch = ""): boolean {
  const known = ifNoneMatch.split(",").map((one) => one.trim().replace(/^W\//, ""));
  return known.includes(tag) || known.includes("*");
}
