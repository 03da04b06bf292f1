import { CONSOLE_TEXTS } from "./texts.ts";

/** The console's script: what the person at the page may do to the demo's world. */
export const CONSOLE_SCRIPT = `const TEXTS = ${JSON.stringify(CONSOLE_TEXTS)};
${String.raw`
import { ask, at, h, language, onBoard } from "/assets/page.js";

const root = at("console");
let board;
let state;
const t = (name, values) => TEXTS[language()][name].replace(/\{(\w+)\}/g, (all, key) => String(values?.[key] ?? all));

async function act(name, input) {
  try {
    await ask("/demo/" + name, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(input ?? {}) });
    problem.textContent = "";
  } catch (thrown) {
    // Whoever kills does not wait for an answer.
    problem.textContent = name === "kill" ? t("killed") : thrown.message;
  }
  look();
  return problem.textContent === "";
}

const option = (value, text) => h("option", { value }, text.slice(0, 50));
const problem = h("span", { class: "bad", role: "status" });
const tally = h("span", { class: "tally" });
const title = h("span", {});
const hint = h("span", { class: "hint" });
const name = h("input", { type: "text", maxlength: 255, required: true });
const projects = h("select", {});
const people = h("select", {});
const add = h("button", {});
const which = h("select", {});
const where = h("select", {});
const go = h("button", {});
const fateLabel = h("span", {});
const fate = h("select", { onchange: () => act("fate", { fate: fate.value }) });
const stopTelegram = h("button", { type: "button", onclick: () => act("outage", { part: "telegram", seconds: 15 }) });
const stopPlane = h("button", { type: "button", onclick: () => act("outage", { part: "plane", seconds: 15 }) });
const kill = h("button", { type: "button", class: "kill", onclick: () => act("kill") });

root.append(h("details", { open: innerWidth > 640 },
  h("summary", {}, title, hint, tally),
  h("div", { class: "acts" },
    h("form", { onsubmit: added }, name, projects, people, add),
    h("form", { onsubmit: moved }, which, where, go),
    h("label", {}, fateLabel, " ", fate),
    h("span", { class: "line" }, stopTelegram, stopPlane, kill), problem)));

async function added(event) {
  event.preventDefault();
  const title = name.value.trim();
  if (title && (await act("add", { title, project: projects.value, assignee: people.value }))) name.value = "";
}

function moved(event) {
  event.preventDefault();
  if (which.value) act("move", { item: which.value, column: where.value });
}

/** Options anew, with the choice kept. */
function choices(select, options) {
  const before = select.value;
  const form = JSON.stringify(options);
  if (select.dataset.drawn === form) return;
  select.dataset.drawn = form;
  select.replaceChildren(...options.map(([value, text]) => option(value, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

function say() {
  title.textContent = t("title");
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", t("title"));
  hint.textContent = t("hint");
  name.placeholder = t("task");
  for (const [el, label] of [[name, "task"], [projects, "project"], [people, "for"], [which, "move"], [where, "to"]]) el.setAttribute("aria-label", t(label));
  add.textContent = t("add");
  go.textContent = t("go");
  go.title = t("drag");
  fateLabel.textContent = t("fate");
  stopTelegram.textContent = t("stop_telegram");
  stopPlane.textContent = t("stop_plane");
  kill.textContent = t("kill");
  choices(fate, ["arrive", "drop", "double", "delay"].map((one) => [one, t(one)]));
  draw();
}

function draw() {
  if (board) {
    choices(which, board.columns.flatMap((column) => column.cards.map((card) => [card.id, card.key + " " + card.title])));
    choices(where, board.columns.map((column) => [column.name, at("column-" + column.name)?.querySelector("span").textContent ?? column.name]));
    for (const card of document.querySelectorAll(".card")) card.draggable = true;
  }
  if (!state) return;
  choices(projects, state.projects.map((one) => [one.identifier, one.name]));
  choices(people, [["", t("for") + ": " + t("nobody")], ...state.people.map((one) => [one.id, t("for") + ": " + one.name])]);
  if (document.activeElement !== fate) fate.value = state.fate;
  // What is disabled loses the focus.
  stopTelegram.setAttribute("aria-disabled", String(state.outages.includes("telegram")));
  stopPlane.setAttribute("aria-disabled", String(state.outages.includes("plane")));
  const { completed, told, missing, doubled, marked } = state.tally;
  const some = (keys) => keys.slice(0, 5).join(", ") + (keys.length > 5 ? " …" : "");
  tally.replaceChildren(t("tally", { completed, told }), " · ",
    missing.length + doubled.length === 0 ? h("b", { class: "good" }, t("none")) : "",
    missing.length > 0 ? t("missing", { keys: some(missing) }) : "",
    doubled.length > 0 ? h("b", { class: "bad" }, " " + t("doubled", { keys: some(doubled) })) : "",
    marked > 0 ? " · " + t("marked", { n: marked }) : "",
    state.restarts > 0 ? " · " + t("restarts", { n: state.restarts }) : "");
}

async function look() {
  try {
    state = await ask("/demo/state");
    if (problem.textContent === t("killed")) problem.textContent = "";
    draw();
  } catch {
    // The page itself says that the connection is lost.
  }
}

const columns = at("columns");
columns.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.(".card");
  if (card) event.dataTransfer.setData("text/x-groundcrew", card.dataset.key);
});
columns.addEventListener("dragover", (event) => {
  const column = event.target.closest(".column");
  for (const one of document.querySelectorAll(".column.over")) if (one !== column) one.classList.remove("over");
  if (!column) return;
  event.preventDefault();
  column.classList.add("over");
});
for (const name of ["dragend", "dragleave"]) columns.addEventListener(name, () => document.querySelector(".column.over")?.classList.remove("over"));
columns.addEventListener("drop", (event) => {
  const column = event.target.closest(".column");
  const item = event.dataTransfer.getData("text/x-groundcrew");
  column?.classList.remove("over");
  if (!column || !item) return;
  event.preventDefault();
  act("move", { item, column: column.dataset.column });
});

onBoard((next) => {
  board = next;
  draw();
});
document.addEventListener("language", say);
say();
look();
setInterval(() => document.hidden || look(), 1500);
`}`;
