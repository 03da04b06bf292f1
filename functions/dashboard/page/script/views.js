/** What the page shows: the view, its form, the project and the chosen task. */

import { findElements, getElement } from "./dom.js";
import { readPreference, savePreference } from "./language.js";

/** @import { ChosenTask } from "./page-types.ts" */

/** The width up to which the page shows one part at a time, as in the style sheets. */
const narrowScreen = matchMedia("(max-width: 640px)");

/** The parts that a wide screen shows together with the board. */
const BESIDE_BOARD = ["why", "chat"];

/** @type {(() => void)[]} */
const viewListeners = [];

let project = readPreference("project") ?? "";

/** @type {ChosenTask | undefined} */
let chosenTask;

/** @param {() => void} listener called after another view was chosen, or the screen became narrow or wide */
export function onViewChange(listener) {
  viewListeners.push(listener);
}

/** The name of the shown view. */
export function getView() {
  return document.body.dataset["view"];
}

/** Shows a view. A narrow screen shows one part of the page at a time. @param {string} name */
export function showView(name) {
  const view = !isNarrow() && BESIDE_BOARD.includes(name) ? "board" : name;
  const hasChanged = view !== getView();
  document.body.dataset["view"] = view;
  for (const button of findElements(getElement("views"), "button"))
    button.setAttribute("aria-current", String(button.dataset["view"] === view));
  if (isNarrow()) {
    if (view === "chat") scrollToLatestMessage();
    else getPageScroller().scrollTop = 0;
  }
  if (hasChanged) notifyListeners();
}

function getPageScroller() {
  return document.scrollingElement ?? document.documentElement;
}

function notifyListeners() {
  for (const listener of viewListeners) listener();
}

export function scrollToLatestMessage() {
  const scroller = getChatScroller();
  scroller.scrollTop = scroller.scrollHeight;
}

/** The element that scrolls the messages: the chat, or the page on a narrow screen. */
export function getChatScroller() {
  return isNarrow() ? getPageScroller() : getElement("messages");
}

export function isNarrow() {
  return narrowScreen.matches;
}

/** Identifier of the shown project; empty for all projects. */
export function getProject() {
  return project;
}

/** @param {string} identifier */
export function setProject(identifier) {
  project = identifier;
  savePreference("project", project);
}

/** The task to which the decision log is limited; undefined for all tasks. */
export function getChosenTask() {
  return chosenTask;
}

/** Chooses a task, or all tasks. Choosing the same task again chooses all. @param {ChosenTask} [task] */
export function chooseTask(task) {
  const previous = chosenTask;
  chosenTask = task && task.id !== previous?.id ? task : undefined;
  reportChoice(previous);
}

/** @type {(previous: ChosenTask | undefined) => void} */
let reportChoice = () => {};

/** @param {(previous: ChosenTask | undefined) => void} show called after each choice */
export function onTaskChoice(show) {
  reportChoice = show;
}

/** Shows the views as pictures or as tables. @param {string | undefined} form */
function showAs(form) {
  const shown = form === "table" ? "table" : "picture";
  document.body.dataset["show"] = shown;
  for (const button of findElements(document, ".switch button"))
    button.setAttribute("aria-pressed", String(button.dataset["show"] === shown));
}

for (const button of findElements(document, ".switch button"))
  button.addEventListener("click", () => {
    showAs(button.dataset["show"]);
    savePreference("show", button.dataset["show"] ?? "");
  });

showAs(readPreference("show"));

narrowScreen.addEventListener("change", () => {
  showView(getView() ?? "board");
  notifyListeners();
});
