import { drawCard } from "./card.js";
import { createElement, findElement, findElements, focusFirstVisible, getElement, updateList } from "./dom.js";
import { formatDuration } from "./figures.js";
import { translate } from "./language.js";
import { describeStatus } from "./task-row.js";

/** @import { PlanTask } from "../../view-answers.ts" */
/** @import { TaskLinks } from "./plan-graph.js" */

/** Id of the task whose card is open. @type {string | undefined} */
let openId;

/** Opens the card of a task beside the graph. @param {PlanTask} task @param {TaskLinks} links */
export function openDetail(task, links) {
  openId = task.card.id;
  drawDetail(task, links);
  focusFirstVisible(findElement(getElement("plan-detail"), ".card > button"));
}

/** Shows the present state of the open card; closes it when its task is not part of the plan any more. @param {PlanTask[]} tasks @param {TaskLinks} links */
export function refreshDetail(tasks, links) {
  if (openId === undefined) return;
  const task = tasks.find(({ card }) => card.id === openId);
  if (task) drawDetail(task, links);
  else closeDetail();
}

export function closeDetail() {
  const wasInside = getElement("plan-detail").contains(document.activeElement);
  const buttons = findElements(getElement("plan-view"), `[data-key="${CSS.escape(openId ?? "")}"] button`);
  openId = undefined;
  getElement("plan-detail").hidden = true;
  markOpenTask();
  if (wasInside) focusFirstVisible(...buttons, getElement("plan"));
}

/** @param {PlanTask} task @param {TaskLinks} links */
function drawDetail({ card, layer, ms, critical, cycle }, links) {
  const root = getElement("plan-detail");
  root.setAttribute("aria-label", translate("detail.label", { key: card.key }));
  if (!root.firstChild) {
    const close = createElement("button", { type: "button", class: "quiet", onclick: closeDetail }, "✕");
    const head = createElement("div", {}, createElement("p", { class: "muted" }), close);
    root.append(head, createElement("ul", {}), createElement("dl", {}));
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
    ...facts.flatMap(([name, text]) =>
      text ? [createElement("dt", {}, translate(name)), createElement("dd", {}, text)] : [],
    ),
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

export function markOpenTask() {
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
