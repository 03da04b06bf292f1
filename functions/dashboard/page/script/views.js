import { findElements, getElement } from "./dom.js";

/** Shows a part of the page. A narrow screen shows one part at a time. @param {string} name */
export function showView(name) {
  document.body.dataset["view"] = name;
  for (const button of findElements(getElement("views"), "button"))
    button.setAttribute("aria-current", String(button.dataset["view"] === name));
  if (!isNarrow()) return;
  if (name === "chat") scrollToLatestMessage();
  else getPageScroller().scrollTop = 0;
}

export function scrollToLatestMessage() {
  const scroller = getChatScroller();
  scroller.scrollTop = scroller.scrollHeight;
}

/** The element that scrolls the messages: the chat, or the page on a narrow screen. */
export function getChatScroller() {
  return isNarrow() ? getPageScroller() : getElement("messages");
}

function isNarrow() {
  return getElement("views").checkVisibility();
}

function getPageScroller() {
  return document.scrollingElement ?? document.documentElement;
}
