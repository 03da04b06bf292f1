import { createElement, createUserText } from "./dom.js";
import { createTicketButton, getTicketPath } from "./ticket-actions.js";
import { openTicketDialog } from "./ticket-dialog.js";
import { drawTicketText, formatTicketTime } from "./ticket-facts.js";
import { findTicketText, translateTicket } from "./ticket-language.js";

/** @import { SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @typedef {SessionTicket["questions"][number]} TicketQuestion */

/** What a session asks, with the buttons that answer it. @param {string} key @param {string} reason @param {TicketQuestion} question */
export function drawQuestion(key, reason, { id, kind, text, answer }) {
  const ended = kind === "ended" ? findTicketText(`why.${reason}`) : undefined;
  const head = translateTicket(`question.${kind}`, { at: kind === "time" ? formatTicketTime(text) : "" });
  return createElement(
    "div",
    { class: "question", "data-kind": kind },
    createElement("p", {}, createElement("b", {}, ended ? `${translateTicket(ended)} ` : "", head)),
    kind !== "time" && text !== "" && drawTicketText(`question.${kind}`, text),
    answer === undefined
      ? createElement("div", { class: "actions" }, drawAnswers(key, id, kind, text))
      : createElement(
          "p",
          { class: "muted" },
          translateTicket("answered", { text: "" }),
          createUserText("span", answer),
        ),
  );
}

/** @param {string} key @param {string} question @param {TicketQuestion["kind"]} kind @param {string} text */
function drawAnswers(key, question, kind, text) {
  /** @param {string} answer */
  const toAction = (answer) => ({
    key,
    path: getTicketPath("sessions", key, "answer"),
    body: { question, answer },
    told: /** @type {const} */ ("told.answer"),
  });
  if (kind === "permission")
    return [
      createTicketButton("do.allow", key, toAction("allow"), true),
      createTicketButton("do.deny", key, toAction("deny")),
    ];
  if (kind === "ended") return createTicketButton("do.resume", key, toAction("resume"), true);
  // The session's own buttons give it more time.
  if (kind === "time") return undefined;
  const ask = () => openTicketDialog({ key, name: "answer", shown: text, hasText: true, isRequired: true, toAction });
  return createTicketButton("do.answer", key, ask, true);
}
