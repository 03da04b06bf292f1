import { html } from "hono/html";
import type { Locale } from "../../../shared/i18n/locale.ts";
import type { TerminalTextName } from "../../../shared/i18n/texts/terminal-texts.ts";

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

/** The terminal's document before its script runs. It holds no data besides the ticket's key. */
export function renderTerminal({ key, language }: { key: string; language: Locale }) {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>${key}</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/terminal/assets/terminal.css">
<script type="module" src="/terminal/assets/terminal.js"></script>
</head>
<body data-ticket="${key}">
<header>
<h1 id="terminal-title">${key}</h1>
<p id="terminal-phase" role="status" data-is="connecting"></p>
<button id="terminal-take" type="button" aria-pressed="false" disabled></button>
</header>
<p id="terminal-problem" role="alert"></p>
<main><iframe id="terminal-screen" src="/terminal/screen" sandbox="allow-scripts"></iframe></main>
<footer id="terminal-keyboard" hidden><p id="terminal-hint" role="status" data-text="terminal.typing"></p>
<div id="terminal-keys" role="group" data-label="terminal.keys">${TOUCH_KEYS.map(renderTouchKey)}</div>
<textarea id="terminal-typing" rows="1" autocapitalize="off" autocomplete="off" autocorrect="off" spellcheck="false" data-hint="terminal.here" data-label="terminal.here" aria-describedby="terminal-hint"></textarea>
<p id="terminal-sending"></p></footer>
</body>
</html>
`;
}

function renderTouchKey({ name, text, sign }: (typeof TOUCH_KEYS)[number]) {
  const label = text && html` ${sign ? "data-label" : "data-text"}="${text}"`;
  return html`<button type="button" data-key="${name}"${label}>${sign}</button>`;
}

/** The document of the picture. @param nonce allows the style sheets that the terminal emulator creates */
export function renderTerminalScreen(nonce: string) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark">
<meta name="style-nonce" content="${nonce}">
<title>Screen</title>
<link rel="stylesheet" href="/terminal/assets/xterm.css">
<link rel="stylesheet" href="/terminal/assets/terminal-screen.css">
<script type="module" src="/terminal/assets/terminal-screen.js"></script>
</head>
<body><div id="screen"></div></body>
</html>
`;
}
