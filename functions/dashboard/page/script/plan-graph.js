import { createElement, createSvgElement, createUserText, findElement, getElement, updateList } from "./dom.js";
import { formatDuration } from "./figures.js";
import { moveInGraph, setNodeTabStop } from "./graph-keys.js";
import { translate } from "./language.js";
import { describeStatus, drawStateMark } from "./task-row.js";
import { isNarrow } from "./views.js";

/** @import { PlanGraphAnswer, PlanLine, PlanTask } from "../../view-answers.ts" */

/** Sizes in pixels: a task, the distances between tasks, and the row of the steps' names. */
const WIDE = { width: 200, height: 64, gapX: 48, gapY: 14, head: 30 };
const NARROW = { width: 176, height: 64, gapX: 28, gapY: 12, head: 30 };
/** A task is at least this wide where narrower ones let all steps fit on the screen. */
const MIN_WIDTH = 164;
/** Space between the edges of the view and the graph. */
const PADDING = 28;
/** How far a line leaves its task before it may bend, and how far a line that closes a cycle swings out. */
const BEND = 0.5;
const SWING = 34;

/** @typedef {typeof WIDE} Sizes */
/** @typedef {Map<string, { before: string[], after: string[] }>} TaskLinks keys of the tasks before and after each task */

/** Collects the keys of the tasks that each shown task waits for and that wait for it. @param {PlanGraphAnswer} plan @returns {TaskLinks} */
export function collectLinks({ tasks, independent, lines }) {
  const keys = new Map(tasks.map(({ card }) => [card.id, card.key]));
  const links = new Map(
    [...tasks, ...independent].map(({ card }) => [
      card.id,
      { before: card.blockers.map(({ key }) => key), after: /** @type {string[]} */ ([]) },
    ]),
  );
  for (const { from, to } of lines) {
    const [before, after] = [keys.get(from), keys.get(to)];
    const [start, end] = [links.get(from), links.get(to)];
    if (before !== undefined && end && !end.before.includes(before)) end.before.push(before);
    if (after !== undefined && start && !start.after.includes(after)) start.after.push(after);
  }
  return links;
}

/** Creates the empty graph, which `updateGraph` fills. */
export function createGraph() {
  const canvas = createElement("div", { class: "canvas" });
  canvas.append(createElement("div", { class: "lines" }), createElement("div", { class: "steps" }));
  canvas.append(createElement("ul", { class: "nodes" }));
  const graph = createElement("div", { class: "graph" }, canvas);
  graph.addEventListener("keydown", moveInGraph);
  return graph;
}

/** Draws the tasks and lines; tasks that have not changed stay, with their focus. @param {HTMLElement} graph @param {PlanGraphAnswer} plan @param {TaskLinks} links @param {(task: PlanTask) => void} open */
export function updateGraph(graph, plan, links, open) {
  const sizes = isNarrow() ? NARROW : fitSizes(getElement("plan").clientWidth - PADDING, plan.layers);
  const canvas = findElement(graph, ".canvas");
  const width = Math.max(0, plan.layers * (sizes.width + sizes.gapX) - sizes.gapX);
  const height =
    sizes.head + plan.height * (sizes.height + sizes.gapY) + (plan.lines.some(({ cycle }) => cycle) ? SWING : 0);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const paths = drawLines(plan, sizes);
  findElement(canvas, ".lines").replaceChildren(
    createSvgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...paths),
  );
  const steps = Array.from({ length: plan.layers }, (_, i) => {
    const step = createElement("span", {}, translate("graph.step", { n: i + 1 }));
    step.style.left = `${i * (sizes.width + sizes.gapX)}px`;
    return step;
  });
  findElement(canvas, ".steps").replaceChildren(...steps);
  const rows = plan.tasks.map((task) => {
    const { id } = task.card;
    const before = plan.lines.flatMap(({ from, to }) => (to === id ? from : [])).join(" ");
    const after = plan.lines.flatMap(({ from, to }) => (from === id ? to : [])).join(" ");
    return { task, links: links.get(id), sizes, before, after };
  });
  updateList(
    findElement(canvas, ".nodes"),
    rows,
    ({ task }) => task.card.id,
    (row) => {
      const node = drawNode(row.task, row.links, open);
      const { x, y } = getPoint(row.sizes, row.task.layer, row.task.y);
      node.style.left = `${x}px`;
      node.style.top = `${y - row.sizes.height / 2}px`;
      node.style.width = `${row.sizes.width}px`;
      node.style.height = `${row.sizes.height}px`;
      node.dataset["layer"] = String(row.task.layer);
      node.dataset["before"] = row.before;
      node.dataset["after"] = row.after;
      return node;
    },
  );
  setNodeTabStop(graph);
}

