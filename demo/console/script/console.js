import { fetchJson, getProblemText, sendJson } from "../../../functions/dashboard/page/script/api.js";
import { onBoard } from "../../../functions/dashboard/page/script/board.js";
import { createElement, findElements, findTarget, getElement } from "../../../functions/dashboard/page/script/dom.js";
import { fillText, getLanguage, onLanguageChange } from "../../../functions/dashboard/page/script/language.js";
import { TEXTS } from "./console-texts.js";

/** @import { BoardAnswer } from "../../../functions/dashboard/api-answers.ts" */
/** @import { TextValues } from "../../../functions/dashboard/page/script/page-types.ts" */
/** @import { ConsoleState } from "../console-state.ts" */

/** Interval between two reads of the demo's state: 1.5 s, so that the counters follow the board. */
const STATE_INTERVAL_MS = 1_500;
/** Media type of a dragged card's data. */
const DRAG_TYPE = "text/x-groundcrew";
const WEBHOOK_FATES = /** @type {const} */ (["arrive", "drop", "double", "delay"]);

/** @type {BoardAnswer | undefined} */
let board;
/** @type {ConsoleState | undefined} */
let state;

/** @param {keyof typeof TEXTS["en"]} name @param {TextValues} [values] */
function translate(name, values) {
  return fillText(TEXTS[getLanguage()][name], values);
}

const root = getElement("console");
const problem = createElement("span", { class: "bad", role: "status" });
const tally = createElement("span", { class: "tally" });
const title = createElement("span", {});
const hint = createElement("span", { class: "hint" });
const wish = createElement("p", { class: "hint" });
const newTitle = createElement("input", { type: "text", maxlength: 255, required: true });
const projects = createElement("select", {});
const people = createElement("select", {});
const addButton = createElement("button", {});
const movedTask = createElement("select", {});
const targetColumn = createElement("select", {});
const moveButton = createElement("button", {});
const fateLabel = createElement("span", {});
const fate = createElement("select", { onchange: chooseFate });
const stopTelegram = createOutageButton("telegram");
const stopPlane = createOutageButton("plane");
const killButton = createElement("button", { type: "button", class: "kill", onclick: () => runAction("kill") });

function chooseFate() {
  runAction("fate", { fate: fate.value });
}

/** @param {"plane" | "telegram"} part */
function createOutageButton(part) {
  return createElement("button", { type: "button", onclick: () => runAction("outage", { part, seconds: 15 }) });
}

root.append(
  createElement(
    "details",
    { open: innerWidth > 640 },
    createElement("summary", {}, title, hint, tally),
    createElement(
      "div",
      { class: "acts" },
      createElement("form", { onsubmit: addTask }, newTitle, projects, people, addButton),
      createElement("form", { onsubmit: moveTask }, movedTask, targetColumn, moveButton),
      createElement("label", {}, fateLabel, " ", fate),
      createElement("span", { class: "line" }, stopTelegram, stopPlane, killButton),
      problem,
    ),
    wish,
  ),
);

/** Runs an action in the demo and returns whether it succeeded. @param {string} name @param {object} [input] */
async function runAction(name, input = {}) {
  try {
    await sendJson(`/demo/${name}`, input);
    problem.textContent = "";
  } catch (thrown) {
    // The killed process cannot answer its own kill request.
    problem.textContent = name === "kill" ? translate("killed") : getProblemText(thrown);
  }
  refreshState();
  return problem.textContent === "";
}

/** @param {Event} event */
async function addTask(event) {
  event.preventDefault();
  const text = newTitle.value.trim();
  if (!text) return;
  const isAdded = await runAction("add", { title: text, project: projects.value, assignee: people.value });
  if (isAdded) newTitle.value = "";
}

/** @param {Event} event */
function moveTask(event) {
  event.preventDefault();
  if (movedTask.value) runAction("move", { item: movedTask.value, column: targetColumn.value });
}

/**
 * Replaces the options of a select element and keeps its choice.
 * @param {HTMLSelectElement} select @param {(readonly [value: string, text: string])[]} options
 */
function updateOptions(select, options) {
  const before = select.value;
  const source = JSON.stringify(options);
  if (select.dataset["drawn"] === source) return;
  select.dataset["drawn"] = source;
  select.replaceChildren(...options.map(([value, text]) => createElement("option", { value }, text.slice(0, 50))));
  if (options.some(([value]) => value === before)) select.value = before;
}

