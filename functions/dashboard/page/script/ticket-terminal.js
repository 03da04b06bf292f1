import { createElement } from "./dom.js";
import { translateTicket } from "./ticket-language.js";

/**
 * Creates the panel that leads to the terminal of a ticket's session.
 * @param {string} key @param {string} state state of the ticket
 * @returns {HTMLElement}
 */
export function createTerminalPanel(key, state) {
  const href = `/terminal/${encodeURIComponent(key)}`;
  return createElement(
    "p",
    { class: "terminal", "data-state": state },
    createElement(
      "a",
      { href, target: "_blank", rel: "noopener noreferrer" },
      translateTicket("do.terminal"),
      " ",
      key,
    ),
  );
}
