/** The chat: its messages, and the form that sends one. */

import { fetchJson, getProblemCode, getProblemText, sendJson } from "./api.js";
import {
  createButton,
  createElement,
  createExternalLink,
  createUserText,
  findElement,
  findElements,
  focusFirstVisible,
  getElement,
  getLoadedElement,
  makeFocusable,
  runOnce,
  showEmpty,
  updateChip,
  updateList,
} from "./dom.js";
import { formatTime, getLanguage, translate } from "./language.js";
import { refreshPage, showTrouble } from "./updates.js";
import { getChatScroller, scrollToLatestMessage, showView } from "./views.ts";

/** @import { ChatAnswer, ChatMessageAnswer } from "../../answers.ts" */

/** The message to which the next text replies, as in Telegram. @type {ChatMessageAnswer | undefined} */
let replyTo;

/** The message that an entry of the activity leads to, which may be older than those that are loaded. @type {string | undefined} */
let linkedId;

export async function loadChat() {
  /** @type {ChatAnswer} */
  const { messages, write } = await fetchJson("/api/chat");
  getElement("say").hidden = !write;
  drawMessages([...messages, ...(await loadLinkedMessage(messages))]);
}

/** @param {ChatMessageAnswer[]} messages */
function drawMessages(messages) {
  const root = getLoadedElement("messages");
  silenceHistory(root);
  if (messages.length === 0) return showEmpty(root, translate("empty.chat"));
  if (!root.querySelector("ol")) root.replaceChildren(createElement("ol"));
  const scroller = getChatScroller();
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const oldestFirst = messages.toSorted((a, b) => a.at - b.at);
  updateList(findElement(root, "ol"), oldestFirst, "id", drawMessage);
  drawReply();
  if (isAtEnd && root.checkVisibility()) scrollToLatestMessage();
}

/**
 * Keeps screen readers silent while the history is drawn, at first and after a change of language. New messages are
 * announced.
 * @param {HTMLElement} root
 */
function silenceHistory(root) {
  if (root.dataset["lang"] === getLanguage()) return;
  root.dataset["lang"] = getLanguage();
  root.setAttribute("aria-live", "off");
  setTimeout(() => root.setAttribute("aria-live", "polite"), 1_000);
}

/** Draws a message as Telegram shows it in the chat. @param {ChatMessageAnswer} message */
function drawMessage(message) {
  const { id, chat, at, text, by, notices, editedAt, reply, entities = [], buttons = [] } = message;
  const rows = buttons.map((row) =>
    createElement(
      "div.row",
      row.map((button) => {
        const el = createButton("go", button.text, () => runOnce(el, () => pressButton(id, button.data)));
        return el;
      }),
    ),
  );
  return createElement(
    "li",
    { class: by ? "message mine" : "message" },
    createElement("div.text", { dir: "auto" }, renderEntities(text, entities)),
    rows,
    createElement(
      "div.meta",
      by ? createUserText("span", by, 60) : createElement("span", translate("chat.of", { chat })),
      createElement("time", { datetime: new Date(at).toISOString() }, formatTime(at)),
      notices > 1 && createElement("span", translate("chat.notices", { n: notices })),
      editedAt !== undefined && createElement("span", translate("chat.edited", { at: formatTime(editedAt) })),
      reply && createButton("reply", translate("chat.reply"), () => setReply(message)),
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
  if (entity.type === "bold") return createElement("strong", inner);
  if (entity.type === "code") return createElement("code", inner);
  if (entity.type === "text_link") return createExternalLink(entity.url, {}, inner) ?? inner;
  return inner;
}

/** @param {string} message @param {string} data */
async function pressButton(message, data) {
  showChatProblem("");
  try {
    await sendJson("/api/chat/press", { message, data, language: getLanguage() });
  } catch (thrown) {
    showChatProblem(explainChatRefusal(thrown));
    refreshPage();
  }
  // The answer arrives a moment later; until then, the button is not pressed again.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
}

/** @param {string} text */
function showChatProblem(text) {
  getElement("say-problem").textContent = text;
}

/** @param {unknown} thrown */
function explainChatRefusal(thrown) {
  return getProblemCode(thrown) === "conflict" ? translate("chat.gone") : getProblemText(thrown);
}

/** @param {ChatMessageAnswer} [message] */
function setReply(message) {
  replyTo = message;
  drawReply();
  getElement("say-text").focus();
}

function drawReply() {
  getElement("say-to").hidden = !replyTo;
  updateChip(getElement("say-to"), replyTo, describeReply, translate("chat.reply.not"), () => setReply());
}

/** @param {ChatMessageAnswer} message */
function describeReply({ text }) {
  const [line = ""] = text.split("\n", 1);
  return translate("chat.replies", { text: line.slice(0, 60).toWellFormed() });
}

/** Loads the linked message unless it is among these. @param {ChatMessageAnswer[]} loaded */
async function loadLinkedMessage(loaded) {
  if (linkedId === undefined || loaded.some(({ id }) => id === linkedId)) return [];
  /** @type {ChatAnswer} */
  const { messages } = await fetchJson(`/api/chat?message=${encodeURIComponent(linkedId)}`);
  return messages;
}

/** Shows a message in the chat, also one that is older than the loaded ones. @param {string} id */
export async function showMessage(id) {
  showView("chat");
  linkedId = id;
  try {
    await loadChat();
  } catch (thrown) {
    showTrouble("chat", thrown);
  }
  const message = findElements(document, ".message").find((el) => el.dataset["key"] === id);
  if (!message) {
    findElement(getElement("chat"), ".trouble").textContent = translate("chat.linked.gone");
    return focusFirstVisible(getElement("chat"));
  }
  focusFirstVisible(makeFocusable(message));
  message.scrollIntoView({ block: "nearest" });
  message.classList.remove("found");
  requestAnimationFrame(() => requestAnimationFrame(() => message.classList.add("found")));
}

/** Sends the text of the chat form to Groundcrew. The answer arrives as a chat message. @param {Event} event */
async function sendText(event) {
  event.preventDefault();
  const field = getElement("say-text");
  const text = field.value.trim();
  if (!text) return;
  const button = findElement(getElement("say"), ":scope > button");
  button.toggleAttribute("disabled", true);
  showChatProblem("");
  try {
    await sendJson("/api/chat", { text, message: replyTo?.id, language: getLanguage() });
    field.value = "";
    setReply();
    scrollToLatestMessage();
  } catch (thrown) {
    showChatProblem(explainChatRefusal(thrown));
  }
  button.toggleAttribute("disabled", false);
  field.focus();
}

getElement("say").addEventListener("submit", sendText);

getElement("say").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && replyTo) setReply();
});
