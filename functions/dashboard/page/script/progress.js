import { createElement, createUserText, findElement, findElements, getElement, updateList } from "./dom.js";
import { formatBytes, translate, translateParts } from "./language.js";

/** @import { BoardAnswer } from "../../api-answers.ts" */
/** @import { TextPart } from "./page-types.ts" */

/**
 * Something that takes a while: what it is, which stays the same, and how far it is.
 * @typedef {{ key: string, name: string, subject?: string, percent: number, text: string }} ProgressRow
 */

/** Shows how far the first look at Plane and the running uploads are. @param {BoardAnswer} board */
export function showProgress({ first_look, uploads }) {
  const rows = [...listFirstLook(first_look), ...uploads.map(describeUpload)];
  getElement("progress").hidden = rows.length === 0;
  updateList(
    getElement("progress"),
    // What changes with each step is set afterwards, so that the row is not drawn again.
    rows.map((row) => ({ ...row, percent: 0, text: "" })),
    ({ key }) => key,
    drawProgressRow,
  );
  for (const [i, el] of findElements(getElement("progress"), ":scope > li").entries()) {
    const row = rows[i];
    if (!row) continue;
    setProgress(el, row.percent);
    findElement(el, ".far").textContent = row.text;
  }
}

/** Creates a bar for `setProgress`. @param {string} name what screen readers call it */
export function createProgressBar(name) {
  return createElement("progress", { max: 100, "aria-label": name.slice(0, 200) });
}

/** @param {HTMLElement} root an element that contains one bar @param {number} percent */
export function setProgress(root, percent) {
  const bar = root.querySelector("progress");
  if (bar) bar.value = percent;
}

/** @param {BoardAnswer["first_look"]} look @returns {ProgressRow[]} */
function listFirstLook(look) {
  if (!look) return [];
  const { stage, percent, projects, projects_left, items_read, tasks_left, items_left } = look;
  const counts = { done: projects - projects_left, projects, read: items_read, tasks: tasks_left, items: items_left };
  return [
    {
      key: "first-look",
      name: translate("progress.first_look"),
      percent,
      text: translate(`progress.${stage}`, counts),
    },
  ];
}

/** @param {BoardAnswer["uploads"][number]} upload @returns {ProgressRow} */
function describeUpload({ task, name, agent, sent, size, at }) {
  return {
    key: `${task} ${agent} ${name} ${at}`,
    name: translate("progress.upload", { agent, task }),
    subject: name,
    percent: size > 0 ? (100 * sent) / size : 0,
    text: translate("progress.bytes", { sent: formatBytes(sent), size: formatBytes(size) }),
  };
}

/** @param {ProgressRow} row */
function drawProgressRow({ key, name, subject }) {
  /** @type {TextPart[]} */
  const title = subject
    ? translateParts("progress.of", { what: name, file: createUserText("span", subject, 80) })
    : [name];
  return createElement(
    "li",
    { class: "line", "data-part": key },
    createElement("b", {}, title),
    createProgressBar(subject ? `${name} ${subject}` : name),
    createElement("span", { class: "far" }),
  );
}
