/** The picture of a plan: nodes, lines, and moving between them with the keyboard. */

import {
  createElement,
  createSvgElement,
  createUserText,
  findElement,
  findElements,
  findTarget,
  getElement,
  updateList,
} from "./dom.js";
import { formatDuration, translate } from "./language.js";
import { describeStatus, drawStateMark } from "./tasks.js";
import { isNarrow } from "./views.js";

/** @import { PlanGraphAnswer, PlanLine, PlanTask } from "../../answers.ts" */

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
  const canvas = createElement("div.canvas");
  canvas.append(createElement("div.lines"), createElement("div.steps"));
  canvas.append(createElement("ul.nodes"));
  const graph = createElement("div.graph", canvas);
  graph.addEventListener("keydown", moveInGraph);
  return graph;
}

/** Moves the focus: up and down in a step, right and left to the nearest task that waits for this one or it waits for. @param {KeyboardEvent} event */
function moveInGraph(event) {
  const node = findTarget(event, ".node");
  if (!node || !(event.currentTarget instanceof HTMLElement)) return;
  const nodes = findElements(event.currentTarget, ".node");
  const layer = Number(node.dataset["layer"]);
  const top = node.offsetTop;
  /** @param {HTMLElement[]} list */
  const findNearest = (list) => list.toSorted((a, b) => Math.abs(a.offsetTop - top) - Math.abs(b.offsetTop - top))[0];
  /** Linked tasks first; without one, the nearest of the next step. @param {"before" | "after"} side @param {number} step */
  const findBeside = (side, step) => {
    const linked = (node.dataset[side] ?? "").split(" ");
    return (
      findNearest(nodes.filter((one) => linked.includes(one.dataset["key"] ?? ""))) ??
      findNearest(nodes.filter((one) => Number(one.dataset["layer"]) === layer + step))
    );
  };
  /** @type {Record<string, () => HTMLElement | undefined>} */
  const targets = {
    ArrowUp: () => nodes.filter((one) => one.dataset["layer"] === node.dataset["layer"] && one.offsetTop < top).at(-1),
    ArrowDown: () => nodes.find((one) => one.dataset["layer"] === node.dataset["layer"] && one.offsetTop > top),
    ArrowRight: () => findBeside("after", 1),
    ArrowLeft: () => findBeside("before", -1),
    Home: () => nodes[0],
    End: () => nodes.at(-1),
  };
  focusNode(event, event.currentTarget, targets[event.key]);
}

/** @param {KeyboardEvent} event @param {HTMLElement} root @param {(() => HTMLElement | undefined) | undefined} find */
function focusNode(event, root, find) {
  if (!find) return;
  event.preventDefault();
  const target = find();
  if (!target) return;
  const button = findElement(target, "button");
  setNodeTabStop(root, button);
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
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
    const step = createElement("span", translate("graph.step", { n: i + 1 }));
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

/** The left end of a task's middle. @param {Sizes} sizes @param {number} layer @param {number} y */
function getPoint({ width, height, gapX, gapY, head }, layer, y) {
  return { x: layer * (width + gapX), y: head + y * (height + gapY) };
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
    { tabindex: -1, onclick: () => open(task) },
    createElement(
      "span.line",
      drawStateMark(card),
      createElement("span.key", card.key),
      card.agent && createElement("span.who", { "data-agent": "yes", title: card.agent }, card.agent.slice(0, 40)),
      left && createElement("span.left", { title: translate("graph.node.left", { duration: left }) }, left),
    ),
    createUserText("span", card.title, 120),
    // What the picture shows by marks and lines.
    createElement("span.sr", ` ${description.filter(Boolean).join(". ")}`),
  );
  const marks = { "data-critical": critical && "yes", "data-cycle": cycle && "yes" };
  return createElement("li.node", { "data-state": card.column, ...marks }, button);
}

/** Makes Tab stop at one task of a list only; arrow keys reach the others. @param {HTMLElement} root @param {HTMLElement} [wanted] */
export function setNodeTabStop(root, wanted) {
  const buttons = findElements(root, ".node > button");
  const focused = buttons.find((button) => button === document.activeElement);
  const stop = wanted ?? focused ?? buttons.find((button) => button.tabIndex === 0) ?? buttons[0];
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

/** Moves the focus in the list of tasks without dependencies. @param {KeyboardEvent} event */
export function moveInList(event) {
  const node = findTarget(event, ".node");
  if (!node || !(event.currentTarget instanceof HTMLElement)) return;
  const nodes = findElements(event.currentTarget, ".node");
  const index = nodes.indexOf(node);
  const steps = {
    ArrowUp: index - 1,
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowDown: index + 1,
    Home: 0,
    End: -1,
  };
  if (!(event.key in steps)) return;
  const wanted = steps[/** @type {keyof typeof steps} */ (event.key)];
  focusNode(event, event.currentTarget, () => (event.key === "End" ? nodes.at(-1) : nodes[wanted]));
}
