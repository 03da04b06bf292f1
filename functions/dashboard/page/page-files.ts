/** The modules of the page's script, which are served as one file; `page.js` is its entry. */
export const PAGE_SCRIPTS = [
  "action-text.js",
  "agents.js",
  "api.js",
  "board.js",
  "card.js",
  "chart.js",
  "chat.js",
  "decision-log.js",
  "decision-row.js",
  "dom.js",
  "event-text.js",
  "failed-jobs.js",
  "header.js",
  "language.js",
  "live.js",
  "figures.js",
  "graph-keys.js",
  "message.js",
  "page.js",
  "plan.js",
  "plan-detail.js",
  "plan-graph.js",
  "plan-table.js",
  "plans.js",
  "preferences.js",
  "progress.js",
  "refresh.js",
  "selection.js",
  "sign-in.js",
  "task-row.js",
  "team.js",
  "tickets.js",
  "views.js",
] as const;

/**
 * The modules of the view Tickets, which the page loads when the view is opened first; `ticket-view.js` is their entry.
 * They import the page's modules.
 */
export const TICKET_SCRIPTS = [
  "ticket-actions.js",
  "ticket-choices.js",
  "ticket-completed.js",
  "ticket-dialog.js",
  "ticket-facts.js",
  "ticket-language.js",
  "ticket-pending.js",
  "ticket-questions.js",
  "ticket-sessions.js",
  "ticket-terminal.js",
  "ticket-view.js",
] as const;

/** The modules of the terminal's document, which are served as one file; `terminal.js` is its entry. */
export const TERMINAL_SCRIPTS = [
  "api.js",
  "dom.js",
  "language.js",
  "preferences.js",
  "terminal.js",
  "terminal-keys.js",
  "terminal-stream.js",
  "terminal-typing.js",
] as const;

/** The script of the frame that shows a terminal's picture. */
export const TERMINAL_SCREEN_SCRIPT = "terminal-screen.js";

/** The style sheets of the terminal's document. */
export const TERMINAL_STYLES = ["base.css", "terminal.css"] as const;
export const TERMINAL_SCREEN_STYLE = "terminal-screen.css";

/** The terminal emulator, as its package has it. */
export const XTERM_FILES = {
  "xterm.js": "node_modules/@xterm/xterm/lib/xterm.mjs",
  "xterm.css": "node_modules/@xterm/xterm/css/xterm.css",
} as const;

type ScriptName =
  | (typeof PAGE_SCRIPTS | typeof TICKET_SCRIPTS)[number]
  | (typeof TERMINAL_SCRIPTS)[number]
  | typeof TERMINAL_SCREEN_SCRIPT;
type StyleName =
  | (typeof PAGE_STYLES | typeof TICKET_STYLES)[number]
  | (typeof TERMINAL_STYLES)[number]
  | typeof TERMINAL_SCREEN_STYLE;

/** The page's style sheets in the order of the cascade. */
export const PAGE_STYLES = [
  "base.css",
  "frame.css",
  "sign-in.css",
  "board.css",
  "progress.css",
  "agents.css",
  "views.css",
  "team.css",
  "plan.css",
  "graph.css",
  "decision-log.css",
  "chat.css",
] as const;

/** The style sheets of the view Tickets. */
export const TICKET_STYLES = ["tickets.css", "ticket-terminal.css"] as const;

/** A file of the page, by its path in the repository. */
export type PageFile =
  | `functions/dashboard/page/script/${ScriptName}`
  | `functions/dashboard/page/style/${StyleName}`
  | (typeof XTERM_FILES)[keyof typeof XTERM_FILES];
