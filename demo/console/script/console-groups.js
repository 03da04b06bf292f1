import { createElement } from "../../../functions/dashboard/page/script/dom.js";
import { translate } from "./console-language.js";

/** @typedef {ReturnType<typeof createGroup>} ConsoleGroup */

export const WEBHOOK_FATES = /** @type {const} */ (["arrive", "drop", "double", "delay"]);

/**
 * Creates a group: a heading, its controls, what they do and what to watch for.
 * @param {"add" | "ticket" | "move" | "fate" | "stop_telegram" | "stop_plane" | "kill" | "wish"} name
 * @param {HTMLElement} control @param {HTMLElement[]} controls
 */
export function createGroup(name, control, ...controls) {
  const heading = createElement("h3", {});
  const explanation = createElement("p", { id: `console-${name}-does`, class: "does" });
  control.setAttribute("aria-describedby", explanation.id);
  return {
    name,
    heading,
    explanation,
    element: createElement("div", { class: "group" }, heading, controls, explanation),
  };
}

/**
 * Says below each control what it does and what to watch for; for webhooks it depends on the choice.
 * @param {readonly ConsoleGroup[]} groups @param {string} fate
 */
export function drawExplanations(groups, fate) {
  const chosenFate = WEBHOOK_FATES.find((name) => name === fate) ?? "arrive";
  for (const { name, heading, explanation } of groups) {
    heading.textContent = translate(`${name}_title`);
    const watch = translate(name === "fate" ? `${chosenFate}_watch` : `${name}_watch`);
    const text = [translate(`${name}_does`), " ", createElement("b", {}, translate("watch")), ` ${watch}`];
    explanation.replaceChildren(...text);
  }
}
