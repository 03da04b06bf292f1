/** What people do with a ticket: requests with their outcome, buttons, and dialogs that ask for a text or a choice. */

import { getProblemCode, getProblemText, sendJson } from "./api.js";
import {
  createButton,
  createElement,
  createUserText,
  findElements,
  focusFirstVisible,
  getElement,
  makeFocusable,
  runOnce,
} from "./dom.js";
import { fillText, getLanguage } from "./language.js";
import { TICKET_TEXTS } from "./ticket-texts.ts";

/** @import { ElementChild, TextValues } from "./page-types.ts" */

/** @typedef {keyof typeof TICKET_TEXTS["en"]} TicketTextName */

/** @typedef {"answer" | "approve" | "cancel" | "complete" | "extend" | "reject" | "remove" | "revoke" | "update"} ActionName */

/**
 * What a person does with a ticket. Once the tickets are loaded again, `onDone` shows what the action has begun, and
 * `explain` may replace the reason of a refusal.
 * @typedef {{
 *   name: ActionName, key: string, body?: object, onDone?: () => void,
 *   explain?: (thrown: unknown) => string | undefined,
 * }} TicketAction
 */

/** The routes of actions; those of sessions are named as the action is. @type {Partial<Record<ActionName, string>>} */
const ROUTES = { approve: "approve", reject: "reject", update: "update-plane" };

/**
 * What a dialog asks for: a text or a confirmation, by the names that the request has for it.
 * @type {Record<DialogName, { text?: string, isRequired?: boolean, check?: string }>}
 */
const DIALOGS = {
  answer: { text: "answer", isRequired: true },
  cancel: {},
  complete: { text: "summary", isRequired: true },
  reject: { text: "reason" },
  remove: { check: "force" },
  update: { text: "summary", isRequired: true },
};

/** @typedef {Exclude<ActionName, "approve" | "extend" | "revoke">} DialogName */

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

/**
 * Creates a button that runs an action at once, or that opens something. Screen readers hear the ticket's key with it.
 * @param {ElementChild} text @param {string} key @param {TicketAction | (() => void)} action
 */
export function createActionButton(text, key, action, isMain = false) {
  const run = () => (typeof action === "function" ? action() : runOnce(button, () => runAction(action)));
  const button = createButton(isMain ? "go main" : "go", text, run, key);
  return button;
}

/** @param {TicketTextName} text @param {string} key @param {TicketAction | (() => void)} action */
export function createTicketButton(text, key, action, isMain = false) {
  return createActionButton(translateTicket(text), key, action, isMain);
}

/** Sends an action, shows its result, and keeps the focus at the ticket. @param {TicketAction} action */
async function runAction(action) {
  const refusal = await sendAction(action);
  if (refusal === undefined) action.onDone?.();
  else showTicketMessage("problem", refusal);
  focusTicket(action.key);
}

/** Sends an action and loads the tickets again; returns why it was refused. @param {TicketAction} action */
async function sendAction({ name, key, body = {}, explain }) {
  showTicketMessage("told", "");
  const id = encodeURIComponent(key);
  const ticketPath = ROUTES[name] ? `/api/${ROUTES[name]}/${id}` : `/api/sessions/${id}/${name}`;
  const path = name === "revoke" ? "/api/permission-rules/remove" : ticketPath;
  try {
    /** @type {{ status?: string, problem?: string, waits_for?: string }} */
    const { status, problem = "", waits_for } = await sendJson(path, body);
    await reloadTickets();
    // An update that was begun may have failed in Plane.
    if (name === "update" && status !== "updated") return translateTicket("problem.update", { key, reason: problem });
    showTicketMessage("told", translateTicket(waits_for === "tests" ? "told.tests" : `told.${name}`, { key }));
    return undefined;
  } catch (thrown) {
    await reloadTickets();
    // Why a ticket cannot be completed is said by the server; other conflicts show in what was loaded again.
    const isConflict = name !== "complete" && getProblemCode(thrown) === "conflict";
    return explain?.(thrown) ?? (isConflict ? translateTicket("problem.conflict", { key }) : getProblemText(thrown));
  }
}

