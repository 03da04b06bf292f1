/** The view Plan: a project's picture or table, and the detail of one task. */

import { fetchJson } from "./api.js";
import {
  createButton,
  createElement,
  createFacts,
  createHeadRow,
  createUserText,
  findElement,
  findElements,
  focusFirstVisible,
  getElement,
  getLoadedElement,
  updateList,
} from "./dom.js";
import { formatCount, formatDuration, formatMoney, getLanguage, translate } from "./language.js";
import { createGraph, createNodeList, formatWorkLeft, linkTasks, updateGraph, updateNodeList } from "./plan-graph.js";
import { describeStatus, drawCard, drawStateMark } from "./tasks.js";
import { getProject, getView, openPlace } from "./views.ts";

/** @import { PlanGraphAnswer } from "../../answers.ts" */
/** @import { LinkedTask } from "./plan-graph.js" */

/** Id of the task whose card is open. @type {string | undefined} */
let openId;

const TASK_HEADS = /** @type {const} */ (["step", "task", "status", "agent", "after", "left"]);

/** Loads the plan of the chosen project while its view is shown. */
export async function loadPlan() {
  if (getView() !== "plan") return;
  const project = getProject();
  /** @type {PlanGraphAnswer} */
  const plan = await fetchJson(`/api/plan${project && `?project=${encodeURIComponent(project)}`}`);
  if (project === getProject()) showPlan(plan);
}

/** @param {PlanGraphAnswer} plan */
function showPlan(plan) {
  const root = getLoadedElement("plan-view");
  const { project } = plan;
  getElement("plan-of").textContent = project ? describeProject(project) : translate("graph");
  getElement("plan-closed").textContent = project ? translate("graph.closed", { ...project }) : "";
  if (!project || project.total === 0) return showNothing(plan);
  if (!root.querySelector(".facts")) root.replaceChildren(...createParts());
  const tasks = linkTasks(plan.tasks, plan.lines);
  const independent = linkTasks(plan.independent, []);
  findElement(root, ".facts").replaceChildren(...drawFacts(plan));
  findElement(root, ".legend").replaceChildren(...drawLegend(plan));
  findElement(root, ".notes").replaceChildren(...drawNotes(plan));
  const graph = findElement(root, ".graph");
  graph.setAttribute("aria-label", `${translate("graph.label")}. ${translate("graph.keys")}`);
  graph.hidden = tasks.length === 0;
  updateGraph(graph, plan, tasks, openDetail);
  updatePlanTable(findElement(root, ".figures"), tasks, independent);
  const loose = findElement(root, ".loose");
  loose.hidden = independent.length === 0;
  findElement(loose, "h3").textContent = translate("graph.independent");
  updateNodeList(findElement(loose, "ul"), independent, openDetail);
  markOpenTask();
  refreshDetail([...tasks, ...independent]);
}

/** @param {NonNullable<PlanGraphAnswer["project"]>} project */
function describeProject({ name, identifier }) {
  return `${name.slice(0, 80)} (${identifier})`;
}

/** Shows the projects to choose from, or that there is nothing to show. @param {PlanGraphAnswer} plan */
function showNothing({ project, projects }) {
  const root = getElement("plan-view");
  closeDetail();
  const text = translate(project ? "graph.empty" : projects.length > 0 ? "graph.choose" : "empty.board");
  const choices = project ? [] : projects;
  const shown = JSON.stringify([getLanguage(), text, choices]);
  // An unchanged list stays, with its focus.
  if (root.dataset["shown"] === shown && !root.querySelector(".facts")) return;
  root.dataset["shown"] = shown;
  const buttons = choices.map((choice) => {
    const name = createElement("b", describeProject(choice));
    const counts = createElement("span.muted", translate("graph.closed", { ...choice }));
    return createElement(
      "li",
      createButton("go", [name, counts], () => openPlace({ project: choice.identifier })),
    );
  });
  root.replaceChildren(createElement("p.empty", text), createElement("ul.choices", buttons));
}

function createParts() {
  return [
    createElement("dl.facts"),
    createElement("p.legend.picture", { "aria-hidden": "true" }),
    createElement(
      "div.picture.plan-picture",
      createGraph(),
      createElement("div.loose", createElement("h3", { id: "loose-head" }), createNodeList("loose-head")),
    ),
    createElement(
      "div.figures",
      createElement("table", createElement("caption.sr"), createElement("thead"), createElement("tbody")),
    ),
    createElement("div.notes"),
  ];
}

/** @param {PlanGraphAnswer} plan */
function drawFacts({ forecast, currency }) {
  const { open, ms, cost, path, earliest_ms } = forecast;
  const length = path.ms > 0 ? ` · ${formatDuration(path.ms)}` : "";
  const earliest = earliest_ms !== undefined && formatDuration(earliest_ms);
  const chain = path.tasks > 0 && translate("graph.fact.tasks", { n: formatCount(path.tasks) });
  return createFacts([
    [translate("graph.fact.open"), formatCount(open)],
    [translate("graph.fact.path"), chain && `${chain}${length}`],
    [translate("graph.fact.ms"), ms !== undefined && formatDuration(ms)],
    [translate("graph.fact.earliest"), earliest && translate("graph.fact.in", { duration: earliest })],
    [translate("graph.fact.cost"), cost !== undefined && formatMoney(cost, currency)],
  ]);
}

