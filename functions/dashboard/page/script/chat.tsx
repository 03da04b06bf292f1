/** The chat: its messages, and the form that sends one. */

import { type ComponentChildren, render } from "preact";
import type { ChatMessageAnswer } from "../../chat-routes.ts";
import { fetchAnswer, getProblemCode, getProblemText, sendJson } from "./api.ts";
import { Button, Chip, drawPart, OutLink, Time, UserText } from "./elements.tsx";
import { findElement, findElements, focusFirstVisible, getElement, makeFocusable } from "./find-elements.ts";
import { formatTime, getLanguage, translate } from "./language.ts";
import { refreshPage, showTrouble } from "./updates.tsx";
import { getChatScroller, scrollToLatestMessage, showView } from "./views.ts";

type Entity = ChatMessageAnswer["entities"][number];

/** The message to which the next text replies, as in Telegram. */
let replyTo: ChatMessageAnswer | undefined;

/** The message that an entry of the activity leads to, which may be older than those that are loaded. */
let linkedId: string | undefined;

export async function loadChat(): Promise<void> {
  const { messages, write } = await fetchAnswer("/api/chat");
  getElement("say").hidden = !write;
  drawMessages([...messages, ...(await loadLinkedMessage(messages))]);
}

/** Loads the linked message unless it is among these. */
async function loadLinkedMessage(loaded: ChatMessageAnswer[]): Promise<ChatMessageAnswer[]> {
  if (linkedId === undefined || loaded.some(({ id }) => id === linkedId)) return [];
  return (await fetchAnswer("/api/chat", { message: linkedId })).messages;
}

function drawMessages(messages: ChatMessageAnswer[]): void {
  silenceHistory(getElement("messages"));
  const scroller = getChatScroller();
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const oldestFirst = messages.toSorted((a, b) => a.at - b.at);
  const list = oldestFirst.map((message) => <Message key={message.id} message={message} />);
  const root = drawPart("messages", list.length > 0 ? <ol>{list}</ol> : <p class="empty">{translate("empty.chat")}</p>);
  drawReply();
  if (isAtEnd && root.checkVisibility()) scrollToLatestMessage();
}

/**
 * Keeps screen readers silent while the history is drawn, at first and after a change of language. New messages are
 * announced.
 */
function silenceHistory(root: HTMLElement): void {
  if (root.dataset["lang"] === getLanguage()) return;
  root.dataset["lang"] = getLanguage();
  root.setAttribute("aria-live", "off");
  setTimeout(() => root.setAttribute("aria-live", "polite"), 1_000);
}

/** A message as Telegram shows it in the chat. */
function Message({ message }: { message: ChatMessageAnswer }) {
  const { id, chat, at, text, by, notices, editedAt, reply, entities = [], buttons = [] } = message;
  return (
    <li class={by ? "message mine" : "message"} data-key={id}>
      <div class="text" dir="auto">
        {renderEntities(text, entities)}
      </div>
      {buttons.map((row) => (
        <div key={row[0]?.data} class="row">
          {row.map((button) => (
            <Button key={button.data} text={button.text} onPress={() => pressButton(id, button.data)} />
          ))}
        </div>
      ))}
      <div class="meta">
        {by ? <UserText text={by} max={60} /> : <span>{translate("chat.of", { chat })}</span>}
        <Time at={at} />
        {notices > 1 && <span>{translate("chat.notices", { n: notices })}</span>}
        {editedAt !== undefined && <span>{translate("chat.edited", { at: formatTime(editedAt) })}</span>}
        {reply && <Button class="link reply" text={translate("chat.reply")} onPress={() => setReply(message)} />}
      </div>
    </li>
  );
}

/**
 * Renders Telegram's text entities: cuts the text where an entity begins or ends, and wraps each piece in the elements
 * of the entities that cover it. Text never becomes markup.
 */
function renderEntities(text: string, entities: Entity[]): ComponentChildren[] {
  const ends = entities.flatMap(({ offset, length }) => [offset, offset + length]);
  const borders = [...new Set([0, text.length, ...ends])]
    .filter((border) => border >= 0 && border <= text.length)
    .sort((a, b) => a - b);
  return borders.slice(1).map((end, i) => {
    const start = borders[i] ?? 0;
    const covering = entities.filter(({ offset, length }) => offset <= start && offset + length >= end);
    return covering.reduce<ComponentChildren>(wrapInEntity, text.slice(start, end));
  });
}

function wrapInEntity(inner: ComponentChildren, entity: Entity): ComponentChildren {
  if (entity.type === "bold") return <strong>{inner}</strong>;
  if (entity.type === "code") return <code>{inner}</code>;
  return entity.type === "text_link" ? <OutLink href={entity.url}>{inner}</OutLink> : inner;
}

async function pressButton(message: string, data: string): Promise<void> {
  try {
    await sendJson("/api/chat/press", { message, data, language: getLanguage() });
  } catch (thrown) {
    refreshPage();
    throw new Error(explainChatRefusal(thrown));
  }
  // The answer arrives a moment later; until then, the button is not pressed again.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
}

function showChatProblem(text: string): void {
  getElement("say-problem").textContent = text;
}

function explainChatRefusal(thrown: unknown): string {
  return getProblemCode(thrown) === "conflict" ? translate("chat.gone") : getProblemText(thrown);
}

function setReply(message?: ChatMessageAnswer): void {
  replyTo = message;
  drawReply();
  getElement("say-text").focus();
}

function drawReply(): void {
  const line = getElement("say-to");
  line.hidden = !replyTo;
  const text = translate("chat.replies", { text: replyTo?.text.split("\n", 1)[0]?.slice(0, 60).toWellFormed() });
  render(replyTo && <Chip text={text} title={translate("chat.reply.not")} onRemove={() => setReply()} />, line);
}

/** Shows a message in the chat, also one that is older than the loaded ones. */
export async function showMessage(id: string): Promise<void> {
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
  message.classList.remove("fresh");
  requestAnimationFrame(() => requestAnimationFrame(() => message.classList.add("fresh")));
}

/** Sends the text of the chat form to Groundcrew. The answer arrives as a chat message. */
async function sendText(event: Event): Promise<void> {
  event.preventDefault();
  const field = getElement<HTMLInputElement>("say-text");
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
