import { createElement, createUserText, findElement, findElements, getElement, updateList } from "./dom.js";
import { translate } from "./language.js";
import { createProgressBar, setProgress } from "./progress.js";

/** @import { BoardPlan } from "../../api-answers.ts" */

/** Shows one line for each plan above the board, with a bar for its steps. @param {BoardPlan[]} plans */
export function showPlans(plans) {
  getElement("plans").hidden = plans.length === 0;
  // A finished step moves the bar; the line is drawn again only when something else changes.
  const rows = plans.map((plan) => ({ ...plan, done: 0 }));
  updateList(getElement("plans"), rows, ({ id }) => id, drawPlan);
  for (const [i, el] of findElements(getElement("plans"), ":scope > li").entries()) {
    const plan = plans[i];
    if (!plan) continue;
    const { done, total } = plan;
    setProgress(el, total > 0 ? (100 * done) / total : 0);
    findElement(el, ".far").textContent = translate("plan.steps", { done, total });
  }
}

/** @param {BoardPlan} plan */
function drawPlan({ title, project, state, reason }) {
  const name = project ? `${title} (${project})` : title;
  return createElement(
    "li",
    { class: "line", "data-state": state },
    createElement("b", {}, translate("plan")),
    createUserText("span", name, 120),
    state === "running" ? createProgressBar(`${translate("plan")} ${name}`) : undefined,
    createElement("span", { class: "far" }),
    createElement("span", {}, translate(`plan.${state}`)),
    reason ? createUserText("span", reason) : undefined,
  );
}
