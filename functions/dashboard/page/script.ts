import { AGENTS_SCRIPT } from "./script/agents.ts";
import { BOARD_SCRIPT } from "./script/board.ts";
import { CHAT_SCRIPT } from "./script/chat.ts";
import { DECISIONS_SCRIPT } from "./script/decisions.ts";
import { DOM_SCRIPT } from "./script/dom.ts";
import { LIVE_SCRIPT } from "./script/live.ts";
import { MAIN_SCRIPT } from "./script/main.ts";
import { TEXTS_SCRIPT } from "./script/texts.ts";
import { PAGE_TEXTS } from "./texts.ts";

/** The page's script: one module in plain JavaScript, as browsers take it. */
export const PAGE_SCRIPT = [
  `const TEXTS = ${JSON.stringify(PAGE_TEXTS)};`,
  TEXTS_SCRIPT,
  DOM_SCRIPT,
  BOARD_SCRIPT,
  DECISIONS_SCRIPT,
  CHAT_SCRIPT,
  AGENTS_SCRIPT,
  LIVE_SCRIPT,
  MAIN_SCRIPT,
].join("\n");