/** @param {number} available @param {number} layers */
function fitSizes(available, layers) {
  const fitting = Math.floor((available + WIDE.gapX) / layers) - WIDE.gapX;
  return { ...WIDE, width: fitting >= MIN_WIDTH ? Math.min(fitting, WIDE.width) : WIDE.width };
}

/** The left end of a task's middle. @param {Sizes} sizes @param {number} layer @param {number} y */
function getPoint({ width, height, gapX, gapY, head }, layer, y) {
  return { x: layer * (width + gapX), y: head + y * (height + gapY) };
}

/** Draws a task with its key, what is left of it and its title. @param {PlanTask} task @param {{ before: string[], after: string[] } | undefined} links @param {(task: PlanTask) => void} open */
export function drawNode(task, links, open) {
  const { card, ms, critical, cycle } = task;
  const left = ms !== undefined && card.column !== "done" ? formatDuration(ms) : "";
  const description = [
    describeStatus(card),
    links?.before.length && translate("graph.node.after", { keys: links.before.join(", ") }),
    links?.after.length && translate("graph.node.before", { keys: links.after.join(", ") }),
    critical && translate("graph.mark.critical"),
    cycle && translate("graph.mark.cycle"),
  ];
  const button = createElement(
    "button",
    { type: "button", tabindex: -1, onclick: () => open(task) },
    createElement(
      "span",
      { class: "line" },
      drawStateMark(card),
      createElement("span", { class: "key" }, card.key),
      card.agent &&
        createElement("span", { class: "who", "data-agent": "yes", title: card.agent }, card.agent.slice(0, 40)),
      left && createElement("span", { class: "left", title: translate("graph.node.left", { duration: left }) }, left),
    ),
    createUserText("span", card.title, 120),
    // What the picture shows by marks and lines.
    createElement("span", { class: "sr" }, ` ${description.filter(Boolean).join(". ")}`),
  );
  const marks = { "data-critical": critical && "yes", "data-cycle": cycle && "yes" };
  return createElement("li", { class: "node", "data-state": card.column, ...marks }, button);
}

/** @param {PlanGraphAnswer} plan @param {Sizes} sizes */
function drawLines({ tasks, lines }, sizes) {
  const places = new Map(tasks.map(({ card, layer, y }) => [card.id, { layer, y }]));
  // Lines of the critical path are drawn last, above the others.
  const sorted = [...lines.filter(({ critical }) => !critical), ...lines.filter(({ critical }) => critical)];
  return sorted.flatMap((line) => {
    const [from, to] = [places.get(line.from), places.get(line.to)];
    if (!from || !to) return [];
    const start = getPoint(sizes, from.layer, from.y);
    const end = getPoint(sizes, to.layer, to.y);
    const d = line.cycle ? drawSwing(start, end, sizes) : drawCurve(start, end, line, sizes);
    const kind = line.cycle ? "cycle" : line.critical ? "critical" : "plain";
    return [createSvgElement("path", { d, "data-is": kind })];
  });
}

/** @typedef {{ x: number, y: number }} Point */

/** A curve from the right of a task to the left of another one, straight where it passes a step between. @param {Point} start @param {Point} end @param {PlanLine} line @param {Sizes} sizes */
function drawCurve(start, end, { via }, sizes) {
  let at = { x: start.x + sizes.width, y: start.y };
  let d = `M${at.x} ${round(at.y)}`;
  /** @param {Point} next */
  const bendTo = (next) => {
    const middle = (next.x - at.x) * BEND;
    d += `C${at.x + middle} ${round(at.y)} ${next.x - middle} ${round(next.y)} ${next.x} ${round(next.y)}`;
    at = next;
  };
  for (const [layer, y] of via) {
    const point = getPoint(sizes, layer, y);
    bendTo(point);
    at = { x: point.x + sizes.width, y: point.y };
    d += `H${at.x}`;
  }
  bendTo({ x: end.x - 1, y: end.y });
  return `${d}m-6 -4l6 4l-6 4`;
}

/** A line that closes a cycle leaves and reaches its tasks from below. @param {Point} start @param {Point} end @param {Sizes} sizes */
function drawSwing(start, end, { width, height }) {
  const [x1, y1, x2, y2] = [start.x + width / 2, start.y + height / 2, end.x + width / 2, end.y + height / 2];
  const below = Math.max(y1, y2) + SWING;
  const apart = start.x === end.x ? 24 : 0;
  return `M${x1 + apart} ${round(y1)}C${x1 + apart} ${round(below)} ${x2 - apart} ${round(below)} ${x2 - apart} ${round(y2 + 1)}m-4 6l4 -6l4 6`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
