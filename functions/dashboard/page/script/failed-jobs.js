import { fetchJson, getProblemText } from "./api.js";
import { createElement, createUserText, findElement, getElement, updateList } from "./dom.js";
import { formatTime, translate } from "./language.js";
import { refreshPage } from "./refresh.js";

/** @import { DeadLettersAnswer, FailedJob } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs() {
  if (!getElement("failed-jobs").open) return;
  /** @type {DeadLettersAnswer} */
  const { dead_letters: jobs } = await fetchJson("/dead-letters");
  updateList(getElement("failed-job-list"), jobs, ({ queue, id }) => `${queue} ${id}`, drawFailedJob);
}

/** Shows the number of failed jobs in the header; its button opens the list. @param {number} count */
export function showFailedCount(count) {
  const hadFocus = getElement("failed-jobs").contains(document.activeElement);
  getElement("failed-count").textContent = translate("health.set_aside", { n: count });
  getElement("failed-count").hidden = count === 0;
  getElement("failed-jobs").hidden = count === 0;
  if (count === 0 && hadFocus) getElement("board").focus({ preventScroll: true });
}

/** @param {FailedJob} job */
function drawFailedJob(job) {
  /** @param {TextName} text @param {() => void} onclick */
  const createButton = (text, onclick) => {
    const screenReaderName = createElement("span", { class: "sr" }, ` ${job.queue} ${job.id}`);
    return createElement("button", { type: "button", class: "quiet", onclick }, translate(text), screenReaderName);
  };
  return createElement(
    "li",
    { class: "line" },
    createElement("time", { datetime: job.at }, formatTime(Date.parse(job.at))),
    createElement("b", {}, job.queue),
    createUserText("span", job.id, 120),
    createUserText("span", job.reason),
    createButton("retry", () => changeFailedJob(job, "/replay", "POST")),
    createButton("failed_jobs.discard", () => discardFailedJob(job)),
  );
}

/** @param {FailedJob} job */
function discardFailedJob(job) {
  const { queue, id } = job;
  if (confirm(translate("failed_jobs.discard.sure", { queue, id }))) changeFailedJob(job, "", "DELETE");
}

/** @param {FailedJob} job @param {string} action end of the path @param {"POST" | "DELETE"} method */
async function changeFailedJob({ queue, id }, action, method) {
  getElement("failed-job-problem").textContent = "";
  try {
    await fetchJson(`/dead-letters/${queue}/${encodeURIComponent(id)}${action}`, { method });
    findElement(getElement("failed-jobs"), "summary").focus();
  } catch (thrown) {
    getElement("failed-job-problem").textContent = getProblemText(thrown);
  }
  refreshPage();
}

getElement("failed-jobs").addEventListener("toggle", () => refreshPage());
getElement("failed-count").addEventListener("click", () => {
  getElement("failed-jobs").open = true;
  findElement(getElement("failed-jobs"), "summary").focus();
});
