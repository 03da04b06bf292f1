import { getLanguage } from "./language.js";

/** @import { ElementChild, ElementOf, ElementProps } from "./page-types.ts" */

/**
 * Creates an element from its tag and classes, such as `span.key`. Objects among the content are properties; those that
 * begin with "on" are event listeners. Text never becomes markup, and a button sends its form only when it says so.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag | `${Tag}.${string}`} selector @param {(ElementProps | ElementChild)[]} content
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function createElement(selector, ...content) {
  const [tag, ...classes] = selector.split(".");
  const el = document.createElement(/** @type {Tag} */ (tag));
  el.classList.add(...classes);
  if (el instanceof HTMLButtonElement) el.type = "button";
  for (const part of content.flat()) {
    if (part instanceof Node || typeof part === "string") el.append(part);
    else if (part) setProperties(el, part);
  }
  return el;
}

/** @param {HTMLElement} el @param {ElementProps} props */
function setProperties(el, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Returns an element of the page's HTML by its id.
 * @template {string} Id @param {Id} id
 */
export function getElement(id) {
  return /** @type {ElementOf<Id>} */ (/** @type {unknown} */ (document.getElementById(id)));
}

/**
 * Returns the first matching element, which must exist.
 * @param {ParentNode} root @param {string} selector
 */
export function findElement(root, selector) {
  return /** @type {HTMLElement} */ (root.querySelector(selector));
}

/** @param {ParentNode} root @param {string} selector @returns {HTMLElement[]} */
export function findElements(root, selector) {
  return [...root.querySelectorAll(selector)].filter((el) => el instanceof HTMLElement);
}

/**
 * Finds the nearest matching element among the event's target and its ancestors.
 * @param {{ target: EventTarget | null }} event @param {string} selector
 */
export function findTarget(event, selector) {
  const el = event.target instanceof Element ? event.target.closest(selector) : undefined;
  return el instanceof HTMLElement ? el : undefined;
}

/**
 * Creates a button with these classes. `subject`: what it is about, which screen readers hear after its text.
 * @param {string} classes @param {ElementChild} text @param {() => void} onclick
 */
export function createButton(classes, text, onclick, subject = "") {
  return createElement("button", { class: classes, onclick }, text, subject && createElement("span.sr", ` ${subject}`));
}

/** Returns the element of a part of the page that has what it shows. @param {string} id */
export function getLoadedElement(id) {
  const el = getElement(id);
  el.setAttribute("aria-busy", "false");
  return el;
}

/**
 * Focuses the first visible element of the list, because hidden elements cannot have the focus.
 * @param {(HTMLElement | null | undefined)[]} elements
 */
export function focusFirstVisible(...elements) {
  elements.find((el) => el?.checkVisibility())?.focus({ preventScroll: true });
}

/** Makes an element focusable by script, but not with Tab. @param {HTMLElement} el */
export function makeFocusable(el) {
  el.tabIndex = -1;
  return el;
}

/** The language and data each element was drawn from. @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/**
 * Updates a list: draws new and changed rows, reorders the others, and keeps the focus.
 * @template Row
 * @param {HTMLElement} parent @param {readonly Row[]} rows
 * @param {keyof Row | ((row: Row) => string)} key what tells a row from the others: the name of a property, or a function
 * @param {(row: Row) => HTMLElement} draw
 */
export function updateList(parent, rows, key, draw) {
  const getKey = typeof key === "function" ? key : (/** @type {Row} */ row) => String(row[key]);
  const old = new Map(findElements(parent, ":scope > *").map((el) => [el.dataset["key"], el]));
  const wasDrawn = parent.dataset["drawn"] === "yes";
  parent.dataset["drawn"] = "yes";
  const focused = document.activeElement;
  rows.forEach((row, i) => {
    const id = getKey(row);
    const source = getLanguage() + JSON.stringify(row);
    let el = old.get(id);
    old.delete(id);
    if (!el || sources.get(el) !== source) {
      const fresh = draw(row);
      fresh.dataset["key"] = id;
      sources.set(fresh, source);
      if (wasDrawn) fresh.classList.add("fresh");
      if (el) replaceElement(el, fresh, focused);
      el = fresh;
    }
    if (parent.children[i] !== el) parent.insertBefore(el, parent.children[i] ?? null);
  });
  for (const el of old.values()) el.remove();
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused))
    focused.focus({ preventScroll: true });
}

/**
 * Replaces an element. Focus on a link, button or summary in it moves to the same one in the new element.
 * @param {HTMLElement} old @param {HTMLElement} fresh @param {Element | null} focused
 */
function replaceElement(old, fresh, focused) {
  const hadFocus = old.contains(focused);
  const focusedAt = [...old.querySelectorAll("a,button,summary")].indexOf(/** @type {Element} */ (focused));
  old.replaceWith(fresh);
  if (hadFocus)
    focusFirstVisible(findElements(fresh, "a,button,summary")[Math.max(focusedAt, 0)], makeFocusable(fresh));
}
