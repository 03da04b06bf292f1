import type { Prefixed } from "./activity-texts.ts";

/** Names of the texts of the page's view Tickets. */
export type PageTicketTextName =
  | "off"
  | "runners"
  | "by"
  | "description"
  | "comment"
  | "changed"
  | "attention"
  | "silent"
  | "answered"
  | "diff"
  | "tokens"
  | "left"
  | "dirty"
  | "part"
  | "more"
  | "screen"
  | "summary"
  | "removal"
  | Prefixed<"off", "how">
  | Prefixed<"cost", "today">
  | Prefixed<"runner", "none" | "away">
  | Prefixed<"part", "pending" | "sessions" | "failed" | "completed">
  | Prefixed<"none", "pending" | "sessions" | "failed" | "completed">
  | Prefixed<"completed", "more">
  | Prefixed<"trigger", "created" | "status" | "comment" | "test">
  | Prefixed<"description", "none">
  | Prefixed<"state", "pending" | "approved" | "starting" | "running" | "waiting" | "completed" | "updating">
  | Prefixed<"state", "done" | "rejected" | "failed" | "cancelled">
  | Prefixed<"why", "queue" | "retry" | "exited" | "killed" | "vanished" | "start_failed" | "time_over">
  | Prefixed<"question", "permission" | "input" | "time" | "ended">
  | Prefixed<"fact", "runner" | "branch" | "commits" | "diff" | "conflicts" | "left" | "took" | "cost" | "tokens">
  | Prefixed<"left", "over">
  | Prefixed<"screen", "at">
  | Prefixed<"update", "comment" | "status" | "written" | "missing">
  | Prefixed<
      "do",
      | "approve"
      | "reject"
      | "allow"
      | "deny"
      | "answer"
      | "resume"
      | "extend"
      | "complete"
      | "cancel"
      | "terminal"
      | "update"
      | "edit"
      | "retry"
      | "remove"
    >
  | Prefixed<
      "ask",
      | "close"
      | "reject"
      | "reject.label"
      | "reject.do"
      | "answer"
      | "answer.label"
      | "answer.choices"
      | "answer.own"
      | "answer.do"
      | "complete"
      | "complete.label"
      | "complete.do"
      | "cancel"
      | "cancel.text"
      | "cancel.do"
      | "update"
      | "update.label"
      | "update.do"
      | "remove"
      | "remove.text"
      | "remove.check"
      | "remove.do"
    >
  | Prefixed<"told", "approve" | "reject" | "answer" | "extend" | "complete" | "cancel" | "update" | "remove">
  | Prefixed<"problem", "changed" | "gone" | "conflict" | "update">;

export type PageTicketTexts = Record<PageTicketTextName, string>;