/**
 * Shows one message: what was done, for a while, or why not, until the next action.
 * @param {"told" | "problem"} kind @param {string} text
 */
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
 * @param {DialogName} name @param {string} key
 * @param {{ shown?: string, choices?: readonly string[], descriptions?: readonly string[], value?: string, body?: object }} options
 * `shown`: text of the session that is answered, `choices`: answers of which several may be chosen, with what they mean,
 * `value`: the text to begin with
 */
export function openTicketDialog(name, key, { shown, choices = [], descriptions = [], value = "", body } = {}) {
  const { text, isRequired = false, check } = DIALOGS[name];
  const { fields, isEmpty, join } = createChoices(choices, descriptions);
  // A dialog would focus the text of the session before it, which can be scrolled with the keyboard.
  const props = { id: "ask-text", rows: fields ? 2 : 6, required: isRequired, maxlength: 20_000, autofocus: !fields };
  const field = createElement("textarea", props);
  field.value = value;
  const box = createElement("input", { type: "checkbox" });
  const problem = createElement("p.problem", { role: "alert" });
  const send = createElement("button.go.main", { type: "submit" }, translateTicket(`ask.${name}.do`));
  const close = createButton("go", translateTicket("ask.close"), () => dialog.close());
  const textToAnswer = shown && createElement("div.text", { dir: "auto", tabindex: 0 }, shown);
  const labelName = fields ? "ask.answer.own" : /** @type {TicketTextName} */ (`ask.${name}.label`);
  const label = () => createElement("label", { for: "ask-text" }, translateTicket(labelName));
  const form = createElement(
    "form",
    createElement("h3", { id: "ask-title" }, translateTicket(`ask.${name}`, { key })),
    text
      ? [fields && textToAnswer, fields, label(), !fields && textToAnswer, field]
      : createElement("p", translateTicket(name === "remove" ? "ask.remove.text" : "ask.cancel.text")),
    check && createElement("label.check", box, " ", translateTicket("ask.remove.check")),
    problem,
    createElement("div.actions", send, close),
  );
  const dialog = createElement("dialog.ask", { "aria-labelledby": "ask-title" }, form);
  form.addEventListener("change", () => (field.required = isRequired && isEmpty()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    runOnce(send, async () => {
      problem.textContent = "";
      const written = text && { [text]: join(field.value.trim()) };
      const checked = check && { [check]: box.checked };
      const refusal = await sendAction({ name, key, body: { ...body, ...written, ...checked } });
      if (refusal === undefined) dialog.close();
      else problem.textContent = refusal;
    });
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
 * @param {readonly string[]} choices @param {readonly string[]} descriptions
 */
function createChoices(choices, descriptions) {
  const boxes = choices.map((_, i) => createElement("input", { type: "checkbox", autofocus: i === 0 }));
  const describe = (/** @type {number} */ i) => [choices[i], descriptions[i]].filter(Boolean).join(" – ");
  const rows = choices.map((_, i) => createElement("label.check", boxes[i], " ", createUserText("span", describe(i))));
  const legend = createElement("legend", translateTicket("ask.answer.choices"));
  const listChosen = () => choices.filter((_, i) => boxes[i]?.checked);
  return {
    fields: choices.length > 0 && createElement("fieldset", legend, rows),
    isEmpty: () => listChosen().length === 0,
    /** Joins as `shared/tickets/questions.ts` does. @param {string} text */
    join(text) {
      const quoted = listChosen().map((one) => (/, |"/.test(one) ? JSON.stringify(one) : one));
      return [...quoted, text].filter(Boolean).join(", ");
    },
  };
}

/** @param {TicketTextName} name @param {TextValues} [values] */
export function translateTicket(name, values) {
  return fillText(TICKET_TEXTS[getLanguage()][name], values);
}

/** Finds the text with this name: a reason may have none. @param {string} name */
export function findTicketText(name) {
  return name in TICKET_TEXTS.en ? translateTicket(/** @type {TicketTextName} */ (name)) : undefined;
}
