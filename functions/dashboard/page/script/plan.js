import { fetchJson } from "./api.js";
import { createElement, findElement, getElement, updateList } from "./dom.js";
import { formatCount, formatDuration, formatMoney } from "./figures.js";
import { moveInList, setNodeTabStop } from "./graph-keys.js";
import { getLanguage, translate } from "./language.js";
import { closeDetail, markOpenTask, openDetail, refreshDetail } from "./plan-detail.js";
import { collectLinks, createGraph, drawNode, updateGraph } from "./plan-graph.js";
import { createPlanTable, updatePlanTable } from "./plan-table.js";
import { getProject } from "./selection.js";
import { getView } from "./views.js";

/** @import { PlanGraphAnswer, PlanTask } from "../../view-answers.ts" */
/** @import { TaskLinks } from "./plan-graph.js" */

/** @type {(identifier: string) => void} */
let chooseProject = () => {};

/** @param {(identifier: string) => void} show called when a project is chosen in this view */
export function onProjectChoice(show) {
  chooseProject = show;
}

/** Loads the plan of the chosen project while its view is shown. */
export async function loadPlan() {
  if (getView() !== "plan") return;
  const project = getProject();
  /** @type {PlanGraphAnswer} */
  const plan = await fetchJson(`/api/plan${project && `?project=${encodeURIComponent(project)}`}`);
  if (project === getProject()) showPlan(plan);
}

/** Closes the open card, because another project was chosen. */
export function forgetPlan() {
  closeDetail();
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

function createParts() {
  const graph = createGraph();
  graph.setAttribute("role", "group");
  const list = createElement("ul", { class: "loose-nodes", "aria-labelledby": "loose-head" });
  list.addEventListener("keydown", moveInList);
  return [
    createElement("dl", { class: "facts" }),
    createElement("p", { class: "legend picture", "aria-hidden": "true" }),
    createElement(
      "div",
      { class: "picture plan-picture" },
      graph,
      createElement("div", { class: "loose" }, createElement("h3", { id: "loose-head" }), list),
    ),
    createPlanTable(),
    createElement("div", { class: "notes" }),
  ];
}

/** Shows the projects to choose from, or that there is nothing to show. @param {PlanGraphAnswer} plan */
function showNothing({ project, projects }) {
  const root = getElement("plan-view");
  closeDetail();
  const text = translate(project ? "graph.empty" : projects.length > 0 ? "graph.choose" : "empty.board");
  const list = createElement("ul", { class: "choices" });
  if (!project)
    updateList(
      list,
      projects,
      ({ identifier }) => identifier,
      ({ identifier, name, ...counts }) =>
        createElement(
          "li",
          {},
          createElement(
            "button",
            { type: "button", class: "go", onclick: () => chooseProject(identifier) },
            createElement("b", {}, `${name.slice(0, 80)} (${identifier})`),
            createElement("span", { class: "muted" }, translate("graph.closed", counts)),
          ),
        ),
    );
  const shown = JSON.stringify([getLanguage(), text, project ? [] : projects]);
  // An unchanged list stays, with its focus.
  if (root.dataset["shown"] === shown && !root.querySelector(".facts")) return;
  root.dataset["shown"] = shown;
  root.replaceChildren(createElement("p", { class: "empty" }, text), list);
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
      text ? [createElement("div", {}, createElement("dt", {}, translate(name)), createElement("dd", {}, text))] : [],
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
      createElement(
        "span",
        {},
        createElement("i", { class: "state", "data-state": column }),
        translate(`status.${column}`),
      ),
    ),
    ...(tasks.some(({ critical }) => critical)
      ? [createElement("span", {}, createElement("i", { class: "stroke" }), translate("graph.mark.critical"))]
      : []),
    ...(tasks.some(({ cycle }) => cycle)
      ? [
          createElement(
            "span",
            { class: "bad" },
            createElement("i", { class: "stroke", "data-is": "cycle" }),
            translate("graph.mark.cycle"),
          ),
        ]
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
  return notes.flatMap((text) => (text ? [createElement("p", { class: "muted" }, text)] : []));
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
