import { getProblemCode } from "./api.js";
import { createElement } from "./dom.js";
import { translate } from "./language.js";
import { createTicketButton, getTicketPath } from "./ticket-actions.js";
import { openTicketDialog } from "./ticket-dialog.js";
import { drawTicketHead, drawTicketText, formatTicketTime } from "./ticket-facts.js";
import { translateTicket } from "./ticket-language.js";

/** @import { PendingTicket } from "../../../../shared/tickets/ticket-views.ts" */

/** The tickets that are shown, to explain a refusal. @type {readonly PendingTicket[]} */
let shownTickets = [];
/** The hash of each ticket when it was shown first, to mark a text that changes while a person reads it. @type {Map<string, string>} */
const firstHashes = new Map();

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
    "li",
    { class: "ticket", "data-ticket": id, "data-state": "pending" },
    drawTicketHead(ticket),
    createElement(
      "p",
      { class: "line muted" },
      createElement("span", { class: "priority", "data-is": priority }, translate(`priority.${priority}`)),
      createElement("span", {}, translateTicket(`trigger.${trigger}`)),
      by && createElement("bdi", {}, translateTicket("by", { who: by.slice(0, 80) })),
      createElement("time", { datetime: at }, formatTicketTime(at)),
    ),
    hasChanged && createElement("p", { class: "notice" }, translateTicket("changed")),
    description
      ? drawTicketText("description", description)
      : createElement("p", { class: "muted" }, translateTicket("description.none")),
    comment && [createElement("h5", {}, translateTicket("comment")), drawTicketText("comment", comment)],
    createElement(
      "div",
      { class: "actions" },
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
