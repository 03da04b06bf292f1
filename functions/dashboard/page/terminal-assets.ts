import { compactStyle } from "./compact-style.ts";
import { joinModules } from "./join-modules.ts";
import {
  type PageFile,
  TERMINAL_SCREEN_SCRIPT,
  TERMINAL_SCREEN_STYLE,
  TERMINAL_SCRIPTS,
  TERMINAL_STYLES,
  XTERM_FILES,
} from "./page-files.ts";
import { stripComments } from "./strip-comments.ts";
import { TERMINAL_TEXTS } from "./terminal-texts.ts";

interface TerminalAsset {
  type: string;
  /** Read and joined when it is asked for, because most people never open a terminal. */
  read: () => string;
  /** The frame of the picture has no origin, so its module scripts come from another one. They are no secret. */
  isForFrame: boolean;
}

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

/** The files of the terminal's document and of the frame in it, by name. */
export function createTerminalAssets(readAsset: (path: PageFile) => string): Map<string, TerminalAsset> {
  const readStyle = (name: (typeof TERMINAL_STYLES)[number] | typeof TERMINAL_SCREEN_STYLE) =>
    readAsset(`functions/dashboard/page/style/${name}`);
  const readScreenScript = () => stripComments(readAsset(`functions/dashboard/page/script/${TERMINAL_SCREEN_SCRIPT}`));
  const readTerminalStyle = () => compactStyle(TERMINAL_STYLES.map(readStyle).join(""));
  return new Map<string, TerminalAsset>([
    ["terminal.js", { type: SCRIPT, read: () => joinTerminalScript(readAsset), isForFrame: false }],
    ["terminal.css", { type: STYLE, read: readTerminalStyle, isForFrame: false }],
    [TERMINAL_SCREEN_SCRIPT, { type: SCRIPT, read: readScreenScript, isForFrame: true }],
    [
      TERMINAL_SCREEN_STYLE,
      { type: STYLE, read: () => compactStyle(readStyle(TERMINAL_SCREEN_STYLE)), isForFrame: true },
    ],
    ["xterm.js", { type: SCRIPT, read: () => readAsset(XTERM_FILES["xterm.js"]), isForFrame: true }],
    ["xterm.css", { type: STYLE, read: () => readAsset(XTERM_FILES["xterm.css"]), isForFrame: true }],
  ]);
}

/** Creates the script of the terminal's document with its texts. */
export function joinTerminalScript(readAsset: (path: PageFile) => string): string {
  const sources = TERMINAL_SCRIPTS.map((name) => [name, readAsset(`functions/dashboard/page/script/${name}`)] as const);
  const texts = `export const TEXTS = ${JSON.stringify(TERMINAL_TEXTS)};\n`;
  return joinModules({ ...Object.fromEntries(sources), "page-texts.js": texts }, "terminal.js");
}
