import { createElement, createUserText } from "./dom.js";
import { formatCount } from "./figures.js";
import { createOptionButton, createTicketButton, getTicketPath } from "./ticket-actions.js";
import { openTicketDialog } from "./ticket-dialog.js";
import { drawTicketText, formatTicketTime } from "./ticket-facts.js";
import { findTicketText, translateTicket } from "./ticket-language.js";

/** @import { SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @typedef {SessionTicket["questions"][number]} TicketQuestion */

/** What a session asks, with the buttons that answer it. @param {string} key @param {string} reason @param {TicketQuestion} question */
export function drawQuestion(key, reason, question) {
  const { kind, text, answer, number = 0, count = 0 } = question;
  const ended = kind === "ended" ? findTicketText(`why.${reason}`) : undefined;
  const head = translateTicket(`question.${kind}`, { at: kind === "time" ? formatTicketTime(text) : "" });
  return createElement(
    "div",
    { class: "question", "data-kind": kind },
    count > 0 &&
      createElement(
        "p",
        { class: "muted" },
        translateTicket("part", { n: formatCount(number), of: formatCount(count) }),
      ),
    createElement("p", {}, createElement("b", {}, ended ? `${translateTicket(ended)} ` : "", head)),
    kind !== "time" && text !== "" && drawTicketText(`question.${kind}`, text),
    answer === undefined
      ? createElement("div", { class: "actions" }, drawAnswers(key, question))
      : createElement(
          "p",
          { class: "muted" },
          translateTicket("answered", { text: "" }),
          createUserText("span", answer),
        ),
  );
}

/** @param {string} key @param {TicketQuestion} question */
function drawAnswers(key, { id: question, kind, text, options = [], multiple }) {
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
  const choices = multiple ? options : [];
  const ask = () =>
    openTicketDialog({ key, name: "answer", shown: text, hasText: true, isRequired: true, choices, toAction });
  return [
    ...(multiple ? [] : options).map((option) => createOptionButton(option, key, toAction(option))),
    createTicketButton("do.answer", key, ask, options.length === 0 || multiple),
  ];
}
