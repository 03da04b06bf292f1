import { fetchJson, getProblemCode, getProblemText, sendJson } from "./api.js";
import {
  createChip,
  createElement,
  findElement,
  findElements,
  focusFirstVisible,
  getElement,
  makeFocusable,
  updateList,
} from "./dom.js";
import { getLanguage, translate } from "./language.js";
import { drawMessage } from "./message.js";
import { refreshPage, showTrouble } from "./refresh.js";
import { getChatScroller, scrollToLatestMessage, showView } from "./views.js";

/** @import { ChatAnswer, ChatMessageAnswer } from "../../api-answers.ts" */

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

/** Loads the linked message unless it is among these. @param {ChatMessageAnswer[]} loaded */
async function loadLinkedMessage(loaded) {
  if (linkedId === undefined || loaded.some(({ id }) => id === linkedId)) return [];
  /** @type {ChatAnswer} */
  const { messages } = await fetchJson(`/api/chat?message=${encodeURIComponent(linkedId)}`);
  return messages;
}

/** @param {ChatMessageAnswer[]} messages */
function drawMessages(messages) {
  const root = getElement("messages");
  root.setAttribute("aria-busy", "false");
  silenceHistory(root);
  if (messages.length === 0) {
    root.replaceChildren(createElement("p", { class: "empty" }, translate("empty.chat")));
    return;
  }
  if (!root.querySelector("ol")) root.replaceChildren(createElement("ol", {}));
  const scroller = getChatScroller();
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const oldestFirst = messages.toSorted((a, b) => a.at - b.at);
  updateList(
    findElement(root, "ol"),
    oldestFirst,
    ({ id }) => id,
    (message) => drawMessage(message, { press: pressButton, reply: setReply }),
  );
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

/** @param {ChatMessageAnswer} [message] */
function setReply(message) {
  replyTo = message;
  drawReply();
  getElement("say-text").focus();
}

function drawReply() {
  getElement("say-to").hidden = !replyTo;
  updateList(
    getElement("say-to"),
    replyTo ? [replyTo] : [],
    ({ id }) => id,
    (message) => {
      const [line = ""] = message.text.split("\n", 1);
      const text = translate("chat.replies", { text: line.slice(0, 60).toWellFormed() });
      return createChip(text, translate("chat.reply.not"), () => setReply());
    },
  );
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

/** @param {HTMLElement} button @param {string} message @param {string} data */
async function pressButton(button, message, data) {
  // `aria-disabled` instead of `disabled`: a disabled button loses the focus.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  showChatProblem("");
  try {
    await sendJson("/api/chat/press", { message, data, language: getLanguage() });
  } catch (thrown) {
    showChatProblem(explainChatRefusal(thrown));
    refreshPage();
  }
  setTimeout(() => button.setAttribute("aria-disabled", "false"), 2_000);
}

/** @param {string} text */
function showChatProblem(text) {
  getElement("say-problem").textContent = text;
}

/** @param {unknown} thrown */
function explainChatRefusal(thrown) {
  return getProblemCode(thrown) === "conflict" ? translate("chat.gone") : getProblemText(thrown);
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

getElement("say").addEventListener("submit", sendText);
getElement("say").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && replyTo) setReply();
});
