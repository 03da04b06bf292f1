import { createElement, getElement } from "./dom.js";
import { translate } from "./language.js";
import { getView } from "./views.js";

/** @import { BoardAnswer } from "../../api-answers.ts" */

/** Number of failed attempts to load the script: a browser repeats a failed import only under another address. */
let failures = 0;
let isStyled = false;

/** Loads the tickets while their view is shown. */
export function loadTickets() {
  return loadView("all");
}

/** Loads only the sessions: their output changes nothing else. */
export function loadSessions() {
  return loadView("sessions");
}

/** Loads the view's script and style sheet when it is shown first. @param {"all" | "sessions"} which */
async function loadView(which) {
  if (getView() !== "tickets") return;
  const address = `/assets/tickets.js${failures > 0 ? `?${failures}` : ""}`;
  const [{ showTickets }] = await Promise.all([importView(address), loadStyle()]);
  await showTickets(which);
}

/** @param {string} address @returns {Promise<typeof import("./ticket-view.js")>} */
async function importView(address) {
  try {
    return await import(address);
  } catch {
    failures += 1;
    throw new Error(translate("unreachable"));
  }
}

async function loadStyle() {
  if (isStyled) return;
  isStyled = true;
  await new Promise((resolve) => {
    const link = createElement("link", { rel: "stylesheet", href: "/assets/tickets.css", onload: resolve });
    link.addEventListener("error", () => {
      isStyled = false;
      link.remove();
      resolve(undefined);
    });
    document.head.append(link);
  });
}

/** Shows how many tickets wait for an approval, at the view's name and in the title. @param {BoardAnswer} board */
export function showTicketCount({ tickets }) {
  const count = tickets?.pending ?? 0;
  getElement("ticket-count").textContent = count > 0 ? String(count) : "";
  document.title = count > 0 ? `(${count}) Groundcrew` : "Groundcrew";
}
