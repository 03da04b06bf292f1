import { getProblemText, isSignInShown } from "./api.js";
import { createElement, findElement, focusFirstVisible, getElement } from "./dom.js";
import { translate } from "./language.js";

/** @import { PagePart } from "./page-types.ts" */

/** @type {PagePart[]} */
let parts = [];
let isRefreshing = false;
/** Ids of the parts to load again. @type {Set<string>} */
const wanted = new Set();

/** @param {PagePart[]} all */
export function setParts(all) {
  parts = all;
}

/** Loads all parts again. */
export function refreshPage() {
  return refreshParts(parts.filter(({ place }) => !place).map(({ id }) => id));
}

/** Loads these parts again. A call during a refresh makes it run once more afterwards. @param {string[]} ids */
export async function refreshParts(ids) {
  for (const id of ids) wanted.add(id);
  if (isRefreshing) return;
  isRefreshing = true;
  while (wanted.size > 0) {
    const due = parts.filter(({ id }) => wanted.has(id));
    wanted.clear();
    await Promise.all(due.map(refreshPart));
  }
  isRefreshing = false;
}

/** @param {PagePart} part */
async function refreshPart({ id, place = id, load }) {
  const trouble = findElement(getElement(place), ".trouble");
  try {
    await load();
    const hadFocus = trouble.contains(document.activeElement);
    trouble.replaceChildren();
    if (hadFocus) focusFirstVisible(getElement(place));
  } catch (thrown) {
    showTrouble(place, thrown);
  }
}

/** @param {string} id id of the part @param {unknown} thrown */
export function showTrouble(id, thrown) {
  if (isSignInShown() || !getElement("lost").hidden) return;
  const trouble = findElement(getElement(id), ".trouble");
  const text = translate("failed", { reason: getProblemText(thrown) });
  // An unchanged text is not drawn again, so that screen readers do not repeat it with each attempt.
  if (trouble.firstChild?.textContent === text) return;
  const retry = createElement("button", { type: "button", onclick: refreshPage }, translate("retry"));
  trouble.replaceChildren(createElement("p", {}, text), retry);
}
