import { createElement, createExternalLink, createUserText } from "./dom.js";
import { formatTime, translate } from "./language.js";

/** @import { ChatMessageAnswer } from "../../api-answers.ts" */

/**
 * Draws a message as Telegram shows it in the chat.
 * @param {ChatMessageAnswer} message
 * @param {{
 *   press: (button: HTMLElement, message: string, data: string) => void,
 *   reply: (message: ChatMessageAnswer) => void,
 * }} actions
 */
export function drawMessage(message, { press, reply }) {
  const { id, text, by, entities = [], buttons = [] } = message;
  const rows = buttons.map((row) => {
    const rowButtons = row.map((button) => {
      const el = createElement("button", { type: "button", class: "go" }, button.text);
      el.addEventListener("click", () => press(el, id, button.data));
      return el;
    });
    return createElement("div", { class: "row" }, rowButtons);
  });
  return createElement(
    "li",
    { class: by ? "message mine" : "message" },
    createElement("div", { class: "text", dir: "auto" }, renderEntities(text, entities)),
    rows,
    createElement(
      "div",
      { class: "meta" },
      by ? createUserText("span", by, 60) : createElement("span", {}, translate("chat.of", { chat: message.chat })),
      createElement("time", { datetime: new Date(message.at).toISOString() }, formatTime(message.at)),
      message.notices > 1 && createElement("span", {}, translate("chat.notices", { n: message.notices })),
      message.editedAt !== undefined &&
        createElement("span", {}, translate("chat.edited", { at: formatTime(message.editedAt) })),
      message.reply &&
        createElement(
          "button",
          { type: "button", class: "reply", onclick: () => reply(message) },
          translate("chat.reply"),
        ),
    ),
  );
}

/**
 * Renders Telegram's text entities: cuts the text where an entity begins or ends, and wraps each piece in the elements
 * of the entities that cover it. Text never becomes markup.
 * @param {string} text @param {ChatMessageAnswer["entities"]} entities
 */
function renderEntities(text, entities) {
  const ends = entities.flatMap(({ offset, length }) => [offset, offset + length]);
  const borders = [...new Set([0, text.length, ...ends])]
    .filter((border) => border >= 0 && border <= text.length)
    .sort((a, b) => a - b);
  let start = 0;
  return borders.slice(1).map((end) => {
    const covering = entities.filter(({ offset, length }) => offset <= start && offset + length >= end);
    /** @type {Node} */
    const piece = document.createTextNode(text.slice(start, end));
    start = end;
    return covering.reduce(wrapInEntity, piece);
  });
}

/** @param {Node} inner @param {ChatMessageAnswer["entities"][number]} entity */
function wrapInEntity(inner, entity) {
  if (entity.type === "bold") return createElement("strong", {}, inner);
  if (entity.type === "code") return createElement("code", {}, inner);
  if (entity.type === "text_link") return createExternalLink(entity.url, {}, inner) ?? inner;
  return inner;
}
