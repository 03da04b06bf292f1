import { createElement } from "./dom.js";

/**
 * Creates the terminal of a ticket's session: its own document in a frame, with the button to take over. The frame may
 * run its scripts and use the person's sign-in, nothing else: it opens no windows, no dialogs, and moves no other document.
 * @param {string} key of the ticket @param {string} state of the ticket
 */
export function createTerminalPanel(key, state) {
  const frame = createElement("iframe", {
    src: `/terminal/${encodeURIComponent(key)}`,
    sandbox: "allow-scripts allow-same-origin",
    referrerpolicy: "no-referrer",
    // The same word in every language of the page.
    title: `Terminal ${key}`,
  });
  return createElement("div", { class: "ticket-terminal", "data-state": state }, frame);
}
