/** A ticket as it is shown: head, state and facts, while it waits for approval and after its end. */

import { getProblemCode } from "./api.js";
import { createElement, createFact, createUserText } from "./dom.js";
import { formatCount, formatDuration, formatMoney, formatTime, translate } from "./language.js";
import { drawPlaneLink, drawTaskKey } from "./tasks.js";
import { createTicketButton, findTicketText, openTicketDialog, translateTicket } from "./ticket-actions.js";

/** @import { CompletedTicket, PendingTicket, SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @import { ElementChild } from "./page-types.ts" */
/** @import { TicketAction, TicketTextName } from "./ticket-actions.js" */

/** Limit of commits and conflicts that a card lists; the branch has the others. */
const MAX_LISTED = 10;

/** The tickets that are shown, to explain a refusal. @type {readonly PendingTicket[]} */
let shownTickets = [];

/** The hash of each ticket when it was shown first, to mark a text that changes while a person reads it. @type {Map<string, string>} */
const firstHashes = new Map();

/**
 * Draws the first line of a ticket: its key, which shows its activity, its title, its state, and the link to Plane.
 * @param {{ id: string, title: string, url: string }} ticket @param {ElementChild[]} marks
 */
export function drawTicketHead({ id, title, url }, ...marks) {
  return createElement(
    "div.line",
    drawTaskKey({ key: id }, translate("card.trail", { key: id })),
    createElement("h4", createUserText("span", title, 500)),
    ...marks,
    drawPlaneLink(url, id),
  );
}

/** @param {{ id: string, state: string }} ticket @param {ElementChild[]} content */
function drawTicketCard({ id, state }, ...content) {
  return createElement("li.ticket", { "data-ticket": id, "data-state": state }, ...content);
}

/** The state as a mark with its word. @param {CompletedTicket["state"]} state */
export function drawTicketState(state) {
  return createElement("span.ticket-state", { "data-is": state }, translateTicket(`state.${state}`));
}

/** A text of people or programs, whole, with its line breaks. @param {TicketTextName} name @param {string} text */
export function drawTicketText(name, text) {
  const props = { dir: "auto", tabindex: 0, role: "group", "aria-label": translateTicket(name) };
  return createElement("div.text", props, text);
}

/**
 * The facts of a session; those that are not known are left out.
 * @param {SessionTicket | CompletedTicket} ticket @param {[TicketTextName, ElementChild][]} first
 */
export function drawTicketFacts({ branch, diff, commits = [], conflicts = [], cost_usd, tokens, dirty }, first) {
  /** @type {[TicketTextName, ElementChild][]} */
  const facts = [
    ...first,
    ["fact.branch", branch && createElement("code", { dir: "auto" }, branch)],
    ["fact.diff", diff && translateTicket("diff", formatCounts(diff))],
    ["fact.cost", cost_usd !== undefined && formatMoney(cost_usd, "USD")],
    ["fact.tokens", tokens && translateTicket("tokens", formatCounts(tokens))],
    [
      "fact.commits",
      drawList(
        commits.map(({ id, subject }) => {
          return [createElement("code", id.slice(0, 10)), " ", createUserText("span", subject, 200)];
        }),
      ),
    ],
    ["fact.conflicts", drawList(conflicts.map((file) => [createElement("code", { dir: "auto" }, file)]))],
  ];
  const known = facts.flatMap(([name, value]) => {
    return value ? createFact(translateTicket(name), value, { "data-fact": name.slice("fact.".length) }) : [];
  });
  return createElement("div", createElement("dl", known), dirty && createElement("p.muted", translateTicket("dirty")));
}

/** @param {Readonly<Record<string, number>>} counts */
function formatCounts(counts) {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, formatCount(count)]));
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

/** @param {ReturnType<typeof compareWithShown>[number]} row @param {(ticket: PendingTicket) => void} onApproved */
export function drawPendingTicket({ ticket, hasChanged }, onApproved) {
  const { id, description, comment, requested_by: by, trigger_type: trigger, priority, created_at: at } = ticket;
  return drawTicketCard(
    { id, state: "pending" },
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
      createTicketButton("do.approve", id, toApproval(ticket, onApproved), true),
      createTicketButton("do.reject", id, () => openTicketDialog("reject", id)),
    ),
  );
}

/** Approves exactly what is shown. @param {PendingTicket} ticket @param {(ticket: PendingTicket) => void} onApproved @returns {TicketAction} */
function toApproval(ticket, onApproved) {
  const { id: key, hash } = ticket;
  return {
    name: "approve",
    key,
    body: { hash },
    onDone: () => onApproved(ticket),
    explain(thrown) {
      if (getProblemCode(thrown) !== "conflict") return undefined;
      const present = shownTickets.find(({ id }) => id === key);
      if (!present) return translateTicket("problem.gone", { key });
      return present.hash === hash ? undefined : translateTicket("problem.changed", { key });
    },
  };
}

/** @param {CompletedTicket} ticket */
export function drawCompletedTicket(ticket) {
  const { state, summary, completed_at: at, seconds, reason } = ticket;
  const isRemoved = state === "done" && reason === "removal_requested";
  const time = createElement("time.muted", { datetime: at ?? "" }, formatTicketTime(at));
  return drawTicketCard(
    ticket,
    drawTicketHead(ticket, drawTicketState(state), time),
    drawTicketText("summary", summary),
    drawTicketFacts(ticket, [["fact.took", seconds !== undefined && formatDuration(seconds * 1000)]]),
    drawUpdate(ticket),
    isRemoved && createElement("p.muted", translateTicket("removal")),
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
  if (state === "done") return drawRemoval(id);
  if (state === "updating") return createTicketButton("do.retry", id, { name: "update", key: id }, true);
  return [
    createTicketButton("do.update", id, { name: "update", key: id }, true),
    createTicketButton("do.edit", id, () => openTicketDialog("update", id, { value: summary })),
    createTicketButton("do.cancel", id, () => openTicketDialog("cancel", id)),
    drawRemoval(id),
  ];
}

/** @param {string} key */
function drawRemoval(key) {
  return createTicketButton("do.remove", key, () => openTicketDialog("remove", key));
}

/** A ticket whose session failed for good. @param {SessionTicket} ticket */
export function drawFailedTicket(ticket) {
  const { id, state, reason, detail } = ticket;
  const why = findTicketText(`why.${reason}`);
  return drawTicketCard(
    ticket,
    drawTicketHead(ticket, drawTicketState(state)),
    why && createElement("p", why),
    detail !== "" && createUserText("span", detail, 2_000),
    drawTicketFacts(ticket, []),
    createElement("div.actions", drawRemoval(id)),
  );
}
