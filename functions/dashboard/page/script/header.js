import { fetchJson, getProblemText } from "./api.js";
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
  dots.push(...drawHold("plane", "Plane", plane), ...drawHold("telegram", "Telegram", telegram));
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

/**
 * Draws the notice of a long rate limit with the button that ends it.
 * @param {string} system @param {string} name @param {BoardAnswer["health"]["telegram"]} health
 */
function drawHold(system, name, health) {
  if (health?.hold_s === undefined) return [];
  const text = translate("health.held", { part: name, n: Math.ceil(health.hold_s / 60) });
  const screenReaderName = createElement("span", { class: "sr" }, ` ${name}`);
  const button = createElement(
    "button",
    { type: "button", class: "quiet" },
    translate("health.retry"),
    screenReaderName,
  );
  button.addEventListener("click", async () => {
    button.disabled = true;
    await fetchJson(`/api/holds/${system}`, { method: "DELETE" }).then(
      () => notice.remove(),
      (thrown) => button.replaceWith(getProblemText(thrown)),
    );
  });
  const notice = createElement("span", { class: "hold", "data-system": system }, text, " ", button);
  return [notice];
}
