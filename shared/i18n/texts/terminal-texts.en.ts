import type { TerminalTexts } from "./terminal-texts.ts";

export const terminalTextsEn: TerminalTexts = {
  "terminal.title": "Terminal of {key}",
  "terminal.screen": "Screen of {key}",
  "terminal.connecting": "Connecting …",
  "terminal.waiting": "Waiting for the session",
  "terminal.live": "Live",
  "terminal.ended": "Ended. Last screen, {time}",
  "terminal.ended.none": "Ended. No screen was kept.",
  "terminal.away": "The runner is not connected. Last screen, {time}",
  "terminal.lost": "Connection lost. Trying again …",
  "terminal.signed_out": "Sign in on the page to see this terminal.",
  "terminal.unknown": "There is no ticket {key}.",
  "terminal.take": "Take over",
  "terminal.give": "Give back",
  "terminal.typing": "You are typing into the session. F6 or “Give back” ends this.",
  "terminal.here": "Type here",
  "terminal.sending": "Sending …",
  "terminal.not_sent": "Not sent. {problem}",
};
