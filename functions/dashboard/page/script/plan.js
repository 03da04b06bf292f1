/** The view Plan: a project's picture or table, and the detail of one task. */

import { fetchJson } from "./api.js";
import {
  createElement,
  createUserText,
  findElement,
  findElements,
  focusFirstVisible,
  getElement,
  updateList,
} from "./dom.js";
import { formatCount, formatDuration, formatMoney, getLanguage, translate } from "./language.js";
import { collectLinks, createGraph, drawNode, moveInList, setNodeTabStop, updateGraph } from "./plan-graph.js";
import { describeStatus, drawCard } from "./tasks.js";
import { getProject, getView } from "./views.js";

/** @import { PlanGraphAnswer, PlanTask } from "../../answers.ts" */
/** @import { TaskLinks } from "./plan-graph.js" */

/** Id of the task whose card is open. @type {string | undefined} */
let openId;

const HEADS = /** @type {const} */ (["step", "task", "status", "agent", "after", "left"]);

/** @param {(identifier: string) => void} show called when a project is chosen in this view */
export function onProjectChoice(show) {
  chooseProject = show;
}

/** @type {(identifier: string) => void} */
let chooseProject = () => {};

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
  const root = getElement("plan-view");
  const { project } = plan;
  root.setAttribute("aria-busy", "false");
  getElement("plan-of").textContent = project
    ? `${project.name.slice(0, 80)} (${project.identifier})`
    : translate("graph");
  getElement("plan-closed").textContent = project ? translate("graph.closed", { ...project }) : "";
  if (!project || project.total === 0) return showNothing(plan);
  if (!root.querySelector(".facts")) root.replaceChildren(...createParts());
  const links = collectLinks(plan);
  /** @param {PlanTask} task */
  const open = (task) => {
    openDetail(task, links);
  };
  drawFacts(plan);
  findElement(root, ".legend").replaceChildren(...drawLegend(plan));
  findElement(root, ".notes").replaceChildren(...drawNotes(plan));
  const graph = findElement(root, ".graph");
  graph.setAttribute("aria-label", `${translate("graph.label")}. ${translate("graph.keys")}`);
  graph.hidden = plan.tasks.length === 0;
  updateGraph(graph, plan, links, open);
  updatePlanTable(findElement(root, ".figures"), plan, links, open);
  showIndependent(plan, links, open);
  markOpenTask();
  refreshDetail([...plan.tasks, ...plan.independent], links);
}

/** Shows the projects to choose from, or that there is nothing to show. @param {PlanGraphAnswer} plan */
function showNothing({ project, projects }) {
  const root = getElement("plan-view");
  closeDetail();
  const text = translate(project ? "graph.empty" : projects.length > 0 ? "graph.choose" : "empty.board");
  const list = createElement("ul.choices");
  if (!project)
    updateList(
      list,
      projects,
      ({ identifier }) => identifier,
      ({ identifier, name, ...counts }) =>
        createElement(
          "li",
          createElement(
            "button.go",
            { onclick: () => chooseProject(identifier) },
            createElement("b", `${name.slice(0, 80)} (${identifier})`),
            createElement("span.muted", translate("graph.closed", counts)),
          ),
        ),
    );
  const shown = JSON.stringify([getLanguage(), text, project ? [] : projects]);
  // An unchanged list stays, with its focus.
  if (root.dataset["shown"] === shown && !root.querySelector(".facts")) return;
  root.dataset["shown"] = shown;
  root.replaceChildren(createElement("p.empty", text), list);
}

