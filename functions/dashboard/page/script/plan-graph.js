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
import { describeStatus, drawStateMark, focusTask, setTabStop } from "./tasks.js";
import { isNarrow } from "./views.ts";

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
/** A task with the keys of the tasks that it waits for and that wait for it. @typedef {PlanTask & { before: string[], after: string[] }} LinkedTask */
/** @typedef {(task: LinkedTask) => void} OpenTask */

/** Adds the keys of the tasks before and after to each of these. @param {PlanTask[]} tasks @param {PlanLine[]} lines @returns {LinkedTask[]} */
export function linkTasks(tasks, lines) {
  const keys = new Map(tasks.map(({ card }) => [card.id, card.key]));
  return tasks.map((task) => {
    const { id, blockers } = task.card;
    const before = lines.flatMap(({ from, to }) => (to === id ? (keys.get(from) ?? []) : []));
    const after = lines.flatMap(({ from, to }) => (from === id ? (keys.get(to) ?? []) : []));
    return {
      ...task,
      before: [...new Set([...blockers.map(({ key }) => key), ...before])],
      after: [...new Set(after)],
    };
  });
}

/** Creates the empty graph, which `updateGraph` fills. */
export function createGraph() {
  const parts = [createElement("div.lines"), createElement("div.steps"), createElement("ul.nodes")];
  return createElement("div.graph", { role: "group", onkeydown: moveInGraph }, createElement("div.canvas", parts));
}

/** Creates the empty list of tasks without dependencies, which `updateNodeList` fills. @param {string} headId */
export function createNodeList(headId) {
  return createElement("ul.loose-nodes", { "aria-labelledby": headId, onkeydown: moveInList });
}

/**
 * Moves the focus to the task to which a key leads. `getTargets` returns these tasks by key.
 * @param {Event} event @param {(node: HTMLElement, nodes: HTMLElement[]) => Record<string, HTMLElement | undefined>} getTargets
 */
function moveFocusByKey(event, getTargets) {
  const node = findTarget(event, ".node");
  const root = event.currentTarget;
  if (!node || !(event instanceof KeyboardEvent && root instanceof HTMLElement)) return;
  const nodes = findElements(root, ".node");
  const targets = { ...getTargets(node, nodes), Home: nodes[0], End: nodes.at(-1) };
  if (event.key in targets) focusTask(event, root, targets[/** @type {keyof typeof targets} */ (event.key)]);
}

/** Up and down in a step, right and left to the nearest task that waits for this one or it waits for. @param {Event} event */
function moveInGraph(event) {
  moveFocusByKey(event, (node, nodes) => {
    const top = node.offsetTop;
    const layer = Number(node.dataset["layer"]);
    /** @param {number} step */
    const listLayer = (step) => nodes.filter(({ dataset }) => dataset["layer"] === String(layer + step));
    /** Linked tasks first; without one, the nearest of the next step. @param {"before" | "after"} side @param {number} step */
    const findBeside = (side, step) => {
      const linked = (node.dataset[side] ?? "").split(" ");
      const besides = nodes.filter(({ dataset }) => linked.includes(dataset["task"] ?? ""));
      const candidates = besides.length > 0 ? besides : listLayer(step);
      return candidates.toSorted((a, b) => Math.abs(a.offsetTop - top) - Math.abs(b.offsetTop - top))[0];
    };
    return {
      ArrowUp: listLayer(0).findLast((one) => one.offsetTop < top),
      ArrowDown: listLayer(0).find((one) => one.offsetTop > top),
      ArrowRight: findBeside("after", 1),
      ArrowLeft: findBeside("before", -1),
    };
  });
}

/** To the neighbours in the list of tasks without dependencies. @param {Event} event */
function moveInList(event) {
  moveFocusByKey(event, (node, nodes) => {
    const index = nodes.indexOf(node);
    const [before, after] = [nodes[index - 1], nodes[index + 1]];
    return { ArrowUp: before, ArrowLeft: before, ArrowRight: after, ArrowDown: after };
  });
}

