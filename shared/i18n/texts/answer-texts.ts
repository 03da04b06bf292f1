import type { PluralForms } from "../plural.ts";

/** The commands after `/plane`. */
export const COMMAND_NAMES = [
  "status",
  "project",
  "agent",
  "task",
  "cycle",
  "new",
  "assign",
  "done",
  "comment",
  "due",
  "priority",
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

export type CommandSubject = "project" | "agent" | "task" | "cycle";

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
  choosePriority: string;
  available: Record<"project" | "agent" | "cycle", string>;
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
  /** How the confidence has changed; `{percent}` includes its sign. */
  confidenceOver: Record<"week" | "month" | "before", string>;
  inReview: string;
  forConcierge: string;
  inProject: string;
  confirmations: Record<
    | "made"
    | "asked"
    | "assigned"
    | "done"
    | "due"
    | "noDue"
    | "priority"
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
    | "noTime"
    | "noDate"
    | "beforeStart"
    | "plane"
    | "other",
    string
  >;
  /** Replies to a message about a task. `{agents}` are names, `{keys}` task keys. */
  remarks: Record<"passedOn" | "stopped" | "closed" | "noAgent" | "which" | "gone", string>;
  neverMuted: string;
}