/** Explains the marks that the graph has. @param {PlanGraphAnswer} plan */
function drawLegend({ tasks, independent }) {
  const columns = /** @type {const} */ (["todo", "in_progress", "blocked", "done"]);
  const marks = columns.flatMap((column) => {
    const task = [...tasks, ...independent].find(({ card }) => card.column === column);
    return task ? createElement("span", drawStateMark(task.card), translate(`status.${column}`)) : [];
  });
  if (tasks.some(({ critical }) => critical))
    marks.push(createElement("span", createElement("i.stroke"), translate("graph.mark.critical")));
  if (tasks.some(({ cycle }) => cycle)) {
    const stroke = createElement("i.stroke", { "data-is": "cycle" });
    marks.push(createElement("span.bad", stroke, translate("graph.mark.cycle")));
  }
  return marks;
}

/** Says what is not shown and what the forecast rests on. @param {PlanGraphAnswer} plan */
function drawNotes({ left_out, unread, forecast, tasks }) {
  const names = /** @type {const} */ (["open", "finished", "dependencies"]);
  const hidden = names.filter((name) => left_out[name] > 0);
  const parts = hidden.map((name) => translate(`graph.left_out.${name}`, { n: formatCount(left_out[name]) }));
  const notes = [
    tasks.length === 0 && translate("graph.none"),
    parts.length > 0 && `${translate("graph.left_out.label")} ${parts.join(", ")}.`,
    unread > 0 && translate("graph.unread", { n: formatCount(unread) }),
    forecast.ms !== undefined && translate("graph.note.basis"),
    forecast.unknown > 0 && translate("graph.note.unknown", { n: formatCount(forecast.unknown) }),
  ];
  return notes.flatMap((text) => (text ? createElement("p.muted", text) : []));
}

/** The table says the same as the graph. @param {HTMLElement} root @param {LinkedTask[]} tasks @param {LinkedTask[]} independent */
function updatePlanTable(root, tasks, independent) {
  findElement(root, "caption").textContent = translate("graph.label");
  const heads = TASK_HEADS.map((name) => translate(`graph.head.${name}`));
  findElement(root, "thead").replaceChildren(createHeadRow(heads));
  const rows = [
    ...tasks.map((task) => ({ task, step: String(task.layer + 1) })),
    ...independent.map((task) => ({ task, step: "–" })),
  ];
  updateList(findElement(root, "tbody"), rows, ({ task }) => task.card.id, drawTableRow);
}

/** @param {{ task: LinkedTask, step: string }} row */
function drawTableRow({ task, step }) {
  const { card, critical, before } = task;
  return createElement(
    "tr",
    { "data-critical": critical && "yes" },
    createElement("td", step),
    createElement(
      "th",
      { scope: "row" },
      // The button is for those who see the table; hidden, it must not take the focus.
      createButton("key", card.key, () => openDetail(task)),
      createElement("span.sr.key-text", card.key),
      " ",
      createUserText("span", card.title, 140),
    ),
    createElement("td", describeMarks(describeStatus(card), task)),
    createElement("td", card.agent ?? card.assignees.join(", ").slice(0, 80)),
    createElement("td.keys", before.join(", ")),
    createElement("td", formatWorkLeft(task)),
  );
}

/** @param {string} first @param {LinkedTask} task */
function describeMarks(first, { critical, cycle }) {
  const marks = [critical && translate("graph.mark.critical"), cycle && translate("graph.mark.cycle")];
  return [first, ...marks].filter(Boolean).join(" · ");
}

/** Opens the card of a task beside the graph. @param {LinkedTask} task */
function openDetail(task) {
  openId = task.card.id;
  drawDetail(task);
  focusFirstVisible(findElement(getElement("plan-detail"), ".card > button"));
}

/** @param {LinkedTask} task */
function drawDetail(task) {
  const { card, layer, before, after } = task;
  const root = getElement("plan-detail");
  root.setAttribute("aria-label", translate("detail.label", { key: card.key }));
  if (!root.firstChild) {
    const head = createElement("div", createElement("p.muted"), createButton("quiet", "✕", closeDetail));
    root.append(head, createElement("ul"), createElement("dl"));
  }
  const close = findElement(root, ":scope > div > button");
  close.setAttribute("aria-label", translate("detail.close"));
  close.title = translate("detail.close");
  updateList(findElement(root, "ul"), [card], "id", drawCard);
  const facts = createFacts([
    [translate("detail.left"), formatWorkLeft(task)],
    [translate("detail.after"), before.join(", ")],
    [translate("detail.before"), after.join(", ")],
  ]);
  findElement(root, "dl").replaceChildren(...facts);
  const isLinked = before.length + after.length > 0;
  const place = isLinked ? translate("graph.step", { n: layer + 1 }) : describeStatus(card);
  findElement(root, "p").textContent = describeMarks(place, task);
  root.hidden = false;
  markOpenTask();
}

/** Shows the present state of the open card; closes it when its task is not part of the plan any more. @param {LinkedTask[]} tasks */
function refreshDetail(tasks) {
  if (openId === undefined) return;
  const task = tasks.find(({ card }) => card.id === openId);
  if (task) drawDetail(task);
  else closeDetail();
}

/** Closes the open card, also when another project is chosen. */
export function closeDetail() {
  const wasInside = getElement("plan-detail").contains(document.activeElement);
  const buttons = findElements(getElement("plan-view"), `[data-key="${CSS.escape(openId ?? "")}"] button`);
  openId = undefined;
  getElement("plan-detail").hidden = true;
  markOpenTask();
  if (wasInside) focusFirstVisible(...buttons, getElement("plan"));
}

function markOpenTask() {
  for (const node of findElements(getElement("plan-view"), ".node")) {
    const isOpen = node.dataset["key"] === openId;
    node.classList.toggle("chosen", isOpen);
    node.querySelector("button")?.setAttribute("aria-expanded", String(isOpen));
  }
}

getElement("plan").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || openId === undefined) return;
  // The page would also give up the chosen task.
  event.stopPropagation();
  closeDetail();
});