function closeDetail() {
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

function createParts() {
  const graph = createGraph();
  graph.setAttribute("role", "group");
  const list = createElement("ul.loose-nodes", { "aria-labelledby": "loose-head" });
  list.addEventListener("keydown", moveInList);
  return [
    createElement("dl.facts"),
    createElement("p.legend.picture", { "aria-hidden": "true" }),
    createElement(
      "div.picture.plan-picture",
      graph,
      createElement("div.loose", createElement("h3", { id: "loose-head" }), list),
    ),
    createPlanTable(),
    createElement("div.notes"),
  ];
}

/** Creates the empty table, which `updatePlanTable` fills. It says the same as the graph. */
function createPlanTable() {
  return createElement(
    "div.figures",
    createElement(
      "table",
      createElement("caption.sr"),
      createElement("thead", createElement("tr")),
      createElement("tbody"),
    ),
  );
}

/** Opens the card of a task beside the graph. @param {PlanTask} task @param {TaskLinks} links */
function openDetail(task, links) {
  openId = task.card.id;
  drawDetail(task, links);
  focusFirstVisible(findElement(getElement("plan-detail"), ".card > button"));
}

/** @param {PlanTask} task @param {TaskLinks} links */
function drawDetail({ card, layer, ms, critical, cycle }, links) {
  const root = getElement("plan-detail");
  root.setAttribute("aria-label", translate("detail.label", { key: card.key }));
  if (!root.firstChild) {
    const close = createElement("button.quiet", { onclick: closeDetail }, "✕");
    const head = createElement("div", createElement("p.muted"), close);
    root.append(head, createElement("ul"), createElement("dl"));
  }
  const close = findElement(root, ":scope > div > button");
  close.setAttribute("aria-label", translate("detail.close"));
  close.title = translate("detail.close");
  updateList(findElement(root, "ul"), [card], ({ id }) => id, drawCard);
  const own = links.get(card.id);
  const facts = /** @type {const} */ ([
    ["detail.left", ms !== undefined && card.column !== "done" && formatDuration(ms)],
    ["detail.after", own?.before.join(", ")],
    ["detail.before", own?.after.join(", ")],
  ]);
  findElement(root, "dl").replaceChildren(
    ...facts.flatMap(([name, text]) => (text ? [createElement("dt", translate(name)), createElement("dd", text)] : [])),
  );
  const isLinked = own && own.before.length + own.after.length > 0;
  const marks = [
    isLinked ? translate("graph.step", { n: layer + 1 }) : describeStatus(card),
    critical && translate("graph.mark.critical"),
    cycle && translate("graph.mark.cycle"),
  ];
  findElement(root, "p").textContent = marks.filter(Boolean).join(" · ");
  root.hidden = false;
  markOpenTask();
}

/** @param {PlanGraphAnswer} plan */
function drawFacts({ forecast, currency }) {
  const { open, ms, cost, path, earliest_ms } = forecast;
  const length = path.ms > 0 ? ` · ${formatDuration(path.ms)}` : "";
  const facts = /** @type {const} */ ([
    ["graph.fact.open", formatCount(open)],
    ["graph.fact.path", path.tasks > 0 && `${translate("graph.fact.tasks", { n: formatCount(path.tasks) })}${length}`],
    ["graph.fact.ms", ms !== undefined && formatDuration(ms)],
    [
      "graph.fact.earliest",
      earliest_ms !== undefined && translate("graph.fact.in", { duration: formatDuration(earliest_ms) }),
    ],
    ["graph.fact.cost", cost !== undefined && formatMoney(cost, currency)],
  ]);
  findElement(getElement("plan-view"), ".facts").replaceChildren(
    ...facts.flatMap(([name, text]) =>
      text ? [createElement("div", createElement("dt", translate(name)), createElement("dd", text))] : [],
    ),
  );
}

/** Explains the marks that the graph has. @param {PlanGraphAnswer} plan */
function drawLegend({ tasks, independent }) {
  const columns = /** @type {const} */ (["todo", "in_progress", "blocked", "done"]);
  const all = [...tasks, ...independent];
  const shown = columns.filter((column) => all.some(({ card }) => card.column === column));
  return [
    ...shown.map((column) =>
      createElement("span", createElement("i.state", { "data-state": column }), translate(`status.${column}`)),
    ),
    ...(tasks.some(({ critical }) => critical)
      ? [createElement("span", createElement("i.stroke"), translate("graph.mark.critical"))]
      : []),
    ...(tasks.some(({ cycle }) => cycle)
      ? [createElement("span.bad", createElement("i.stroke", { "data-is": "cycle" }), translate("graph.mark.cycle"))]
      : []),
  ];
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
  return notes.flatMap((text) => (text ? [createElement("p.muted", text)] : []));
}

/** @param {HTMLElement} root @param {PlanGraphAnswer} plan @param {TaskLinks} links @param {(task: PlanTask) => void} open */
function updatePlanTable(root, plan, links, open) {
  findElement(root, "caption").textContent = translate("graph.label");
  const heads = HEADS.map((name) => createElement("th", { scope: "col" }, translate(`graph.head.${name}`)));
  findElement(root, "thead tr").replaceChildren(...heads);
  const rows = [
    ...plan.tasks.map((task) => ({ task, step: String(task.layer + 1), links: links.get(task.card.id) })),
    ...plan.independent.map((task) => ({ task, step: "–", links: links.get(task.card.id) })),
  ];
  updateList(findElement(root, "tbody"), rows, ({ task }) => task.card.id, drawTableRow);

  /** @param {typeof rows[number]} row */
  function drawTableRow({ task, step, links: own }) {
    const { card, ms, critical, cycle } = task;
    const marks = [critical && translate("graph.mark.critical"), cycle && translate("graph.mark.cycle")];
    return createElement(
      "tr",
      { "data-critical": critical && "yes" },
      createElement("td", step),
      createElement(
        "th",
        { scope: "row" },
        // The button is for those who see the table; hidden, it must not take the focus.
        createElement("button.key", { onclick: () => open(task) }, card.key),
        createElement("span.sr.key-text", card.key),
        " ",
        createUserText("span", card.title, 140),
      ),
      createElement("td", [describeStatus(card), ...marks.filter(Boolean)].join(" · ")),
      createElement("td", card.agent ?? card.assignees.join(", ").slice(0, 80)),
      createElement("td.keys", own?.before.join(", ")),
      createElement("td", ms !== undefined && card.column !== "done" ? formatDuration(ms) : ""),
    );
  }
}

/** @param {PlanGraphAnswer} plan @param {TaskLinks} links @param {(task: PlanTask) => void} open */
function showIndependent({ independent }, links, open) {
  const root = findElement(getElement("plan-view"), ".loose");
  root.hidden = independent.length === 0;
  findElement(root, "h3").textContent = translate("graph.independent");
  updateList(
    findElement(root, "ul"),
    independent,
    ({ card }) => card.id,
    (task) => drawNode(task, links.get(task.card.id), open),
  );
  setNodeTabStop(root);
}

/** Shows the present state of the open card; closes it when its task is not part of the plan any more. @param {PlanTask[]} tasks @param {TaskLinks} links */
function refreshDetail(tasks, links) {
  if (openId === undefined) return;
  const task = tasks.find(({ card }) => card.id === openId);
  if (task) drawDetail(task, links);
  else closeDetail();
}

/** Closes the open card, because another project was chosen. */
export function forgetPlan() {
  closeDetail();
}

getElement("plan").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || openId === undefined) return;
  // The page would also give up the chosen task.
  event.stopPropagation();
  closeDetail();
});
