import { findElements, getElement } from "./dom.js";

/** On a narrow screen one part is shown at a time. @param {string} name */
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

/** The chat itself, or on a narrow screen the page. */
export function getChatScroller() {
  return isNarrow() ? getPageScroller() : getElement("messages");
}

function isNarrow() {
  return getElement("views").checkVisibility();
}

function getPageScroller() {
  return document.scrollingElement ?? document.documentElement;
}
