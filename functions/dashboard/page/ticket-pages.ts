/**
 * The parts of the page that only a machine serves: the files of the view Tickets, and the terminal of a session, a
 * document of its own with a frame for the picture.
 */

import { Hono } from "hono";
import { html } from "hono/html";
import type { Deps, Route } from "../../../shared/app/deps.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/localize.ts";
import type { TerminalTextName } from "../../../shared/i18n/texts.ts";
import { parseTaskKey } from "../../../shared/names.ts";
import {
  createAssetHandlers,
  createDocumentHeaders,
  listBuiltAssets,
  type PageAsset,
  renderHead,
  servePageAssets,
} from "./page-route.ts";

/** The files of the view Tickets, which the page loads when the view is opened first. */
export const ticketAssetsRoute: Route = {
  path: "/assets",
  access: "public",
  app: ({ readAsset }: Pick<Deps, "readAsset">) =>
    servePageAssets(listBuiltAssets(readAsset, ["tickets.js", "ticket-highlight.js", "tickets.css"])),
};

/** Headers of the terminal's document and files: only files of this server, and its frames inside and around it. */
const TERMINAL_HEADERS = createDocumentHeaders("self", [
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'none'",
]);

/**
 * The picture's own document has no origin, also when it is opened by itself, and reaches nothing. The emulator creates
 * two style sheets (the nonce) and sets colours as attributes (`style-src-attr`).
 */
const createScreenHeaders = (nonce: string) => {
  const styles = [`style-src 'self' 'nonce-${nonce}'`, "style-src-attr 'unsafe-inline'"];
  return createDocumentHeaders("self", [...styles, "form-action 'none'"], ["sandbox allow-scripts"]);
};

/** The keys that touch keyboards lack, or send as characters: tmux's name, what is on the key, and what it is called. */
const TOUCH_KEYS: readonly { name: string; text?: TerminalTextName; sign?: string }[] = [
  { name: "Escape", text: "terminal.key.escape" },
  { name: "BTab", text: "terminal.key.shift_tab", sign: "⇧Tab" },
  { name: "Left", text: "terminal.key.left", sign: "←" },
  { name: "Up", text: "terminal.key.up", sign: "↑" },
  { name: "Down", text: "terminal.key.down", sign: "↓" },
  { name: "Right", text: "terminal.key.right", sign: "→" },
  { name: "C-c", sign: "Ctrl C" },
  { name: "Enter", text: "terminal.key.enter" },
];

/**
 * The terminal of a session, a document of its own. It is public like the page, because it holds no data: its script
 * opens the stream of pictures, which needs the page's sign-in.
 */
export const terminalRoute: Route = { path: "/terminal", access: "public", app: createTerminalApp };

/** The terminal's document before its script runs. It holds no data besides the ticket's key. */
export function renderTerminal({ key, language }: { key: string; language: Locale }) {
  const viewport = ", viewport-fit=cover, interactive-widget=resizes-content";
  const files = ["/assets/icon.svg", "/terminal/assets/terminal.css", "/terminal/assets/terminal.js"];
  return html`${renderHead({ language, title: key, viewport, colors: "light dark", files })}
<body data-ticket="${key}">
<header class="line">
<h1 id="terminal-title">${key}</h1>
<p id="terminal-phase" class="dot muted" role="status" data-is="connecting"></p>
<div id="terminal-search" class="line" role="search"><button id="terminal-earlier" type="button" data-text="terminal.earlier"></button>
<input id="terminal-find" type="search" maxlength="200" autocomplete="off" spellcheck="false" data-hint="terminal.find" data-label="terminal.find">
<button id="terminal-find-up" type="button" data-label="terminal.find.up">↑</button><button id="terminal-find-down" type="button" data-label="terminal.find.down">↓</button>
<span id="terminal-found" class="muted" role="status"></span></div>
<button id="terminal-take" type="button" aria-pressed="false" disabled></button>
</header>
<p id="terminal-problem" class="problem" role="alert"></p>
<main><iframe id="terminal-screen" src="/terminal/screen" sandbox="allow-scripts"></iframe></main>
<footer id="terminal-keyboard" class="line" hidden><p id="terminal-hint" role="status" data-text="terminal.typing"></p>
<div id="terminal-keys" class="line" role="group" data-label="terminal.keys">${TOUCH_KEYS.map(renderTouchKey)}</div>
<textarea id="terminal-typing" rows="1" autocapitalize="off" autocomplete="off" autocorrect="off" spellcheck="false" data-hint="terminal.here" data-label="terminal.here" aria-describedby="terminal-hint"></textarea>
<p id="terminal-sending" class="muted"></p></footer>
</body>
</html>
`;
}

function renderTouchKey({ name, text, sign }: (typeof TOUCH_KEYS)[number]) {
  const label = text && html` ${sign ? "data-label" : "data-text"}="${text}"`;
  return html`<button type="button" data-key="${name}"${label}>${sign}</button>`;
}

function createTerminalApp({ settings, readAsset }: Pick<Deps, "settings" | "readAsset">): Hono {
  const packaged = { "xterm.js": "lib/xterm.mjs", "xterm.css": "css/xterm.css" };
  const assets = [
    ...listBuiltAssets(readAsset, ["terminal.js", "terminal.css"]),
    ...listBuiltAssets(readAsset, ["terminal-screen.js", "terminal-screen.css"]).map(allowFrame),
    ...Object.entries(packaged).map(([name, path]) =>
      allowFrame({ name, read: () => readAsset(`node_modules/@xterm/xterm/${path}`) }),
    ),
  ];
  const handlers = createAssetHandlers(assets, TERMINAL_HEADERS);
  return new Hono()
    .get("/assets/:name", (c) => {
      const handle = handlers.get(c.req.param("name"));
      if (!handle) throw new GroundcrewError("not_found", "Not found.");
      return handle(c);
    })
    .get("/screen", (c) => {
      const nonce = crypto.randomUUID();
      return c.html(renderTerminalScreen(nonce), 200, createScreenHeaders(nonce));
    })
    .get("/:ticket", (c) => {
      const key = parseTaskKey(c.req.param("ticket"))?.key;
      if (key === undefined) throw new GroundcrewError("not_found", "Not found.");
      const language = resolveLocale(settings.locale, c.req.header("accept-language"));
      const headers = { ...TERMINAL_HEADERS, "Content-Language": language, Vary: "Accept-Language" };
      return c.html(renderTerminal({ key, language }), 200, headers);
    });
}

function allowFrame(asset: PageAsset): PageAsset {
  return { ...asset, isForFrame: true };
}

/** The document of the picture. @param nonce allows the style sheets that the terminal emulator creates */
function renderTerminalScreen(nonce: string) {
  const files = ["xterm.css", "terminal-screen.css", "terminal-screen.js"].map((name) => `/terminal/assets/${name}`);
  return html`${renderHead({ language: "en", title: "Screen", colors: "dark", files, nonce })}
<body><div id="screen"></div></body>
</html>
`;
}
