import type { EventKind } from "../../task/events.ts";
import type { Priority } from "../../task/snapshot.ts";

type Prefixed<P extends string, K extends string> = `${P}.${K}`;

/** Names of the page's texts. */
export type PageTextName =
  | Prefixed<"column", "todo" | "in_progress" | "blocked" | "done">
  | Prefixed<"event", EventKind>
  | Prefixed<"priority", Priority>
  | "word.cancelled"
  | Prefixed<"via", "webhook" | "read" | "absence" | "relations" | "bridge">
  | Prefixed<"fate", "waiting" | "folded" | "delivered" | "repeat" | "set_aside" | "discarded" | "muted" | "passed_on">
  | Prefixed<"held", "no_rule" | "muted" | "not_set_up" | "polls" | "other_event">
  | Prefixed<"health", "good" | "unknown" | "bad" | "set_aside" | "held" | "retry" | "waiting">
  | Prefixed<"health", "store" | "store_memory" | "store_disk">
  | Prefixed<"live", "on" | "lost" | "wait" | "full" | "back">
  | Prefixed<"sign", "in" | "out" | "token" | "why" | "go" | "wrong" | "often" | "cookie">
  | Prefixed<"head", "when" | "seen" | "what" | "answer">
  | Prefixed<"empty", "board" | "column" | "why" | "item" | "chat">
  | Prefixed<"card", "agent" | "held" | "held.title" | "review" | "blockers" | "due" | "overdue" | "open" | "trail">
  | Prefixed<"chat", "edited" | "notices" | "of" | "say" | "send" | "hint" | "gone" | "reply" | "reply.not" | "replies">
  | Prefixed<"news", "one" | "many">
  | Prefixed<"agents", "new" | "new.sure" | "retire" | "retire.sure" | "retired" | "token" | "once" | "copy" | "copied">
  | Prefixed<"agents", "close" | "both" | "none">
  | "plan"
  | "plans"
  | Prefixed<"plan", "steps" | "awaiting_approval" | "running" | "done" | "rejected" | "failed">
  | Prefixed<"failed_jobs", "discard" | "discard.sure">
  | "failed_jobs"
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
  | "views"
  | "skip";

export type PageTexts = Record<PageTextName, string>;
