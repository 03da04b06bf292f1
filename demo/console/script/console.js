import { fetchJson, getProblemText, sendJson } from "../../../functions/dashboard/page/script/api.js";
import { onBoard } from "../../../functions/dashboard/page/script/board.tsx";
import { createElement, findElements, getElement } from "../../../functions/dashboard/page/script/dom.js";
import { onLanguageChange, readPreference, savePreference } from "../../../functions/dashboard/page/script/language.js";
import { enableDragging } from "./console-drag.js";
import { createGroup, drawExplanations, WEBHOOK_FATES } from "./console-groups.js";
import { translate } from "./console-language.js";

/** @import { BoardAnswer } from "../../../functions/dashboard/answers.ts" */
/** @import { ConsoleState } from "../console-state.ts" */

/** Interval between two reads of the demo's state: 1.5 s, so that the counters follow the board. */
const STATE_INTERVAL_MS = 1_500;

/** @type {BoardAnswer | undefined} */
let board;
/** @type {ConsoleState | undefined} */
let state;

const root = getElement("console");
/** What the last action did, or why it was refused. */
const problem = createElement("p", { class: "told", role: "status" });
const tally = createElement("span", { class: "tally" });
const title = createElement("span", {});
const hint = createElement("span", { class: "hint" });
const wish = createElement("p", { class: "wish" });
const newTitle = createElement("input", { type: "text", maxlength: 255, required: true });
const projects = createElement("select", {});
const people = createElement("select", {});
/** Enabled once the projects are known, because each task belongs to one. */
const addButton = createElement("button", { type: "submit", disabled: true });
const movedTask = createElement("select", {});
const targetColumn = createElement("select", {});
const moveButton = createElement("button", { type: "submit" });
const fateLabel = createElement("label", {});
const fate = createElement("select", { onchange: chooseFate });
const stopTelegram = createOutageButton("telegram");
const stopPlane = createOutageButton("plane");
const killButton = createElement("button", { type: "button", class: "kill", onclick: () => runAction("kill") });
fate.id = "console-fate";
fateLabel.setAttribute("for", fate.id);
const addForm = createElement("form", { onsubmit: addTask }, newTitle, projects, people, addButton);
const ticketButton = createElement("button", { type: "button", onclick: () => runAction("ticket") });
const moveForm = createElement("form", { onsubmit: moveTask }, movedTask, targetColumn, moveButton);

/** The groups of the console, each with its controls and the control that its explanation describes. */
const groups = [
  createGroup("add", addButton, addForm),
  createGroup("ticket", ticketButton, ticketButton),
  createGroup("move", moveButton, moveForm),
  createGroup("fate", fate, fateLabel, fate),
  createGroup("stop_telegram", stopTelegram, stopTelegram),
  createGroup("stop_plane", stopPlane, stopPlane),
  createGroup("kill", killButton, killButton),
  createGroup("wish", wish, wish),
];

function chooseFate() {
  drawExplanations(groups, fate.value);
  runAction("fate", { fate: fate.value });
}

/** @param {"plane" | "telegram"} part */
function createOutageButton(part) {
  const stop = async () => {
    if (await runAction("outage", { part, seconds: 15 })) showProblem(translate(`${part}_stopped`));
  };
  return createElement("button", { type: "button", onclick: stop });
}

/** One line at the bottom, which opens a drawer and stays as the person left it. */
const drawer = createElement(
  "details",
  { open: readPreference("console") === "open" },
  createElement("summary", {}, title, hint, tally),
  createElement(
    "div",
    { class: "acts" },
    groups.map(({ element }) => element),
  ),
  problem,
);
drawer.addEventListener("toggle", () => savePreference("console", drawer.open ? "open" : "closed"));
root.append(drawer);

/** @param {string} text */
function showProblem(text) {
  problem.textContent = text;
}

/** Runs an action in the demo and returns whether it succeeded. @param {string} name @param {object} [input] */
async function runAction(name, input = {}) {
  try {
    await sendJson(`/demo/${name}`, input);
    showProblem("");
  } catch (thrown) {
    // The killed process cannot answer its own kill request.
    showProblem(name === "kill" ? translate("killed") : getProblemText(thrown));
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
  showProblem("");
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
  ticketButton.textContent = translate("ticket");
  moveButton.textContent = translate("go");
  fateLabel.textContent = translate("fate");
  stopTelegram.textContent = translate("stop_telegram");
  stopPlane.textContent = translate("stop_plane");
  killButton.textContent = translate("kill");
  updateOptions(
    fate,
    WEBHOOK_FATES.map((name) => [name, translate(name)]),
  );
  drawExplanations(groups, fate.value);
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
  addButton.disabled = false;
  updateOptions(people, [
    ["", `${translate("for")}: ${translate("nobody")}`],
    ...shown.people.map(({ id, name }) => /** @type {const} */ ([id, `${translate("for")}: ${name}`])),
  ]);
  if (document.activeElement !== fate && fate.value !== shown.fate) {
    fate.value = shown.fate;
    drawExplanations(groups, fate.value);
  }
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

/** Whether what the text reports has passed. @param {ConsoleState} shown @param {string | null} text */
function isOver({ outages }, text) {
  if (text === translate("killed")) return true;
  return /** @type {const} */ (["telegram", "plane"]).some(
    (part) => text === translate(`${part}_stopped`) && !outages.includes(part),
  );
}

async function refreshState() {
  try {
    state = await fetchJson("/demo/state");
    if (state && isOver(state, problem.textContent)) showProblem("");
    drawConsole();
  } catch {
    // The page itself reports a lost connection.
  }
}

enableDragging((item, column) => runAction("move", { item, column }));
onBoard((next) => {
  board = next;
  drawConsole();
});
onLanguageChange(translateConsole);
translateConsole();
refreshState();
setInterval(() => document.hidden || refreshState(), STATE_INTERVAL_MS);
