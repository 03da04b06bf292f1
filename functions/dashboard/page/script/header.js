import { createElement, getElement, updateList } from "./dom.js";
import { showFailedCount } from "./failed-jobs.js";
import { translate } from "./language.js";
import { getProject } from "./selection.js";

/** @import { BoardAnswer } from "../../api-answers.ts" */

/** Shows the list of projects and Groundcrew's own health. @param {BoardAnswer} board */
export function showHeader(board) {
  const choices = [
    { value: "", text: translate("projects.all") },
    ...board.projects.map(({ identifier, name }) => ({ value: identifier, text: `${name} (${identifier})` })),
  ];
  updateList(
    getElement("projects"),
    choices,
    ({ value }) => `p:${value}`,
    ({ value, text }) => createElement("option", { value }, text.slice(0, 60)),
  );
  getElement("projects").value = getProject();
  const { plane, telegram, store } = board.health;
  const dots = [drawHealth("Plane", plane)];
  if (telegram) dots.push(drawHealth("Telegram", telegram, board.waiting.telegram));
  if (store && !store.ok) dots.push(drawHealth(translate("health.store"), store));
  for (const warning of store?.warnings ?? []) {
    const text =
      warning.kind === "memory"
        ? translate("health.store_memory", { n: warning.percent })
        : translate("health.store_disk", { n: Math.floor(warning.free / 1024 ** 2) });
    dots.push(createElement("span", { class: "dot", "data-is": "bad" }, text));
  }
  getElement("health").replaceChildren(...dots);
  showFailedCount(board.set_aside);
  getElement("sign-out").hidden = board.demo;
}

/** @param {string} name @param {Pick<BoardAnswer["health"]["plane"], "ok" | "error">} health */
function drawHealth(name, { ok, error }, waiting = 0) {
  const is = ok ? "good" : ok === null ? "unknown" : "bad";
  const text = translate(`health.${is}`, { part: name, reason: error ?? "" });
  const count = waiting > 0 && ` · ${translate("health.waiting", { n: waiting })}`;
  return createElement(
    "span",
    { class: "dot", "data-is": is, title: text },
    createElement("span", { "aria-hidden": "true" }, name, count),
    createElement("span", { class: "sr" }, text),
  );
}
