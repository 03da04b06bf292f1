import { AGENTS } from "./script/agents.ts";
import { BOARD } from "./script/board.ts";
import { CHAT } from "./script/chat.ts";
import { DOM } from "./script/dom.ts";
import { LIVE } from "./script/live.ts";
import { MAIN } from "./script/main.ts";
import { SAY } from "./script/say.ts";
import { WHY } from "./script/why.ts";
import { TEXTS } from "./texts.ts";

/** The page's script: one module in plain JavaScript, as browsers take it. */
export const SCRIPT = [`const TEXTS = ${JSON.stringify(TEXTS)};`, SAY, DOM, BOARD, WHY, CHAT, AGENTS, LIVE, MAIN].join(
  "\n",
);
