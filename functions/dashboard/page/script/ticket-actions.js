/** What people do with a ticket: requests with their outcome, buttons, and dialogs that ask for a text or a choice. */

import { getProblemCode, getProblemText, sendJson } from "./api.js";
import { createElement, createUserText, findElements, focusFirstVisible, getElement, makeFocusable } from "./dom.js";
import { fillText, getLanguage } from "./language.js";
import { TICKET_TEXTS } from "./ticket-texts.js";

/** @import { TextValues } from "./page-types.ts" */

/**
 * What a person does with a ticket. `explain` may replace the reason of a refusal, once the tickets are loaded again.
 * @typedef {{
 *   key: string, path: string, body?: object, told: TicketTextName,
 *   explain?: (thrown: unknown) => string | undefined, check?: (answer: object) => string | undefined,
 * }} TicketAction
 */

/** Time for which the page says what was done: 10 s, because the message is above the cards. */
export const MESSAGE_MS = 10_000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let messageTimer;

/** @param {() => Promise<void>} reload loads and draws the tickets; never rejects */
export function onTicketChange(reload) {
  reloadTickets = reload;
}

/** @type {() => Promise<void>} */
let reloadTickets = async () => {};

/** The path of an action on a ticket. @param {string} route @param {string} key @param {string} [action] */
export function getTicketPath(route, key, action) {
  return `/api/${route}/${encodeURIComponent(key)}${action ? `/${action}` : ""}`;
}

/**
 * Creates a button that runs an action at once, or that opens something. Screen readers hear the ticket's key with it.
 * @param {TicketTextName} text @param {string} key @param {TicketAction | (() => void)} action
 */
export function createTicketButton(text, key, action, isMain = false) {
  return createActionButton(translateTicket(text), key, action, isMain);
}

