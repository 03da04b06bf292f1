import { createElement } from "./dom.js";
import { focusTicket, getTicketPath, sendAction } from "./ticket-actions.js";
import { createChoices } from "./ticket-choices.js";
import { translateTicket } from "./ticket-language.js";

/** @import { TicketAction } from "./ticket-actions.js" */
/** @import { TicketTextName } from "./ticket-language.js" */

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
  const dialog = createElement("dialog", { class: "ask", "aria-labelledby": "ask-title" });
  const title = createElement("h3", { id: "ask-title" }, translateTicket(`ask.${name}`, { key }));
  const check = createElement("input", { type: "checkbox" });
  const { fields, isEmpty, join } = createChoices(choices);
  // A dialog would focus the text of the session before it, which can be scrolled with the keyboard.
  const props = { id: "ask-text", rows: fields ? 2 : 6, required: isRequired, maxlength: 20_000, autofocus: !fields };
  const field = createElement("textarea", props);
  field.value = value;
  const label = fields ? "ask.answer.own" : toLabelName(name);
  const problem = createElement("p", { class: "problem", role: "alert" });
  const send = createElement("button", { class: "go main" }, translateTicket(`ask.${name}.do`));
  const close = createElement(
    "button",
    { type: "button", class: "go", onclick: () => dialog.close() },
    translateTicket("ask.close"),
  );
  const form = createElement(
    "form",
    {},
    title,
    hasText
      ? [
          fields && shownText(shown),
          fields,
          createElement("label", { for: "ask-text" }, translateTicket(label)),
          !fields && shownText(shown),
          field,
        ]
      : createElement("p", {}, translateTicket(name === "remove" ? "ask.remove.text" : "ask.cancel.text")),
    hasCheck && createElement("label", { class: "check" }, check, " ", translateTicket("ask.remove.check")),
    problem,
    createElement("div", { class: "actions" }, send, close),
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

/** @param {string} name @returns {TicketTextName} */
function toLabelName(name) {
  return /** @type {TicketTextName} */ (`ask.${name}.label`);
}

/** @param {string} [text] */
function shownText(text) {
  return text ? createElement("div", { class: "text", dir: "auto", tabindex: 0 }, text) : undefined;
}

/** Asks before a ticket is cancelled. @param {string} key */
export function askCancel(key) {
  openTicketDialog({
    key,
    name: "cancel",
    toAction: () => ({ key, path: getTicketPath("sessions", key, "cancel"), told: "told.cancel" }),
  });
}
