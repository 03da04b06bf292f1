import { createElement, createExternalLink, createUserText } from "./dom.js";
import { formatCount, formatMoney } from "./figures.js";
import { formatTime, translate } from "./language.js";
import { chooseTask } from "./selection.js";
import { translateTicket } from "./ticket-language.js";

/** @import { CompletedTicket, SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @import { ElementChild } from "./page-types.ts" */
/** @import { TicketTextName } from "./ticket-language.js" */

/** Limit of commits and conflicts that a card lists; the branch has the others. */
const MAX_LISTED = 10;

/**
 * Draws the first line of a ticket: its key, which shows its activity, its title, its state, and the link to Plane.
 * @param {{ id: string, uuid: string, title: string, url: string, state: string }} ticket @param {ElementChild[]} marks
 */
export function drawTicketHead({ id, uuid, title, url }, ...marks) {
  const activity = translate("card.trail", { key: id });
  const label = translate("card.open", { key: id });
  return createElement(
    "div",
    { class: "line" },
    createElement(
      "button",
      { type: "button", class: "key", title: activity, onclick: () => chooseTask({ id: uuid, key: id }) },
      id,
    ),
    createElement("h4", {}, createUserText("span", title, 500)),
    ...marks,
    createExternalLink(url, { class: "out", "aria-label": label, title: label }, "↗"),
  );
}

/** The state as a mark with its word. @param {CompletedTicket["state"]} state */
export function drawTicketState(state) {
  return createElement("span", { class: "ticket-state", "data-is": state }, translateTicket(`state.${state}`));
}

/** A text of people or programs, whole, with its line breaks. @param {TicketTextName} name @param {string} text */
export function drawTicketText(name, text) {
  return createElement(
    "div",
    { class: "text", dir: "auto", tabindex: 0, role: "group", "aria-label": translateTicket(name) },
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
      drawList(
        commits.map(({ id, subject }) => [createElement("code", {}, id.slice(0, 10)), " ", drawSubject(subject)]),
      ),
    ],
    ["fact.conflicts", drawList(conflicts.map((file) => [createElement("code", { dir: "auto" }, file)]))],
  ];
  const known = facts.filter(([, value]) => value);
  return createElement(
    "div",
    {},
    createElement(
      "dl",
      {},
      known.map(([name, value]) =>
        createElement(
          "div",
          { "data-fact": name.slice("fact.".length) },
          createElement("dt", {}, translateTicket(name)),
          createElement("dd", {}, value),
        ),
      ),
    ),
    dirty && createElement("p", { class: "muted" }, translateTicket("dirty")),
  );
}

/** @param {string} subject */
function drawSubject(subject) {
  return createUserText("span", subject, 200);
}

/** @param {ElementChild[][]} rows */
function drawList(rows) {
  if (rows.length === 0) return undefined;
  const rest = rows.length - MAX_LISTED;
  return createElement(
    "ul",
    {},
    rows.slice(0, MAX_LISTED).map((row) => createElement("li", {}, ...row)),
    rest > 0 && createElement("li", { class: "muted" }, translateTicket("more", { n: formatCount(rest) })),
  );
}

/** @param {string | undefined} time ISO 8601 */
export function formatTicketTime(time) {
  return time === undefined ? "" : formatTime(Date.parse(time));
}
