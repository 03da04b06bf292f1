/** The document of the picture: it draws a session's screen with the terminal emulator. */

import { SearchAddon } from "@xterm/addon-search";
import { Terminal } from "/terminal/assets/xterm.js";
import type { ReceivedPicture, ScreenMessage } from "./terminal.ts";

/** Sizes of the font in pixels: it fits the picture to the frame within these; a smaller frame scrolls. 10 can be read on a phone. */
const MIN_FONT_SIZE = 10;
const MAX_FONT_SIZE = 16;
const FONT = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

// The emulator creates its style sheets by script. They need the nonce of this document's policy.
const nonce = document.querySelector("meta[name=style-nonce]")?.getAttribute("content") ?? "";
const createPlainElement = document.createElement.bind(document);
document.createElement = (name: string, options?: ElementCreationOptions) => {
  const el = createPlainElement(name, options);
  if (el instanceof HTMLStyleElement) el.nonce = nonce;
  return el;
};

/** Colours of what was found, and of the match that is shown. */
const FOUND = {
  decorations: {
    ...{ matchBackground: "#4d4a1f", activeMatchBackground: "#8a6d00", activeMatchBorder: "#ffd54a" },
    ...{ matchOverviewRuler: "#4d4a1f", activeMatchColorOverviewRuler: "#ffd54a" },
  },
};

/** Lines by which the wheel scrolls first, before the lines above the picture are there. */
const WHEEL_LINES = 3;

const container = document.getElementById("screen") as HTMLElement;
const terminal = new Terminal({
  cols: 120,
  rows: 40,
  scrollback: 1_000,
  // The search marks what it has found.
  allowProposedApi: true,
  // Pictures only: nothing is typed here, and nothing that the emulator would answer is sent anywhere.
  disableStdin: true,
  fontFamily: FONT,
  cursorInactiveStyle: "block",
  linkHandler: { activate: () => {} },
  theme: { background: "#121416", foreground: "#e7e6e2", cursor: "#6fc7ac", cursorAccent: "#121416" },
});
terminal.attachCustomKeyEventHandler(() => false);
const search = new SearchAddon();
terminal.loadAddon(search);
terminal.open(container);
if (terminal.textarea) {
  terminal.textarea.tabIndex = -1;
  terminal.textarea.readOnly = true;
  terminal.textarea.setAttribute("aria-hidden", "true");
}

/** Width and height of a character in font sizes. */
const character = measureCharacter();

function measureCharacter() {
  const probe = createPlainElement("span");
  probe.className = "probe";
  probe.textContent = "W".repeat(100);
  document.body.append(probe);
  const { width, height } = probe.getBoundingClientRect();
  const fontSize = Number.parseFloat(getComputedStyle(probe).fontSize);
  probe.remove();
  return width > 0 ? { width: width / 100 / fontSize, height: height / fontSize } : { width: 0.6, height: 1.2 };
}

function fitFont() {
  const byWidth = (innerWidth - 8) / terminal.cols / character.width;
  // The emulator gives a row a whole number of pixels.
  const byHeight = Math.floor((innerHeight - 8) / terminal.rows) / character.height;
  const size = Math.floor(Math.min(byWidth, byHeight) * 4) / 4;
  terminal.options.fontSize = Math.min(MAX_FONT_SIZE, Math.max(MIN_FONT_SIZE, size));
}

/** Rows that a person who works in the session must see: the last one with a text, and that of the cursor. */
let activeRows = [0];

/** Scrolls a frame that is lower than the picture, for example above the keyboard of a phone, to the active rows. */
function showActiveRows() {
  const rows = container.querySelector(".xterm-rows")?.children;
  for (const row of activeRows) rows?.[row]?.scrollIntoView({ block: "nearest" });
  scrollTo({ left: 0 });
}

/** The newest picture. */
let drawn: ReceivedPicture | undefined;

/** What is done once the lines above the picture are there. */
let waiting: (() => void) | undefined;

/** The text that was looked for last, in the lines that were loaded for it. */
let sought = "";

