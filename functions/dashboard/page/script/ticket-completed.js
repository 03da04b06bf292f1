import { createElement, createUserText } from "./dom.js";
import { formatDuration } from "./figures.js";
import { createTicketButton, getTicketPath } from "./ticket-actions.js";
import { askCancel, openTicketDialog } from "./ticket-dialog.js";
import { drawTicketFacts, drawTicketHead, drawTicketState, drawTicketText, formatTicketTime } from "./ticket-facts.js";
import { findTicketText, translateTicket } from "./ticket-language.js";

/** @import { CompletedTicket, SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */

/** @param {CompletedTicket} ticket */
export function drawCompletedTicket(ticket) {
  const { id, state, summary, completed_at: at, seconds, reason } = ticket;
  const isDone = state === "done";
  return createElement(
    "li",
    { class: "ticket", "data-ticket": id, "data-state": state },
    drawTicketHead(
      ticket,
      drawTicketState(state),
      createElement("time", { class: "muted", datetime: at ?? "" }, formatTicketTime(at)),
    ),
    drawTicketText("summary", summary),
    drawTicketFacts(ticket, [["fact.took", seconds !== undefined && formatDuration(seconds * 1000)]]),
    drawUpdate(ticket),
    isDone && reason === "removal_requested" && createElement("p", { class: "muted" }, translateTicket("removal")),
    createElement("div", { class: "actions" }, drawActions(ticket)),
  );
}

/** A ticket whose session failed for good. @param {SessionTicket} ticket */
export function drawFailedTicket(ticket) {
  const { id, state, reason, detail } = ticket;
  const why = findTicketText(`why.${reason}`);
  return createElement(
    "li",
    { class: "ticket", "data-ticket": id, "data-state": state },
    drawTicketHead(ticket, drawTicketState(state)),
    why && createElement("p", {}, translateTicket(why)),
    detail !== "" && createUserText("span", detail, 2_000),
    drawTicketFacts(ticket, []),
    createElement("div", { class: "actions" }, drawRemoval(id)),
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
      "p",
      { class: "line" },
      createElement("span", {}, translateTicket("update.comment", { is: is(comment_posted) })),
      createElement("span", {}, translateTicket("update.status", { is: is(state_updated) })),
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
