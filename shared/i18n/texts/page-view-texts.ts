type Prefixed<P extends string, K extends string> = `${P}.${K}`;

/** Names of the texts of the page's views Team and Plan. */
export type PageViewTextName =
  | "tickets"
  | "team"
  | Prefixed<"team", "tickets" | "month">
  | Prefixed<"team", "hint" | "empty" | "concierge" | "working" | "idle" | "none" | "more">
  | Prefixed<"team.list", "holds" | "startable" | "waiting" | "review">
  | Prefixed<"team.note", "until" | "held" | "after" | "blocked" | "unread">
  | Prefixed<"chart", "tasks" | "ms" | "cost" | "confidence" | "today" | "label" | "label.none" | "latest" | "day">
  | Prefixed<"show", "label" | "chart" | "graph" | "table">
  | "graph"
  | Prefixed<"graph", "choose" | "empty" | "closed" | "independent" | "step" | "label" | "keys" | "none" | "unread">
  | Prefixed<"graph.left_out", "label" | "open" | "finished" | "dependencies">
  | Prefixed<"graph.fact", "open" | "ms" | "path" | "tasks" | "earliest" | "in" | "cost">
  | Prefixed<"graph.note", "basis" | "unknown">
  | Prefixed<"graph.mark", "critical" | "cycle">
  | Prefixed<"graph.node", "left" | "after" | "before">
  | Prefixed<"graph.head", "step" | "task" | "status" | "agent" | "after" | "left">
  | Prefixed<"status", "todo" | "in_progress" | "blocked" | "done" | "cancelled">
  | Prefixed<"detail", "label" | "close" | "left" | "after" | "before">;

export type PageViewTexts = Record<PageViewTextName, string>;
