/** What an administrator does on the board: agents with their tokens, and failed jobs. */

import { fetchJson, getProblemText } from "./api.js";
import { createButton, createElement, createUserText, findElement, getElement, updateList } from "./dom.js";
import { formatTime, onLanguageChange, translate } from "./language.js";
import { refreshPage } from "./updates.js";
import { showView } from "./views.ts";

/** @import { AgentsAnswer, DeadLettersAnswer, FailedJob } from "../../answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** Number of all failed jobs; the list has the oldest of them. */
let totalCount = 0;

/** Loads the agents and how many bridge tokens each has. The list is hidden while the page may only read. */
export async function loadAgents() {
  /** @type {AgentsAnswer} */
  const { agents, write, path = "" } = await fetchJson("/api/agents");
  getElement("agent-where").dataset["path"] = path;
  showTokenPath();
  getElement("agents").hidden = !write || agents.length === 0;
  updateList(getElement("agent-list"), agents, "name", drawAgent);
}

function showTokenPath() {
  const place = getElement("agent-where");
  place.textContent = translate("agents.where", place.dataset);
}

/** @param {AgentsAnswer["agents"][number]} agent */
function drawAgent({ name, tokens }) {
  return createElement(
    "li.line",
    createUserText("b", name, 60),
    tokens !== 1 && createElement("span.muted", translate(tokens ? "agents.both" : "agents.none")),
    createButton("quiet", translate("agents.new"), () => renewToken(name), name),
    tokens > 1 && createButton("quiet", translate("agents.retire"), () => retireToken(name), name),
  );
}

/** @param {string} name */
async function renewToken(name) {
  if (!confirm(translate("agents.new.sure", { name }))) return;
  /** @type {{ token: string } | undefined} */
  const renewed = await sendChange("agent", "POST", `/api/agents/${encodeURIComponent(name)}/token`);
  if (!renewed) return;
  getElement("agent-token-of").dataset["name"] = name;
  labelToken();
  getElement("agent-token").hidden = false;
  getElement("agent-token-value").value = renewed.token;
  getElement("agent-token-value").select();
}

/** @param {string} name */
async function retireToken(name) {
  if (!confirm(translate("agents.retire.sure", { name }))) return;
  if (await sendChange("agent", "POST", `/api/agents/${encodeURIComponent(name)}/retire`))
    getElement("agent-told").textContent = translate("agents.retired", { name });
}

/**
 * Sends a change of agents or failed jobs; returns undefined when it failed, and the page then shows the reason.
 * @template Answer
 * @param {"agent" | "failed-job"} part @param {"POST" | "DELETE"} method @param {string} path
 * @returns {Promise<Answer | undefined>}
 */
async function sendChange(part, method, path) {
  clearMessages(part);
  try {
    return await fetchJson(path, { method });
  } catch (thrown) {
    getElement(`${part}-problem`).textContent = getProblemText(thrown);
  }
}

/** @param {"agent" | "failed-job"} part */
function clearMessages(part) {
  getElement(`${part}-problem`).textContent = "";
  getElement(`${part}-told`).textContent = "";
}

function labelToken() {
  const label = getElement("agent-token-of");
  label.textContent = translate("agents.token", label.dataset);
  clearMessages("agent");
}

export function forgetToken() {
  getElement("agent-token-value").value = "";
  getElement("agent-told").textContent = "";
  getElement("agent-token").hidden = true;
}

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs() {
  if (!getElement("failed-jobs").open) return;
  /** @type {DeadLettersAnswer} */
  const { dead_letters: jobs } = await fetchJson("/dead-letters");
  updateList(getElement("failed-job-list"), jobs, ({ queue, id }) => `${queue} ${id}`, drawFailedJob);
  const hint = jobs.length < totalCount ? translate("failed_jobs.oldest", { n: jobs.length }) : "";
  getElement("failed-job-hint").textContent = jobs.length > 0 ? hint : translate("failed_jobs.none");
}

/** @param {FailedJob} job */
function drawFailedJob(job) {
  const { queue, id, reason, at } = job;
  const name = getJobName(job);
  /** @param {TextName} text @param {() => void} onclick */
  const createJobButton = (text, onclick) => createButton("quiet", translate(text), onclick, `${name} ${id}`);
  return createElement(
    "li",
    createElement(
      "p.line",
      createElement("b", name),
      createElement("time.muted", { datetime: at }, formatTime(Date.parse(at))),
    ),
    createElement("p", createUserText("span", reason, 600)),
    createElement(
      "div.line",
      createJobButton("failed_jobs.requeue", () => changeFailedJob(job, "requeued")),
      createJobButton("failed_jobs.discard", () => discardFailedJob(job)),
      createElement(
        "details.technical",
        createElement("summary", translate("technical")),
        createElement("code", { dir: "auto" }, `${queue} ${id}`.slice(0, 300)),
      ),
    ),
  );
}

/** Names the job's work, and its task where it has one. @param {FailedJob} job */
function getJobName({ queue, task }) {
  const name = translate(`failed_jobs.queue.${queue}`);
  return task ? `${name} (${task})` : name;
}

/** @param {FailedJob} job @param {"requeued" | "discarded"} change */
async function changeFailedJob(job, change) {
  const path = `/dead-letters/${job.queue}/${encodeURIComponent(job.id)}`;
  const answer =
    change === "requeued"
      ? await sendChange("failed-job", "POST", `${path}/replay`)
      : await sendChange("failed-job", "DELETE", path);
  if (answer) {
    getElement("failed-job-told").textContent = translate(`failed_jobs.${change}`, { what: getJobName(job) });
    findElement(getElement("failed-jobs"), "summary").focus();
  }
  refreshPage();
}

/** @param {FailedJob} job */
function discardFailedJob(job) {
  if (confirm(translate("failed_jobs.discard.sure", { what: getJobName(job), id: job.id })))
    changeFailedJob(job, "discarded");
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

async function copyToken() {
  const field = getElement("agent-token-value");
  field.select();
  try {
    // Browsers allow the clipboard over HTTPS and on localhost only. Elsewhere the field stays selected for a copy.
    await navigator.clipboard.writeText(field.value);
    getElement("agent-told").textContent = translate("agents.copied");
  } catch {}
}

getElement("agent-token-value").addEventListener("focus", () => getElement("agent-token-value").select());

getElement("agent-copy").addEventListener("click", copyToken);

getElement("agent-close").addEventListener("click", () => {
  forgetToken();
  findElement(getElement("agents"), "summary").focus();
});

onLanguageChange(labelToken);

onLanguageChange(showTokenPath);

addEventListener("pagehide", forgetToken);

getElement("failed-jobs").addEventListener("toggle", () => refreshPage());

getElement("failed-count").addEventListener("click", openFailedJobs);