/** Draws the tasks and lines; tasks that have not changed stay, with their focus. @param {HTMLElement} graph @param {PlanGraphAnswer} plan @param {LinkedTask[]} tasks @param {OpenTask} open */
export function updateGraph(graph, plan, tasks, open) {
  const sizes = isNarrow() ? NARROW : fitSizes(getElement("plan").clientWidth - PADDING, plan.layers);
  const canvas = findElement(graph, ".canvas");
  const width = Math.max(0, plan.layers * (sizes.width + sizes.gapX) - sizes.gapX);
  const height =
    sizes.head + plan.height * (sizes.height + sizes.gapY) + (plan.lines.some(({ cycle }) => cycle) ? SWING : 0);
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const viewBox = `0 0 ${width} ${height}`;
  findElement(canvas, ".lines").replaceChildren(
    createSvgElement("svg", { width, height, viewBox, "aria-hidden": "true" }, ...drawLines(plan, sizes)),
  );
  const steps = Array.from({ length: plan.layers }, (_, i) => {
    const step = createElement("span", translate("graph.step", { n: i + 1 }));
    step.style.left = `${getPoint(sizes, i, 0).x}px`;
    return step;
  });
  findElement(canvas, ".steps").replaceChildren(...steps);
  const rows = tasks.map((task) => ({ task, sizes }));
  updateList(findElement(canvas, ".nodes"), rows, ({ task }) => task.card.id, drawPlacedNode);
  keepTabStop(graph);

  /** @param {typeof rows[number]} row */
  function drawPlacedNode({ task }) {
    const node = drawNode(task, open);
    const { x, y } = getPoint(sizes, task.layer, task.y);
    Object.assign(node.style, {
      left: `${x}px`,
      top: `${y - sizes.height / 2}px`,
      width: `${sizes.width}px`,
      height: `${sizes.height}px`,
    });
    return node;
  }
}

/** @param {HTMLElement} list @param {LinkedTask[]} tasks without dependencies @param {OpenTask} open */
export function updateNodeList(list, tasks, open) {
  updateList(
    list,
    tasks,
    ({ card }) => card.id,
    (task) => drawNode(task, open),
  );
  keepTabStop(list);
}

/** Lets Tab stop at the task that has the focus, at the one at which it stopped, or at the first. @param {HTMLElement} root */
function keepTabStop(root) {
  const buttons = findElements(root, ".node > button");
  const focused = buttons.find((button) => button === document.activeElement);
  const stop = focused ?? buttons.find((button) => button.tabIndex === 0) ?? buttons[0];
  setTabStop(root, stop?.parentElement ?? undefined);
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

/** The work that is left of an open task; empty when it is unknown. @param {PlanTask} task */
export function formatWorkLeft({ card, ms }) {
  return ms !== undefined && card.column !== "done" ? formatDuration(ms) : "";
}

/** Draws a task with its key, what is left of it and its title. @param {LinkedTask} task @param {OpenTask} open */
function drawNode(task, open) {
  const { card, layer, critical, cycle, before, after } = task;
  const { key, agent } = card;
  const left = formatWorkLeft(task);
  const description = [
    describeStatus(card),
    before.length > 0 && translate("graph.node.after", { keys: before.join(", ") }),
    after.length > 0 && translate("graph.node.before", { keys: after.join(", ") }),
    critical && translate("graph.mark.critical"),
    cycle && translate("graph.mark.cycle"),
  ];
  const button = createElement(
    "button",
    { tabindex: -1, onclick: () => open(task) },
    createElement(
      "span.line",
      drawStateMark(card),
      createElement("span.key", key),
      agent && createElement("span.who", { "data-agent": "yes", title: agent }, agent.slice(0, 40)),
      left && createElement("span.left", { title: translate("graph.node.left", { duration: left }) }, left),
    ),
    createUserText("span", card.title, 120),
    // What the picture shows by marks and lines.
    createElement("span.sr", ` ${description.filter(Boolean).join(". ")}`),
  );
  const marks = { "data-critical": critical && "yes", "data-cycle": cycle && "yes" };
  const links = { "data-task": key, "data-before": before.join(" "), "data-after": after.join(" ") };
  return createElement("li.node", { "data-state": card.column, "data-layer": layer, ...marks, ...links }, button);
}
