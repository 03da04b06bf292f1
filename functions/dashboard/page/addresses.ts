/** The addresses of the page's views, which the server answers with the page. */

/** The path of each view, by the name of its section in the page. */
export const VIEW_PATHS = {
  inbox: "/inbox",
  board: "/board",
  team: "/team",
  plan: "/plans",
  schedules: "/schedules",
  tickets: "/tickets",
  why: "/activity",
  chat: "/chat",
  settings: "/settings",
} as const;

export type ViewName = keyof typeof VIEW_PATHS;

/** All addresses of the page. That of a task shows its activity. */
export const PAGE_PATHS = [
  ...["/", ...Object.values(VIEW_PATHS), "/sign-in"],
  ...["/plans/:project", "/tickets/:key", "/task/:key"],
] as const;
