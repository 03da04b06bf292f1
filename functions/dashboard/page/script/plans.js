import { createElement, createUserText, getElement, updateList } from "./dom.js";
import { translate } from "./language.js";

/** @import { BoardPlan } from "../../api-answers.ts" */

/** Shows one line for each plan above the board. @param {BoardPlan[]} plans */
export function showPlans(plans) {
  getElement("plans").hidden = plans.length === 0;
  updateList(getElement("plans"), plans, ({ id }) => id, drawPlan);
}

/** @param {BoardPlan} plan */
function drawPlan({ title, project, state, done, total, reason }) {
  const name = project ? `${title} (${project})` : title;
  return createElement(
    "li",
    { class: "line", "data-state": state },
    createElement("b", {}, translate("plan")),
    createUserText("span", name, 120),
    createElement("span", {}, translate("plan.steps", { done, total })),
    createElement("span", {}, translate(`plan.${state}`)),
    reason ? createUserText("span", reason) : undefined,
  );
}
