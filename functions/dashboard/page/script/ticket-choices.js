import { createElement, createUserText } from "./dom.js";
import { translateTicket } from "./ticket-language.js";

/**
 * The answers of which several may be chosen, as check boxes. `join` adds a text of one's own to those that are chosen.
 * @param {readonly string[]} choices
 */
export function createChoices(choices) {
  const boxes = choices.map((_, i) => createElement("input", { type: "checkbox", autofocus: i === 0 }));
  const rows = choices.map((choice, i) =>
    createElement("label", { class: "check" }, boxes[i], " ", createUserText("span", choice)),
  );
  const listChosen = () => choices.filter((_, i) => boxes[i]?.checked);
  return {
    fields:
      choices.length > 0 &&
      createElement("fieldset", {}, createElement("legend", {}, translateTicket("ask.answer.choices")), ...rows),
    isEmpty: () => listChosen().length === 0,
    /** Joins as `shared/tickets/join-choices.ts` does. @param {string} text */
    join(text) {
      const quoted = listChosen().map((one) => (/, |"/.test(one) ? JSON.stringify(one) : one));
      return [...quoted, text].filter(Boolean).join(", ");
    },
  };
}
