import { loadAgents } from "./agents.js";
import { fetchJson } from "./api.js";
import { markChosenCard, showBoard } from "./board.js";
import { loadChat } from "./chat.js";
import { loadDecisions, resetDecisions, resetNews } from "./decision-log.js";
import { createElement, findTarget, focusFirstVisible, getElement } from "./dom.js";
import { loadFailedJobs } from "./failed-jobs.js";
import { showHeader } from "./header.js";
import { getLanguage, setLanguage, translate, translatePage } from "./language.js";
import { isConnected, showConnected, startUpdates } from "./live.js";
import { forgetPlan, loadPlan, onProjectChoice } from "./plan.js";
import { showPlans } from "./plans.js";
import { showProgress } from "./progress.js";
import { refreshPage, setParts } from "./refresh.js";
import { chooseTask, getChosenTask, getProject, onTaskChoice, setProject } from "./selection.js";
import "./sign-in.js";
import { loadTeam } from "./team.js";
import { loadSessions, loadTickets, showTicketCount } from "./tickets.js";
import { onViewChange, showView } from "./views.js";

/** @import { BoardAnswer } from "../../api-answers.ts" */
/** @import { ChosenTask } from "./page-types.ts" */

async function loadBoard() {
  const project = getProject();
  /** @type {BoardAnswer} */
  const board = await fetchJson(`/api/board${project && `?project=${encodeURIComponent(project)}`}`);
  const { projects } = board;
  // The browser may remember a project that was deleted since or belongs to another workspace.
  if (getProject() && projects.length > 0 && !projects.some(({ identifier }) => identifier === getProject()))
    showProject("");
  showHeader(board);
  showTicketCount(board);
  showProgress(board);
  showPlans(board.plans);
  showBoard(board);
}

/** @param {string} identifier */
function showProject(identifier) {
  setProject(identifier);
  resetDecisions();
  resetNews();
  forgetPlan();
  refreshPage();
}

/** Shows the decisions about the chosen task, or about all tasks. @param {ChosenTask | undefined} previous */
function showChoice(previous) {
  const task = getChosenTask();
  markChosenCard();
  resetDecisions();
  if (task) showView("why");
  refreshPage();
  if (task && !document.activeElement?.checkVisibility()) focusFirstVisible(getElement("why"));
  if (!task && previous) {
    const card = document.querySelector(`.card[data-key="${CSS.escape(previous.id)}"] button`);
    focusFirstVisible(card instanceof HTMLElement ? card : undefined, getElement("why"));
  }
}

function changeLanguage() {
  setLanguage(getElement("language").value);
  if (isConnected()) showConnected();
  refreshPage();
}

onTaskChoice(showChoice);
onProjectChoice(showProject);
onViewChange(refreshPage);
getElement("projects").addEventListener("change", () => showProject(getElement("projects").value));
getElement("language").addEventListener("change", changeLanguage);
getElement("views").addEventListener("click", (event) => {
  const view = findTarget(event, "button")?.dataset["view"];
  if (view) showView(view);
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && getChosenTask() && !findTarget(event, "input, select")) chooseTask();
});

translatePage();
getElement("language").value = getLanguage();
for (const id of ["columns", "team-list", "plan-view", "tickets-view", "trail", "messages"])
  getElement(id).append(createElement("p", { class: "empty" }, translate("loading")));
showView("board");
setParts([
  { id: "board", load: loadBoard },
  { id: "team", load: loadTeam },
  { id: "plan", load: loadPlan },
  { id: "tickets", load: loadTickets },
  { id: "sessions", place: "tickets", load: loadSessions },
  { id: "why", load: loadDecisions },
  { id: "chat", load: loadChat },
  { id: "agents", load: loadAgents },
  { id: "failed-jobs", load: loadFailedJobs },
]);
startUpdates();
