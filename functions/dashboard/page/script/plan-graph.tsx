/** The picture of a plan: nodes, lines, and moving between them with the keyboard. */

import type { CSSProperties } from "preact";
import type { PlanGraphAnswer, PlanLine, PlanTask } from "../../plan-route.ts";
import { UserText } from "./elements.tsx";
import { findElements, getElement } from "./find-elements.ts";
import { formatDuration, translate } from "./language.ts";
import { describeStatus, moveFocus, StateMark, setTabStop } from "./task-card.tsx";
import { isNarrow } from "./views.ts";

/** Sizes in pixels: a task, the distances between tasks, and the row of the steps' names. */
const WIDE = { width: 200, height: 64, gapX: 48, gapY: 14, head: 30 };

const NARROW = { width: 176, height: 64, gapX: 28, gapY: 12, head: 30 };

/** A task is at least this wide where narrower ones let all steps fit on the screen, and at most as wide as its title needs. */
const MIN_WIDTH = 164;
const MAX_WIDTH = 260;

/** The largest distances with which a small plan fills its space. */
const MAX_GAP_X = 120;
const MAX_GAP_Y = 44;

/** Height of what stands above the graph. */
const ABOVE = 140;

/** Space between the edges of the view and the graph. */
const PADDING = 28;

/** How far a line leaves its task before it may bend, and how far a line that closes a cycle swings out. */
const BEND = 0.5;

const SWING = 34;

type Sizes = typeof WIDE;
type Point = { x: number; y: number };

/** A task with the keys of the tasks that it waits for and that wait for it. */
export type LinkedTask = PlanTask & { before: string[]; after: string[] };

interface NodesProps {
  tasks: LinkedTask[];
  /** Id of the task whose card is open. */
  openId: string | undefined;
  onOpen: (task: LinkedTask) => void;
}

/** Adds the keys of the tasks before and after to each of these. */
export function linkTasks(tasks: PlanTask[], lines: PlanLine[]): LinkedTask[] {
  const keys = new Map(tasks.map(({ card }) => [card.id, card.key]));
  return tasks.map((task) => {
    const { id, blockers } = task.card;
    const before = lines.flatMap(({ from, to }) => (to === id ? (keys.get(from) ?? []) : []));
    const after = lines.flatMap(({ from, to }) => (from === id ? (keys.get(to) ?? []) : []));
    const blockerKeys = blockers.map(({ key }) => key);
    return { ...task, before: [...new Set([...blockerKeys, ...before])], after: [...new Set(after)] };
  });
}

/** The tasks with dependencies, by steps, with lines between them. */
export function Graph({ plan, tasks, ...nodes }: NodesProps & { plan: PlanGraphAnswer }) {
  const sizes = isNarrow() ? NARROW : fitSizes(getElement("plan"), plan);
  const width = Math.max(0, plan.layers * (sizes.width + sizes.gapX) - sizes.gapX);
  const swing = plan.lines.some(({ cycle }) => cycle) ? SWING : 0;
  const height = sizes.head + plan.height * (sizes.height + sizes.gapY) + swing;
  const box = { width: `${width}px`, height: `${height}px` };
  const place = ({ layer, y }: LinkedTask) => {
    const point = getPoint(sizes, layer, y);
    const [left, top] = [`${point.x}px`, `${point.y - sizes.height / 2}px`];
    return { left, top, width: `${sizes.width}px`, height: `${sizes.height}px` };
  };
  const label = `${translate("graph.label")}. ${translate("graph.keys")}`;
  const list = tasks.map((task) => <Node key={task.card.id} task={task} style={place(task)} {...nodes} />);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms.
    <div class="graph" role="group" aria-label={label} onKeyDown={moveFocus}>
      <div class="canvas" style={box}>
        <svg class="lines" {...box} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {listPaths(plan, sizes)}
        </svg>
        <div class="steps">
          {Array.from({ length: plan.layers }, (_, i) => (
            <span key={i} style={{ left: `${getPoint(sizes, i, 0).x}px` }}>
              {translate("graph.step", { n: i + 1 })}
            </span>
          ))}
        </div>
        <ul class="nodes">{list}</ul>
      </div>
    </div>
  );
}

/** The tasks without dependencies. */
export function NodeList({ headId, tasks, ...nodes }: NodesProps & { headId: string }) {
  const list = tasks.map((task) => <Node key={task.card.id} task={task} style={{}} {...nodes} />);
  return (
    <ul class="loose-nodes tiles" aria-labelledby={headId} onKeyDown={moveFocus}>
      {list}
    </ul>
  );
}

