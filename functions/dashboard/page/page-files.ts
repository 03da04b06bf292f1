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
  "views.js",
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

/** A file of the page, by its path in the repository. */
export type PageFile =
  | `functions/dashboard/page/script/${(typeof PAGE_SCRIPTS)[number]}`
  | `functions/dashboard/page/style/${(typeof PAGE_STYLES)[number]}`;
