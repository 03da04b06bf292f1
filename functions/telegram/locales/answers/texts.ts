import type { Counted } from "../texts.ts";

/** The commands, by the word that calls them. */
export const COMMAND_NAMES = [
  "status",
  "project",
  "agent",
  "task",
  "new",
  "assign",
  "block",
  "unblock",
  "cancel",
  "approve",
  "reject",
  "mute",
  "unmute",
  "digest",
  "help",
] as const;

export type CommandName = (typeof COMMAND_NAMES)[number];

export type Thing = "project" | "agent" | "task";

/** What is answered to people. `{name}` is filled in. */
export interface AnswerTexts {
  help: string;
  /** What is written after the word, and what comes of it. */
  commands: Record<CommandName, { usage?: string; what: string }>;
  usage: string;
  unknown: string;
  nearest: string;
  which: Record<Thing, string>;
  sure: string;
  none: Record<Thing, string>;
  there: Record<"project" | "agent", string>;
  many: Counted;
  /** Under a button that does nothing any more. */
  old: string;
  chosen: string;
  back: string;
  next: string;
  read: string;
  unread: string;
  closed: string;
  open: Counted;
  since: string;
  waitsFor: string;
  heads: Record<"status" | "atWork" | "blocked" | "waiting" | "todo" | "cycles", string>;
  nothing: Record<"projects" | "open" | "work", string>;
  fields: Record<
    "role" | "about" | "holds" | "past" | "dependants" | "progress" | "said" | "confidence" | "cost" | "time" | "text",
    string
  >;
  roles: Record<"concierge" | "worker", string>;
  finished: Counted;
  usually: string;
  inReview: string;
  forConcierge: string;
  inProject: string;
  done: Record<
    | "made"
    | "asked"
    | "assigned"
    | "blocked"
    | "unblocked"
    | "cancelled"
    | "approved"
    | "sentBack"
    | "muted"
    | "mutedUntil"
    | "unmuted",
    string
  >;
  not: Record<
    | "already"
    | "notBlocked"
    | "notInReview"
    | "over"
    | "notMuted"
    | "noConcierge"
    | "deafConcierge"
    | "tooLong"
    | "noTime"
    | "plane"
    | "other",
    string
  >;
  stillTold: string;
}
