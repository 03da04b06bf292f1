import type { Priority } from "../../task/snapshot.ts";
import type { ActivityTexts, Prefixed } from "./activity-texts.ts";

/** Names of the page's texts. */
export type PageTextName =
  | Prefixed<"column", "todo" | "in_progress" | "blocked" | "done">
  | Prefixed<"priority", Priority>
  | "word.cancelled"
  | Prefixed<"health", "good" | "unknown" | "bad" | "set_aside" | "held" | "retry" | "waiting">
  | Prefixed<"health", "store" | "store_memory" | "store_disk">
  | Prefixed<"live", "on" | "lost" | "wait" | "full" | "back">
  | Prefixed<"sign", "in" | "out" | "token" | "why" | "go" | "wrong" | "often" | "cookie">
  | Prefixed<"empty", "board" | "column" | "why" | "item" | "chat">
  | Prefixed<"card", "agent" | "held" | "held.title" | "review" | "blockers" | "due" | "overdue" | "open" | "trail">
  | Prefixed<
      "chat",
      "edited" | "notices" | "of" | "say" | "send" | "hint" | "gone" | "linked.gone" | "reply" | "reply.not" | "replies"
    >
  | Prefixed<"news", "one" | "many">
  | Prefixed<"agents", "new" | "new.sure" | "retire" | "retire.sure" | "retired" | "token" | "once" | "copy" | "copied">
  | Prefixed<"agents", "close" | "both" | "none" | "where">
  | "plan"
  | "plans"
  | Prefixed<"plan", "steps" | "awaiting_approval" | "running" | "done" | "rejected" | "failed">
  | Prefixed<"problem", "bad_request" | "forbidden" | "not_found" | "conflict" | "too_large" | "rate_limited">
  | Prefixed<"problem", "unavailable" | "internal">
  | "agents"
  | "board"
  | "why"
  | "chat"
  | "why.hint"
  | "why.of"
  | "why.all"
  | "more"
  | "loading"
  | "failed"
  | "unreachable"
  | "retry"
  | "projects"
  | "projects.all"
  | "language"
  | "someone"
  | "agent"
  | "beyond"
  | "budget"
  | "budget.tickets"
  | "budget.unknown"
  | "views"
  | "skip";

export type PageTexts = Record<PageTextName, string> & ActivityTexts;
