import { getProblemCode, getProblemText, sendJson } from "./api.js";
import { createElement, createUserText, findElements, focusFirstVisible, getElement, makeFocusable } from "./dom.js";
import { translateTicket } from "./ticket-language.js";

/** @import { TicketTextName } from "./ticket-language.js" */

/**
 * What a person does with a ticket. `explain` may replace the reason of a refusal, once the tickets are loaded again.
 * @typedef {{
 *   key: string, path: string, body?: object, told: TicketTextName,
 *   explain?: (thrown: unknown) => string | undefined, check?: (answer: object) => string | undefined,
 * }} TicketAction
 */

/** Time for which the page says what was done: 10 s, because the message is above the cards. */
const MESSAGE_MS = 10_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let messageTimer;
/** @type {() => Promise<void>} */
let reloadTickets = async () => {};

/** @param {() => Promise<void>} reload loads and draws the tickets; never rejects */
export function onTicketChange(reload) {
  reloadTickets = reload;
}

/** The path of an action on a ticket. @param {string} route @param {string} key @param {string} [action] */
export function getTicketPath(route, key, action) {
  return `/api/${route}/${encodeURIComponent(key)}${action ? `/${action}` : ""}`;
}

/** Sends the action of a button, shows its result, and keeps the focus at the ticket. @param {HTMLElement} button @param {TicketAction} action */
async function runFromButton(button, action) {
  // `aria-disabled` instead of `disabled`: a disabled button loses the focus.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const refusal = await sendAction(action);
  if (refusal !== undefined) showTicketMessage("problem", refusal);
  button.setAttribute("aria-disabled", "false");
  focusTicket(action.key);
}

/**
 * Sends an action and loads the tickets again; returns why it was refused.
 * @param {TicketAction} action
 */
export async function sendAction({ key, path, body = {}, told, explain, check }) {
  showTicketMessage("told", "");
  try {
    /** @type {object} */
    const answer = await sendJson(path, body);
    await reloadTickets();
    const problem = check?.(answer);
    if (problem !== undefined) return problem;
    showTicketMessage("told", translateTicket(told, { key }));
    return undefined;
  } catch (thrown) {
    await reloadTickets();
    const isConflict = getProblemCode(thrown) === "conflict";
    return explain?.(thrown) ?? (isConflict ? translateTicket("problem.conflict", { key }) : getProblemText(thrown));
  }
}

/** Shows one message: what was done, for a while, or why not, until the next action. @param {"told" | "problem"} kind @param {string} text */
export function showTicketMessage(kind, text) {
  clearTimeout(messageTimer);
  if (kind === "told" && text) messageTimer = setTimeout(() => showTicketMessage("told", ""), MESSAGE_MS);
  getElement("ticket-told").textContent = kind === "told" ? text : "";
  getElement("ticket-problem").textContent = kind === "problem" ? text : "";
}

/** Moves the focus to a ticket after an action has removed the button that had it. @param {string} key */
export function focusTicket(key) {
  const { activeElement } = document;
  if (activeElement && activeElement !== document.body && activeElement.checkVisibility()) return;
  const card = findElements(getElement("tickets-view"), ".ticket").find((el) => el.dataset["ticket"] === key);
  focusFirstVisible(card && makeFocusable(card), getElement("tickets"));
}

/**
 * Creates a button that runs an action at once, or that opens something. Screen readers hear the ticket's key with it.
 * @param {TicketTextName} text @param {string} key @param {TicketAction | (() => void)} action
 */
export function createTicketButton(text, key, action, isMain = false) {
  return createActionButton(translateTicket(text), key, action, isMain);
}

/** Creates a button that gives an answer that a session offers. @param {string} option @param {string} key @param {TicketAction} action */
export function createOptionButton(option, key, action) {
  return createActionButton(createUserText("span", option), key, action, true);
}

/** @param {string | HTMLElement} label @param {string} key @param {TicketAction | (() => void)} action @param {boolean} isMain */
function createActionButton(label, key, action, isMain) {
  const name = createElement("span", { class: "sr" }, ` ${key}`);
  const props = { type: "button", class: isMain ? "go main" : "go" };
  const button = createElement("button", props, label, name);
  button.addEventListener("click", () => (typeof action === "function" ? action() : runFromButton(button, action)));
  return button;
}

/** The line of messages above the tickets. */
export function createMessageLine() {
  return createElement(
    "div",
    { class: "said" },
    createElement("p", { id: "ticket-told", role: "status" }),
    createElement("p", { id: "ticket-problem", role: "alert" }),
  );
}
