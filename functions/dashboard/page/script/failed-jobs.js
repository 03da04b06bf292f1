import { fetchJson, getProblemText } from "./api.js";
import { createElement, createUserText, findElement, getElement, updateList } from "./dom.js";
import { formatTime, translate } from "./language.js";
import { refreshPage } from "./refresh.js";
import { showView } from "./views.js";

/** @import { DeadLettersAnswer, FailedJob } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** Number of all failed jobs; the list has the oldest of them. */
let totalCount = 0;

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs() {
  if (!getElement("failed-jobs").open) return;
  /** @type {DeadLettersAnswer} */
  const { dead_letters: jobs } = await fetchJson("/dead-letters");
  updateList(getElement("failed-job-list"), jobs, ({ queue, id }) => `${queue} ${id}`, drawFailedJob);
  const hint = jobs.length === 0 ? translate("failed_jobs.none") : "";
  getElement("failed-job-hint").textContent =
    jobs.length < totalCount && jobs.length > 0 ? translate("failed_jobs.oldest", { n: jobs.length }) : hint;
}

/** Shows the number of failed jobs in the header and at the list; the one in the header opens the list. @param {number} count */
export function showFailedCount(count) {
  totalCount = count;
  const isFocused = getElement("failed-count") === document.activeElement;
  getElement("failed-count").textContent = translate("health.set_aside", { n: count });
  getElement("failed-count").hidden = count === 0;
  getElement("failed-job-count").textContent = count > 0 ? String(count) : "";
  if (count === 0 && isFocused) getElement("board").focus({ preventScroll: true });
}

/** Opens the list of failed jobs and moves the focus to it. */
export function openFailedJobs() {
  showView("board");
  getElement("failed-jobs").open = true;
  findElement(getElement("failed-jobs"), "summary").focus();
}

/** Names the job's work, and its task where it has one. @param {FailedJob} job */
function getJobName({ queue, task }) {
  const name = translate(`failed_jobs.queue.${queue}`);
  return task ? `${name} (${task})` : name;
}

/** @param {FailedJob} job */
function drawFailedJob(job) {
  const name = getJobName(job);
  /** @param {TextName} text @param {() => void} onclick */
  const createButton = (text, onclick) => {
    const screenReaderName = createElement("span", { class: "sr" }, ` ${name} ${job.id}`);
    return createElement("button", { type: "button", class: "quiet", onclick }, translate(text), screenReaderName);
  };
  const details = createElement(
    "details",
    { class: "technical" },
    createElement("summary", {}, translate("technical")),
  );
  details.append(createElement("code", { dir: "auto" }, `${job.queue} ${job.id}`.slice(0, 300)));
  return createElement(
    "li",
    {},
    createElement(
      "p",
      { class: "line" },
      createElement("b", {}, name),
      createElement("time", { datetime: job.at, class: "muted" }, formatTime(Date.parse(job.at))),
    ),
    createElement("p", {}, createUserText("span", job.reason, 600)),
    createElement(
      "div",
      { class: "line" },
      createButton("failed_jobs.requeue", () => changeFailedJob(job, "requeued")),
      createButton("failed_jobs.discard", () => discardFailedJob(job)),
      details,
    ),
  );
}

/** @param {FailedJob} job */
function discardFailedJob(job) {
  if (confirm(translate("failed_jobs.discard.sure", { what: getJobName(job), id: job.id })))
    changeFailedJob(job, "discarded");
}

/** @param {FailedJob} job @param {"requeued" | "discarded"} change */
async function changeFailedJob(job, change) {
  const path = `/dead-letters/${job.queue}/${encodeURIComponent(job.id)}`;
  getElement("failed-job-problem").textContent = "";
  getElement("failed-job-told").textContent = "";
  try {
    if (change === "requeued") await fetchJson(`${path}/replay`, { method: "POST" });
    else await fetchJson(path, { method: "DELETE" });
    getElement("failed-job-told").textContent = translate(`failed_jobs.${change}`, { what: getJobName(job) });
    findElement(getElement("failed-jobs"), "summary").focus();
  } catch (thrown) {
    getElement("failed-job-problem").textContent = getProblemText(thrown);
  }
  refreshPage();
}

getElement("failed-jobs").addEventListener("toggle", () => refreshPage());
getElement("failed-count").addEventListener("click", openFailedJobs);