/** A task with its key, what is left of it and its title. */
function Node({ task, style, openId, onOpen }: Omit<NodesProps, "tasks"> & { task: LinkedTask; style: CSSProperties }) {
  const { card, critical, cycle, before, after } = task;
  const { id, key, agent, column } = card;
  const left = formatWorkLeft(task);
  // What the picture shows by marks and lines.
  const description = [
    describeStatus(card),
    before.length > 0 && translate("graph.node.after", { keys: before.join(", ") }),
    after.length > 0 && translate("graph.node.before", { keys: after.join(", ") }),
    critical && translate("graph.mark.critical"),
    cycle && translate("graph.mark.cycle"),
  ];
  const isOpen = id === openId;
  return (
    <li
      class={isOpen ? "node chosen" : "node"}
      style={style}
      data-key={id}
      data-state={column}
      data-critical={critical && "yes"}
      data-cycle={cycle && "yes"}
      data-task={key}
      data-before={before.join(" ")}
      data-after={after.join(" ")}
    >
      <button type="button" tabIndex={-1} aria-expanded={isOpen} onClick={() => onOpen(task)}>
        <span class="line">
          <StateMark column={column} />
          <span class="key">{key}</span>
          {agent && (
            <span class="who" data-agent="yes" title={agent}>
              {agent.slice(0, 40)}
            </span>
          )}
          {left && (
            <span class="left" title={translate("graph.node.left", { duration: left })}>
              {left}
            </span>
          )}
        </span>
        <UserText text={card.title} max={120} />
        <span class="sr"> {description.filter(Boolean).join(". ")}</span>
      </button>
    </li>
  );
}

/** The work that is left of an open task; empty when it is unknown. */
export function formatWorkLeft({ card, ms }: PlanTask): string {
  return ms !== undefined && card.column !== "done" ? formatDuration(ms) : "";
}

/** Lets Tab stop at the task that has the focus, at the one at which it stopped, or at the first. */
export function keepTabStop(root: HTMLElement): void {
  const buttons = findElements(root, ".node > button");
  const focused = buttons.find((button) => button === document.activeElement);
  const stop = focused ?? buttons.find((button) => button.tabIndex === 0) ?? buttons[0];
  setTabStop(root, stop?.parentElement ?? undefined);
}

/** The sizes with which the graph fills the view; one with tasks below it fills the width only. */
function fitSizes({ clientWidth, clientHeight }: HTMLElement, plan: PlanGraphAnswer): Sizes {
  const { layers, height: rows, independent } = plan;
  const fitting = Math.floor((clientWidth - PADDING + WIDE.gapX) / layers) - WIDE.gapX;
  const width = fitting >= MIN_WIDTH ? Math.min(fitting, MAX_WIDTH) : WIDE.width;
  const left = clientWidth - PADDING - layers * width;
  const gapX = Math.min(MAX_GAP_X, Math.max(WIDE.gapX, Math.floor(left / Math.max(1, layers - 1))));
  const row = Math.floor((clientHeight - ABOVE - WIDE.head) / rows) - WIDE.height;
  const gapY = independent.length > 0 ? WIDE.gapY : Math.min(MAX_GAP_Y, Math.max(WIDE.gapY, row));
  return { ...WIDE, width, gapX, gapY };
}

function listPaths({ tasks, lines }: PlanGraphAnswer, sizes: Sizes) {
  const places = new Map(tasks.map(({ card, layer, y }) => [card.id, getPoint(sizes, layer, y)]));
  // Lines of the critical path are drawn last, above the others.
  const sorted = lines.toSorted((a, b) => Number(a.critical ?? false) - Number(b.critical ?? false));
  return sorted.map((line) => {
    const [start, end] = [places.get(line.from), places.get(line.to)];
    if (!start || !end) return null;
    const d = line.cycle ? drawSwing(start, end, sizes) : drawCurve(start, end, line, sizes);
    const kind = line.cycle ? "cycle" : line.critical ? "critical" : "plain";
    return <path key={`${line.from} ${line.to}`} d={d} data-is={kind} />;
  });
}

/** The left end of a task's middle. */
function getPoint({ width, height, gapX, gapY, head }: Sizes, layer: number, y: number): Point {
  return { x: layer * (width + gapX), y: head + y * (height + gapY) };
}

/** A line that closes a cycle leaves and reaches its tasks from below. */
function drawSwing(start: Point, end: Point, { width, height }: Sizes): string {
  const [x1, y1, x2, y2] = [start.x + width / 2, start.y + height / 2, end.x + width / 2, end.y + height / 2];
  const below = Math.max(y1, y2) + SWING;
  const apart = start.x === end.x ? 24 : 0;
  return `M${x1 + apart} ${round(y1)}C${x1 + apart} ${round(below)} ${x2 - apart} ${round(below)} ${x2 - apart} ${round(y2 + 1)}m-4 6l4 -6l4 6`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A curve from the right of a task to the left of another one, straight where it passes a step between. */
function drawCurve(start: Point, end: Point, { via }: PlanLine, sizes: Sizes): string {
  let at = { x: start.x + sizes.width, y: start.y };
  let d = `M${at.x} ${round(at.y)}`;
  const bendTo = (next: Point) => {
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
