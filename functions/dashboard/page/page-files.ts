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
export const TICKET_STYLES = ["tickets.css"] as const;

/** A file of the page, by its path in the repository. */
export type PageFile =
  | `functions/dashboard/page/script/${(typeof PAGE_SCRIPTS | typeof TICKET_SCRIPTS)[number]}`
  | `functions/dashboard/page/style/${(typeof PAGE_STYLES | typeof TICKET_STYLES)[number]}`;