function translateConsole() {
  title.textContent = translate("title");
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", translate("title"));
  hint.textContent = translate("hint");
  wish.textContent = translate("wish");
  newTitle.placeholder = translate("task");
  newTitle.setAttribute("aria-label", translate("task"));
  projects.setAttribute("aria-label", translate("project"));
  people.setAttribute("aria-label", translate("for"));
  movedTask.setAttribute("aria-label", translate("move"));
  targetColumn.setAttribute("aria-label", translate("to"));
  addButton.textContent = translate("add");
  moveButton.textContent = translate("go");
  moveButton.title = translate("drag");
  fateLabel.textContent = translate("fate");
  stopTelegram.textContent = translate("stop_telegram");
  stopPlane.textContent = translate("stop_plane");
  killButton.textContent = translate("kill");
  updateOptions(
    fate,
    WEBHOOK_FATES.map((name) => [name, translate(name)]),
  );
  drawConsole();
}

function drawConsole() {
  if (board) drawTaskOptions(board);
  if (state) drawState(state);
}

/** @param {BoardAnswer} shown */
function drawTaskOptions({ columns }) {
  updateOptions(
    movedTask,
    columns.flatMap(({ cards }) =>
      cards.map(({ id, key, title: name }) => /** @type {const} */ ([id, `${key} ${name}`])),
    ),
  );
  updateOptions(
    targetColumn,
    columns.map(({ name }) => [name, document.querySelector(`#column-${name} span`)?.textContent ?? name]),
  );
  for (const card of findElements(document, ".card")) card.draggable = true;
}

/** @param {ConsoleState} shown */
function drawState(shown) {
  updateOptions(
    projects,
    shown.projects.map(({ identifier, name }) => [identifier, name]),
  );
  updateOptions(people, [
    ["", `${translate("for")}: ${translate("nobody")}`],
    ...shown.people.map(({ id, name }) => /** @type {const} */ ([id, `${translate("for")}: ${name}`])),
  ]);
  if (document.activeElement !== fate) fate.value = shown.fate;
  // `aria-disabled` instead of `disabled`: a disabled button loses the focus.
  stopTelegram.setAttribute("aria-disabled", String(shown.outages.includes("telegram")));
  stopPlane.setAttribute("aria-disabled", String(shown.outages.includes("plane")));
  drawTally(shown);
}

/** @param {ConsoleState} shown */
function drawTally({ restarts, tally: { completed, told, missing, doubled, marked } }) {
  const isClean = missing.length + doubled.length === 0;
  tally.replaceChildren(
    translate("tally", { completed, told }),
    " · ",
    isClean ? createElement("b", { class: "good" }, translate("none")) : "",
    missing.length > 0 ? translate("missing", { keys: listFirst(missing) }) : "",
    doubled.length > 0
      ? createElement("b", { class: "bad" }, ` ${translate("doubled", { keys: listFirst(doubled) })}`)
      : "",
    marked > 0 ? ` · ${translate("marked", { n: marked })}` : "",
    restarts > 0 ? ` · ${translate("restarts", { n: restarts })}` : "",
  );
}

/** @param {string[]} keys */
function listFirst(keys) {
  return keys.slice(0, 5).join(", ") + (keys.length > 5 ? " …" : "");
}

async function refreshState() {
  try {
    state = await fetchJson("/demo/state");
    if (problem.textContent === translate("killed")) problem.textContent = "";
    drawConsole();
  } catch {
    // The page itself reports a lost connection.
  }
}

/** @param {HTMLElement} [column] */
function markDropTarget(column) {
  for (const marked of findElements(document, ".column.over")) if (marked !== column) marked.classList.remove("over");
  column?.classList.add("over");
}

const columns = getElement("columns");
columns.addEventListener("dragstart", (event) => {
  const id = findTarget(event, ".card")?.dataset["key"];
  if (id) event.dataTransfer?.setData(DRAG_TYPE, id);
});
columns.addEventListener("dragover", (event) => {
  const column = findTarget(event, ".column");
  markDropTarget(column);
  if (column) event.preventDefault();
});
columns.addEventListener("dragend", () => markDropTarget());
columns.addEventListener("dragleave", () => markDropTarget());
columns.addEventListener("drop", (event) => {
  const column = findTarget(event, ".column");
  const item = event.dataTransfer?.getData(DRAG_TYPE);
  markDropTarget();
  if (!column || !item) return;
  event.preventDefault();
  runAction("move", { item, column: column.dataset["column"] });
});

onBoard((next) => {
  board = next;
  drawConsole();
});
onLanguageChange(translateConsole);
translateConsole();
refreshState();
setInterval(() => document.hidden || refreshState(), STATE_INTERVAL_MS);
