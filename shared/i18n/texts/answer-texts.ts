import type { PluralForms } from "../plural.ts";

/** The commands after `/plane`. */
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

export type CommandSubject = "project" | "agent" | "task";

/** Replies to commands. `{name}` and the like are placeholders. */
export interface AnswerTexts {
  help: string;
  /** For the help: a command's arguments and its effect. */
  commands: Record<CommandName, { usage?: string; what: string }>;
  usage: string;
  unknown: string;
  nearest: string;
  chooseMatch: Record<CommandSubject, string>;
  confirmMatch: string;
  notFound: Record<CommandSubject, string>;
  available: Record<"project" | "agent", string>;
  moreMatches: PluralForms;
  /** Toast after the press of a button whose record has expired. */
  expiredButton: string;
  alreadyChosen: string;
  back: string;
  next: string;
  lastRead: string;
  neverRead: string;
  closed: string;
  open: PluralForms;
  since: string;
  waitsFor: string;
  headings: Record<"status" | "atWork" | "blocked" | "waiting" | "todo" | "cycles", string>;
  emptyLists: Record<"projects" | "open" | "work", string>;
  fields: Record<
    "role" | "about" | "past" | "dependants" | "progress" | "said" | "confidence" | "cost" | "time" | "text",
    string
  >;
  roles: Record<"concierge" | "worker", string>;
  finishedTasks: PluralForms;
  usualTime: string;
  inReview: string;
  forConcierge: string;
  inProject: string;
  confirmations: Record<
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
  refusals: Record<
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
  neverMuted: string;
}