function drawFrame(picture: ReceivedPicture) {
  const { columns, rows, screen, cursor } = picture;
  drawn = picture;
  const hasOtherSize = terminal.cols !== columns || terminal.rows !== rows;
  const lines = screen.split("\n").slice(0, rows);
  activeRows = [Math.max(0, lines.findLastIndex(hasText)), ...(cursor ? [cursor.row] : [])];
  if (hasOtherSize) {
    terminal.resize(columns, rows);
    fitFont();
  }
  terminal.write(composePicture(rows, lines, cursor), () => {
    if (hasOtherSize) showActiveRows();
    reportReady();
  });
}

/** @param line with ANSI colours */
function hasText(line: string) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: each style begins with ESC.
  return line.replaceAll(/\x1b\[[\d;:]*m/g, "").trim() !== "";
}

/**
 * Draws over the picture that there is: each row is emptied and written, without line ends, so that nothing scrolls.
 * The style at the end of a row continues in the next one, so emptying saves and restores it.
 */
function composePicture(rows: number, lines: string[], cursor: ReceivedPicture["cursor"]) {
  const drawn = Array.from({ length: rows }, (_, i) => `\x1b[${i + 1};1H\x1b7\x1b[0m\x1b[2K\x1b8${lines[i] ?? ""}`);
  const place = cursor ? `\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h` : "";
  return `\x1b[?25l\x1b[?7l\x1b[0m${drawn.join("")}\x1b[0m${place}`;
}

/** Asks the document around for the lines above the picture, and then does this. */
function withHistory(act: () => void) {
  waiting = act;
  parent.postMessage("history", location.origin);
}

/** Writes the lines above the picture, scrolls them out of it, and draws the picture again. */
function showHistory(history: string) {
  const act = waiting;
  waiting = undefined;
  terminal.reset();
  const above = history === "" ? "" : history.replaceAll("\n", "\r\n") + "\r\n".repeat(terminal.rows);
  const { rows = 0, screen = "", cursor } = drawn ?? {};
  const picture = drawn ? composePicture(rows, screen.split("\n").slice(0, rows), cursor) : "";
  terminal.write(`\x1b[?7l${above}${picture}`, act);
}

/** Scrolls up by so many lines; from the picture, the lines above it are loaded before. */
function scrollUp(lines: number) {
  const { viewportY, baseY } = terminal.buffer.active;
  if (viewportY < baseY) terminal.scrollLines(-lines);
  else withHistory(() => terminal.scrollLines(-lines));
}

/** Shows the next match above, or below; a new text is looked for from the last line up. */
function find(text: string, isDown: boolean) {
  const next = () => void (isDown ? search.findNext(text, FOUND) : search.findPrevious(text, FOUND));
  const isSame = text === sought;
  sought = text;
  if (text === "") {
    search.clearDecorations();
    terminal.scrollToBottom();
  } else if (isSame) next();
  else withHistory(next);
}

search.onDidChangeResults(({ resultIndex, resultCount }) =>
  parent.postMessage({ found: resultIndex, count: resultCount }, location.origin),
);

container.addEventListener(
  "wheel",
  ({ deltaY }) => {
    const { viewportY, baseY } = terminal.buffer.active;
    if (deltaY < 0 && viewportY === baseY && !waiting) scrollUp(WHEEL_LINES);
  },
  { passive: true, capture: true },
);

/** Tells the document around that the next picture may come. */
function reportReady() {
  parent.postMessage("ready", location.origin);
}

addEventListener("message", ({ source, origin, data }: MessageEvent<ReceivedPicture | ScreenMessage | "hello">) => {
  if (source !== parent || origin !== location.origin) return;
  if (data === "hello") reportReady();
  else if ("screen" in data) drawFrame(data);
  else if (data.history !== undefined) showHistory(data.history);
  else if (data.find !== undefined) find(data.find, data.isDown === true);
  else scrollUp(data.lines ?? terminal.rows - 2);
});
addEventListener("resize", () => {
  fitFont();
  // The emulator gives its rows their new height with its next drawing.
  requestAnimationFrame(showActiveRows);
});
fitFont();
reportReady();