/** @param {string | HTMLElement} label @param {string} key @param {TicketAction | (() => void)} action @param {boolean} isMain */
function createActionButton(label, key, action, isMain) {
  const name = createElement("span.sr", ` ${key}`);
  const props = { type: "button", class: isMain ? "go main" : "go" };
  const button = createElement("button", props, label, name);
  button.addEventListener("click", () => (typeof action === "function" ? action() : runFromButton(button, action)));
  return button;
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
async function sendAction({ key, path, body = {}, told, explain, check }) {
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
function showTicketMessage(kind, text) {
  clearTimeout(messageTimer);
  if (kind === "told" && text) messageTimer = setTimeout(() => showTicketMessage("told", ""), MESSAGE_MS);
  getElement("ticket-told").textContent = kind === "told" ? text : "";
  getElement("ticket-problem").textContent = kind === "problem" ? text : "";
}

/** Moves the focus to a ticket after an action has removed the button that had it. @param {string} key */
function focusTicket(key) {
  const { activeElement } = document;
  if (activeElement && activeElement !== document.body && activeElement.checkVisibility()) return;
  const card = findElements(getElement("tickets-view"), ".ticket").find((el) => el.dataset["ticket"] === key);
  focusFirstVisible(card && makeFocusable(card), getElement("tickets"));
}

/** Creates a button that gives an answer that a session offers. @param {string} option @param {string} key @param {TicketAction} action */
export function createOptionButton(option, key, action) {
  return createActionButton(createUserText("span", option), key, action, true);
}

/** The line of messages above the tickets. */
export function createMessageLine() {
  return createElement(
    "div.said",
    createElement("p", { id: "ticket-told", role: "status" }),
    createElement("p", { id: "ticket-problem", role: "alert" }),
  );
}

/**
 * Asks for what an action needs, and sends it. A refusal is shown in the dialog, which stays open with what was written.
 * @param {{
 *   key: string, name: "reject" | "answer" | "complete" | "cancel" | "update" | "remove",
 *   shown?: string, choices?: readonly string[], value?: string, hasText?: boolean, isRequired?: boolean, hasCheck?: boolean,
 *   toAction: (text: string, isChecked: boolean) => TicketAction,
 * }} options `shown`: text of the session that is answered, `choices`: answers of which several may be chosen
 */
export function openTicketDialog({
  key,
  name,
  shown,
  choices = [],
  value = "",
  hasText,
  isRequired,
  hasCheck,
  toAction,
}) {
  const dialog = createElement("dialog.ask", { "aria-labelledby": "ask-title" });
  const title = createElement("h3", { id: "ask-title" }, translateTicket(`ask.${name}`, { key }));
  const check = createElement("input", { type: "checkbox" });
  const { fields, isEmpty, join } = createChoices(choices);
  // A dialog would focus the text of the session before it, which can be scrolled with the keyboard.
  const props = { id: "ask-text", rows: fields ? 2 : 6, required: isRequired, maxlength: 20_000, autofocus: !fields };
  const field = createElement("textarea", props);
  field.value = value;
  const label = fields ? "ask.answer.own" : toLabelName(name);
  const problem = createElement("p.problem", { role: "alert" });
  const send = createElement("button.go.main", translateTicket(`ask.${name}.do`));
  const close = createElement("button.go", { onclick: () => dialog.close() }, translateTicket("ask.close"));
  const form = createElement(
    "form",
    title,
    hasText
      ? [
          fields && shownText(shown),
          fields,
          createElement("label", { for: "ask-text" }, translateTicket(label)),
          !fields && shownText(shown),
          field,
        ]
      : createElement("p", translateTicket(name === "remove" ? "ask.remove.text" : "ask.cancel.text")),
    hasCheck && createElement("label.check", check, " ", translateTicket("ask.remove.check")),
    problem,
    createElement("div.actions", send, close),
  );
  dialog.append(form);
  form.addEventListener("change", () => (field.required = Boolean(isRequired) && isEmpty()));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.getAttribute("aria-disabled") === "true") return;
    send.setAttribute("aria-disabled", "true");
    problem.textContent = "";
    const refusal = await sendAction(toAction(join(field.value.trim()), check.checked));
    send.setAttribute("aria-disabled", "false");
    if (refusal === undefined) dialog.close();
    else problem.textContent = refusal;
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    focusTicket(key);
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * The answers of which several may be chosen, as check boxes. `join` adds a text of one's own to those that are chosen.
 * @param {readonly string[]} choices
 */
function createChoices(choices) {
  const boxes = choices.map((_, i) => createElement("input", { type: "checkbox", autofocus: i === 0 }));
  const rows = choices.map((choice, i) => createElement("label.check", boxes[i], " ", createUserText("span", choice)));
  const listChosen = () => choices.filter((_, i) => boxes[i]?.checked);
  return {
    fields:
      choices.length > 0 &&
      createElement("fieldset", createElement("legend", translateTicket("ask.answer.choices")), ...rows),
    isEmpty: () => listChosen().length === 0,
    /** Joins as `shared/tickets/questions.ts` does. @param {string} text */
    join(text) {
      const quoted = listChosen().map((one) => (/, |"/.test(one) ? JSON.stringify(one) : one));
      return [...quoted, text].filter(Boolean).join(", ");
    },
  };
}

/** @param {string} name @returns {TicketTextName} */
function toLabelName(name) {
  return /** @type {TicketTextName} */ (`ask.${name}.label`);
}

/** @param {string} [text] */
function shownText(text) {
  return text ? createElement("div.text", { dir: "auto", tabindex: 0 }, text) : undefined;
}

/** Asks before a ticket is cancelled. @param {string} key */
export function askCancel(key) {
  openTicketDialog({
    key,
    name: "cancel",
    toAction: () => ({ key, path: getTicketPath("sessions", key, "cancel"), told: "told.cancel" }),
  });
}

/** @typedef {keyof typeof TICKET_TEXTS["en"]} TicketTextName */

/** @param {TicketTextName} name @param {TextValues} [values] */
export function translateTicket(name, values) {
  return fillText(TICKET_TEXTS[getLanguage()][name], values);
}

/** Finds the text with this name: a reason may have none. @param {string} name */
export function findTicketText(name) {
  return name in TICKET_TEXTS.en ? /** @type {TicketTextName} */ (name) : undefined;
}
