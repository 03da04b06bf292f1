/** A ticket as it is shown: head, state and facts, while it waits for approval and after its end. */

import { getProblemCode } from "./api.js";
import { createElement, createExternalLink, createUserText } from "./dom.js";
import { formatCount, formatDuration, formatMoney, formatTime, translate } from "./language.js";
import {
  askCancel,
  createTicketButton,
  findTicketText,
  getTicketPath,
  openTicketDialog,
  translateTicket,
} from "./ticket-actions.js";
import { chooseTask } from "./views.js";

/** @import { CompletedTicket, PendingTicket, SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @import { ElementChild } from "./page-types.ts" */
/** @import { TicketTextName } from "./ticket-actions.js" */

/** Limit of commits and conflicts that a card lists; the branch has the others. */
const MAX_LISTED = 10;

/** The tickets that are shown, to explain a refusal. @type {readonly PendingTicket[]} */
let shownTickets = [];

/** The hash of each ticket when it was shown first, to mark a text that changes while a person reads it. @type {Map<string, string>} */
const firstHashes = new Map();

/**
 * Draws the first line of a ticket: its key, which shows its activity, its title, its state, and the link to Plane.
 * @param {{ id: string, uuid: string, title: string, url: string, state: string }} ticket @param {ElementChild[]} marks
 */
export function drawTicketHead({ id, uuid, title, url }, ...marks) {
  const activity = translate("card.trail", { key: id });
  const label = translate("card.open", { key: id });
  return createElement(
    "div.line",
    createElement("button.key", { title: activity, onclick: () => chooseTask({ id: uuid, key: id }) }, id),
    createElement("h4", createUserText("span", title, 500)),
    ...marks,
    createExternalLink(url, { class: "out", "aria-label": label, title: label }, "↗"),
  );
}

/** The state as a mark with its word. @param {CompletedTicket["state"]} state */
export function drawTicketState(state) {
  return createElement("span.ticket-state", { "data-is": state }, translateTicket(`state.${state}`));
}

/** A text of people or programs, whole, with its line breaks. @param {TicketTextName} name @param {string} text */
export function drawTicketText(name, text) {
  return createElement(
    "div.text",
    { dir: "auto", tabindex: 0, role: "group", "aria-label": translateTicket(name) },
    text,
  );
}

/** The facts of a session; those that are not known are left out. @param {SessionTicket | CompletedTicket} ticket @param {[TicketTextName, ElementChild][]} first */
export function drawTicketFacts(ticket, first) {
  const { branch, diff, commits = [], conflicts = [], cost_usd, tokens, dirty } = ticket;
  const diffValues = diff && {
    files: formatCount(diff.files),
    insertions: formatCount(diff.insertions),
    deletions: formatCount(diff.deletions),
  };
  /** @type {[TicketTextName, ElementChild][]} */
  const facts = [
    ...first,
    ["fact.branch", branch && createElement("code", { dir: "auto" }, branch)],
    ["fact.diff", diffValues && translateTicket("diff", diffValues)],
    ["fact.cost", cost_usd !== undefined && formatMoney(cost_usd, "USD")],
    [
      "fact.tokens",
      tokens && translateTicket("tokens", { input: formatCount(tokens.input), output: formatCount(tokens.output) }),
    ],
    [
      "fact.commits",
      drawList(commits.map(({ id, subject }) => [createElement("code", id.slice(0, 10)), " ", drawSubject(subject)])),
    ],
    ["fact.conflicts", drawList(conflicts.map((file) => [createElement("code", { dir: "auto" }, file)]))],
  ];
  const known = facts.filter(([, value]) => value);
  return createElement(
    "div",
    createElement(
      "dl",
      known.map(([name, value]) =>
        createElement(
          "div",
          { "data-fact": name.slice("fact.".length) },
          createElement("dt", translateTicket(name)),
          createElement("dd", value),
        ),
      ),
    ),
    dirty && createElement("p.muted", translateTicket("dirty")),
  );
}

/** @param {ElementChild[][]} rows */
function drawList(rows) {
  if (rows.length === 0) return undefined;
  const rest = rows.length - MAX_LISTED;
  return createElement(
    "ul",
    rows.slice(0, MAX_LISTED).map((row) => createElement("li", ...row)),
    rest > 0 && createElement("li.muted", translateTicket("more", { n: formatCount(rest) })),
  );
}

/** @param {string} subject */
function drawSubject(subject) {
  return createUserText("span", subject, 200);
}

/** @param {string | undefined} time ISO 8601 */
export function formatTicketTime(time) {
  return time === undefined ? "" : formatTime(Date.parse(time));
}

/** Adds to each pending ticket whether its text has changed since it was shown. @param {readonly PendingTicket[]} tickets */
export function compareWithShown(tickets) {
  shownTickets = tickets;
  const ids = tickets.map(({ id }) => id);
  for (const id of firstHashes.keys()) if (!ids.includes(id)) firstHashes.delete(id);
  return tickets.map((ticket) => {
    const { id, hash } = ticket;
    if (!firstHashes.has(id)) firstHashes.set(id, hash);
    return { ticket, hasChanged: firstHashes.get(id) !== hash };
  });
}

