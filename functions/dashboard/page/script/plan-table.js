import { createElement, createUserText, findElement, updateList } from "./dom.js";
import { formatDuration } from "./figures.js";
import { translate } from "./language.js";
import { describeStatus } from "./task-row.js";

/** @import { PlanGraphAnswer, PlanTask } from "../../view-answers.ts" */
/** @import { TaskLinks } from "./plan-graph.js" */

const HEADS = /** @type {const} */ (["step", "task", "status", "agent", "after", "left"]);

/** Creates the empty table, which `updatePlanTable` fills. It says the same as the graph. */
export function createPlanTable() {
  return createElement(
    "div",
    { class: "figures" },
    createElement(
      "table",
      {},
      createElement("caption", { class: "sr" }),
      createElement("thead", {}, createElement("tr", {})),
      createElement("tbody", {}),
    ),
  );
}

/** @param {HTMLElement} root @param {PlanGraphAnswer} plan @param {TaskLinks} links @param {(task: PlanTask) => void} open */
export function updatePlanTable(root, plan, links, open) {
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
      createElement("td", {}, step),
      createElement(
        "th",
        { scope: "row" },
        // The button is for those who see the table; hidden, it must not take the focus.
        createElement("button", { type: "button", class: "key", onclick: () => open(task) }, card.key),
        createElement("span", { class: "sr key-text" }, card.key),
        " ",
        createUserText("span", card.title, 140),
      ),
      createElement("td", {}, [describeStatus(card), ...marks.filter(Boolean)].join(" · ")),
      createElement("td", {}, card.agent ?? card.assignees.join(", ").slice(0, 80)),
      createElement("td", { class: "keys" }, own?.before.join(", ")),
      createElement("td", {}, ms !== undefined && card.column !== "done" ? formatDuration(ms) : ""),
    );
  }
}