/** @param {ReturnType<typeof compareWithShown>[number]} row */
export function drawPendingTicket({ ticket, hasChanged }) {
  const { id, description, comment, requested_by: by, trigger_type: trigger, priority, created_at: at } = ticket;
  return createElement(
    "li.ticket",
    { "data-ticket": id, "data-state": "pending" },
    drawTicketHead(ticket),
    createElement(
      "p.line.muted",
      createElement("span.priority", { "data-is": priority }, translate(`priority.${priority}`)),
      createElement("span", translateTicket(`trigger.${trigger}`)),
      by && createElement("bdi", translateTicket("by", { who: by.slice(0, 80) })),
      createElement("time", { datetime: at }, formatTicketTime(at)),
    ),
    hasChanged && createElement("p.notice", translateTicket("changed")),
    description
      ? drawTicketText("description", description)
      : createElement("p.muted", translateTicket("description.none")),
    comment && [createElement("h5", translateTicket("comment")), drawTicketText("comment", comment)],
    createElement(
      "div.actions",
      createTicketButton("do.approve", id, toApproval(ticket), true),
      createTicketButton("do.reject", id, () => askReason(id)),
    ),
  );
}

/** Approves exactly what is shown. @param {PendingTicket} ticket */
function toApproval({ id, hash }) {
  return {
    key: id,
    path: getTicketPath("approve", id),
    body: { hash },
    told: /** @type {const} */ ("told.approve"),
    /** @param {unknown} thrown */
    explain: (thrown) => (getProblemCode(thrown) === "conflict" ? explainApproval(id, hash) : undefined),
  };
}

/** @param {string} id @param {string} hash */
function explainApproval(id, hash) {
  const present = shownTickets.find((ticket) => ticket.id === id);
  if (!present) return translateTicket("problem.gone", { key: id });
  return present.hash === hash ? undefined : translateTicket("problem.changed", { key: id });
}

/** @param {string} key */
function askReason(key) {
  openTicketDialog({
    key,
    name: "reject",
    hasText: true,
    toAction: (reason) => ({ key, path: getTicketPath("reject", key), body: { reason }, told: "told.reject" }),
  });
}

/** @param {CompletedTicket} ticket */
export function drawCompletedTicket(ticket) {
  const { id, state, summary, completed_at: at, seconds, reason } = ticket;
  const isDone = state === "done";
  return createElement(
    "li.ticket",
    { "data-ticket": id, "data-state": state },
    drawTicketHead(
      ticket,
      drawTicketState(state),
      createElement("time.muted", { datetime: at ?? "" }, formatTicketTime(at)),
    ),
    drawTicketText("summary", summary),
    drawTicketFacts(ticket, [["fact.took", seconds !== undefined && formatDuration(seconds * 1000)]]),
    drawUpdate(ticket),
    isDone && reason === "removal_requested" && createElement("p.muted", translateTicket("removal")),
    createElement("div.actions", drawActions(ticket)),
  );
}

/** What of a begun update is written, and why the rest is not. @param {CompletedTicket} ticket */
function drawUpdate({ state, comment_posted, state_updated, problem }) {
  if (state !== "updating") return undefined;
  /** @param {boolean} isWritten */
  const is = (isWritten) => translateTicket(isWritten ? "update.written" : "update.missing");
  return createElement(
    "div",
    { class: problem === undefined ? "muted" : "notice" },
    createElement(
      "p.line",
      createElement("span", translateTicket("update.comment", { is: is(comment_posted) })),
      createElement("span", translateTicket("update.status", { is: is(state_updated) })),
    ),
    problem !== undefined && createUserText("span", problem, 600),
  );
}

/** @param {CompletedTicket} ticket */
function drawActions({ id, state, summary }) {
  if (state === "updating") return createTicketButton("do.retry", id, toUpdate(id), true);
  if (state === "done") return drawRemoval(id);
  return [
    createTicketButton("do.update", id, toUpdate(id), true),
    createTicketButton("do.edit", id, () => editSummary(id, summary)),
    createTicketButton("do.cancel", id, () => askCancel(id)),
    drawRemoval(id),
  ];
}

/** @param {string} key @param {string} [summary] replaces the one of the completion */
function toUpdate(key, summary) {
  return {
    key,
    path: getTicketPath("update-plane", key),
    body: summary === undefined ? {} : { summary },
    told: /** @type {const} */ ("told.update"),
    /** @param {{ status?: string, problem?: string }} answer */
    check: ({ status, problem = "" }) =>
      status === "success" ? undefined : translateTicket("problem.update", { key, reason: problem }),
  };
}

/** @param {string} key */
function drawRemoval(key) {
  return createTicketButton("do.remove", key, () =>
    openTicketDialog({
      key,
      name: "remove",
      hasCheck: true,
      toAction: (_, force) => ({
        key,
        path: getTicketPath("sessions", key, "remove"),
        body: { force },
        told: "told.remove",
      }),
    }),
  );
}

/** @param {string} key @param {string} value */
function editSummary(key, value) {
  openTicketDialog({
    key,
    name: "update",
    value,
    hasText: true,
    isRequired: true,
    toAction: (summary) => toUpdate(key, summary),
  });
}

/** A ticket whose session failed for good. @param {SessionTicket} ticket */
export function drawFailedTicket(ticket) {
  const { id, state, reason, detail } = ticket;
  const why = findTicketText(`why.${reason}`);
  return createElement(
    "li.ticket",
    { "data-ticket": id, "data-state": state },
    drawTicketHead(ticket, drawTicketState(state)),
    why && createElement("p", translateTicket(why)),
    detail !== "" && createUserText("span", detail, 2_000),
    drawTicketFacts(ticket, []),
    createElement("div.actions", drawRemoval(id)),
  );
}
