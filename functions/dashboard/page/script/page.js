/** The entry of the page's script: header, sign-in, the loading of the view Tickets, and the wiring of all parts. */

import { forgetToken, loadAgents, loadFailedJobs, showFailedCount } from "./administration.tsx";
import {
  ANSWER_TIMEOUT_MS,
  fetchJson,
  getProblemCode,
  getProblemText,
  getServerText,
  onSignInNeeded,
  sendJson,
} from "./api.js";
import { drawColumns, showBoard } from "./board.tsx";
import { loadChat } from "./chat.tsx";
import { loadDecisions, resetDecisions, resetNews } from "./decision-log.tsx";
import {
  createButton,
  createElement,
  findElements,
  findTarget,
  focusFirstVisible,
  getElement,
  makeFocusable,
  updateList,
} from "./dom.js";
import { drawInbox, getWaitingCount, loadInbox } from "./inbox.tsx";
import { getLanguage, setLanguage, translate, translatePage } from "./language.js";
import { startKeys } from "./palette.tsx";
import { closeDetail, loadPlan } from "./plan.tsx";
import { loadTeam } from "./team.tsx";
import { refreshPage, setParts, showConnected, signOut, startUpdates, stopUpdates } from "./updates.js";
import {
  chooseTask,
  getChosenTask,
  getNamedTicket,
  getProject,
  getView,
  onMove,
  openPlace,
  startViews,
} from "./views.ts";

/** @import { CapacityWarning } from "../../../../shared/store/capacity.ts" */
/** @import { Notice } from "../../../../shared/app/deps.ts" */
/** @import { BoardAnswer } from "../../answers.ts" */
/** @import { TextName } from "./page-types.ts" */
/** @import { Place } from "./views.ts" */

/** @type {number | undefined} */
let signedInAt;

/** Number of failed attempts to load the script: a browser repeats a failed import only under another address. */
let failures = 0;

let isStyled = false;

/** Key of the ticket to which the address has led already. @type {string | undefined} */
let openedTicket;

/** Shows the list of projects and Groundcrew's own health. @param {BoardAnswer} board */
function showHeader({ projects, health, waiting, set_aside, demo }) {
  const choices = [
    { value: "", text: translate("projects.all") },
    ...projects.map(({ identifier, name }) => ({ value: identifier, text: `${name} (${identifier})` })),
  ];
  updateList(
    getElement("projects"),
    choices,
    ({ value }) => `p:${value}`,
    ({ value, text }) => createElement("option", { value }, text.slice(0, 60)),
  );
  getElement("projects").value = getProject();
  const { plane, telegram, store } = health;
  const dots = [
    drawHealth("Plane", plane),
    telegram && drawHealth("Telegram", telegram, waiting.telegram),
    drawHold("plane", "Plane", plane),
    drawHold("telegram", "Telegram", telegram),
    store && !store.ok && drawHealth(translate("health.store"), store),
    ...(store?.warnings ?? []).map(drawCapacityWarning),
  ];
  getElement("health").replaceChildren(...dots.filter((dot) => dot instanceof Node));
  showFailedCount(set_aside);
  getElement("sign-out").hidden = demo;
}

/** @param {CapacityWarning} warning */
function drawCapacityWarning(warning) {
  const text =
    warning.kind === "memory"
      ? translate("health.store_memory", { n: warning.percent })
      : translate("health.store_disk", { n: Math.floor(warning.free / 1024 ** 2) });
  return createElement("span.dot", { "data-is": "bad" }, text);
}

/** @param {string} name @param {Pick<BoardAnswer["health"]["plane"], "ok" | "error">} health */
function drawHealth(name, { ok, error }, waiting = 0) {
  const is = ok ? "good" : ok === null ? "unknown" : "bad";
  const title = translate(`health.${is}`, { part: name, reason: error ?? "" });
  const count = waiting > 0 && ` · ${translate("health.waiting", { n: waiting })}`;
  return createElement(
    "span.dot",
    { "data-is": is, title },
    createElement("span", { "aria-hidden": "true" }, name, count),
    createElement("span.sr", title),
  );
}

/**
 * Draws the notice of a long rate limit with the button that ends it.
 * @param {string} system @param {string} name @param {BoardAnswer["health"]["telegram"]} health
 */
function drawHold(system, name, health) {
  if (health?.hold_s === undefined) return undefined;
  const text = translate("health.held", { part: name, n: Math.ceil(health.hold_s / 60) });
  const button = createButton("quiet", translate("health.retry"), endHold, name);
  const notice = createElement("span.hold", { "data-system": system }, text, " ", button);
  return notice;

  async function endHold() {
    button.disabled = true;
    await fetchJson(`/api/holds/${system}`, { method: "DELETE" }).then(
      () => notice.remove(),
      (thrown) => button.replaceWith(getProblemText(thrown)),
    );
  }
}

function showSignIn() {
  // Signed out again right after a sign-in: over HTTP, browsers reject the cookie, which is marked Secure.
  if (signedInAt && Date.now() - signedInAt < ANSWER_TIMEOUT_MS) showSignInProblem(translate("sign.cookie"));
  signedInAt = undefined;
  stopUpdates();
  forgetToken();
  getElement("sign-in").hidden = false;
  getElement("lost").hidden = true;
  document.body.classList.add("signed-out");
  getElement("token").focus();
}

/** @param {string} text */
function showSignInProblem(text) {
  getElement("sign-in-problem").textContent = text;
}

/** @param {Event} event */
async function signIn(event) {
  event.preventDefault();
  showSignInProblem("");
  try {
    await sendJson("/api/session", { token: getElement("token").value });
    getElement("token").value = "";
    signedInAt = Date.now();
    getElement("sign-in").hidden = true;
    document.body.classList.remove("signed-out");
    focusFirstVisible(...findElements(document, "main > section"));
    startUpdates();
  } catch (thrown) {
    showSignInProblem(explainSignInRefusal(thrown));
    getElement("token").select();
  }
}

/** @param {unknown} thrown */
function explainSignInRefusal(thrown) {
  const code = getProblemCode(thrown);
  if (getServerText(thrown)) return getProblemText(thrown);
  if (code === "unauthorized" || code === "bad_request") return translate("sign.wrong");
  return code === "rate_limited" ? translate("sign.often") : getProblemText(thrown);
}

/**
 * Loads the tickets while their view is shown, or only the sessions, whose output changes nothing else. The view's
 * script and style sheet are loaded when it is shown first.
 * @param {"all" | "sessions"} which
 */
async function loadTickets(which) {
  if (getView() !== "tickets") return;
  const [{ showTickets }] = await Promise.all([importTicketView(), loadStyle()]);
  await showTickets(which);
  const ticket = getNamedTicket();
  if (ticket === openedTicket) return;
  const row = ticket && document.querySelector(`#tickets-view [data-ticket="${CSS.escape(ticket)}"]`);
  // A ticket that is not there yet is shown as soon as it is.
  if (row instanceof HTMLElement || !ticket) openedTicket = ticket;
  if (!(row instanceof HTMLElement)) return;
  makeFocusable(row).focus();
  row.scrollIntoView({ block: "nearest" });
}

/** Loads the page of a task, whose script is loaded when it is shown first. */
async function loadTask() {
  if (getView() === "task") await (await import("./task-page.tsx")).loadTask();
}

/** @returns {Promise<typeof import("./ticket-view.tsx")>} */
async function importTicketView() {
  try {
    return await (failures > 0 ? import(`/assets/tickets.js?${failures}`) : import("./ticket-view.tsx"));
  } catch {
    failures += 1;
    throw new Error(translate("unreachable"));
  }
}

async function loadStyle() {
  if (isStyled) return;
  isStyled = true;
  await new Promise((resolve) => {
    const link = createElement("link", { rel: "stylesheet", href: "/assets/tickets.css", onload: resolve });
    link.addEventListener("error", () => {
      isStyled = false;
      link.remove();
      resolve(undefined);
    });
    document.head.append(link);
  });
}

/** Shows how many tickets wait for an approval, at the view's name. @param {BoardAnswer} board */
function showTicketCount({ tickets }) {
  const count = tickets?.pending ?? 0;
  getElement("ticket-count").textContent = count > 0 ? String(count) : "";
}

/** The title: how much waits for a person, and where one is. */
function showTitle() {
  const count = getWaitingCount();
  const link = getElement("views").querySelector(`[data-view="${getView()}"]`);
  const name = getChosenTask() ?? translate(/** @type {TextName} */ (link?.getAttribute("data-name")));
  document.title = `${count > 0 ? `(${count}) ` : ""}${name} · Groundcrew`;
}

/** Shows what is broken, with what to do; also while the store does not answer, when no other part can be loaded. */
async function loadNotices() {
  /** @type {{ notices: Notice[] }} */
  const { notices } = await fetchJson("/api/notices");
  updateList(
    getElement("notices"),
    notices,
    ({ kind, since, text }) => `${kind} ${since} ${text}`,
    ({ text, remedy }) => createElement("p", `⚠️ ${text} `, createElement("strong", remedy)),
  );
}

async function loadBoard() {
  await loadNotices();
  const project = getProject();
  /** @type {BoardAnswer} */
  const board = await fetchJson(`/api/board${project && `?project=${encodeURIComponent(project)}`}`);
  const { projects } = board;
  // The browser may remember a project that was deleted since or belongs to another workspace.
  if (getProject() && projects.length > 0 && !projects.some(({ identifier }) => identifier === getProject()))
    return openPlace({ project: "" });
  showHeader(board);
  showTicketCount(board);
  showBoard(board);
}

/** Shows another place: what belongs to the one before is forgotten. @param {Place} previous */
function showPlace(previous) {
  const task = getChosenTask();
  const isOtherProject = previous.project !== getProject();
  const taskBefore = previous.view === "why" ? previous.key : undefined;
  if (isOtherProject) {
    resetNews();
    closeDetail();
  }
  if (isOtherProject || task !== taskBefore) resetDecisions();
  showTitle();
  refreshPage();
  if (task !== undefined && task !== taskBefore && !document.activeElement?.checkVisibility())
    focusFirstVisible(getElement("task"));
  if (task === undefined && taskBefore !== undefined) {
    const card = document.querySelector(`.card[data-task="${CSS.escape(taskBefore)}"] button`);
    focusFirstVisible(card instanceof HTMLElement ? card : undefined, getElement("why"));
  }
  // After the focus has moved: a hidden element loses it when its tab stop is set.
  drawColumns();
}

function changeLanguage() {
  setLanguage(getElement("language").value);
  showConnected();
  drawInbox();
  showTitle();
  refreshPage();
}

onSignInNeeded(showSignIn);

onMove(showPlace);

getElement("sign-in").addEventListener("submit", signIn);

getElement("sign-out").addEventListener("click", signOut);

getElement("projects").addEventListener("change", () => openPlace({ project: getElement("projects").value }));

getElement("language").addEventListener("change", changeLanguage);

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && getChosenTask() && !findTarget(event, "input, select, textarea")) chooseTask();
});

translatePage();

getElement("language").value = getLanguage();

for (const id of ["inbox-view", "columns", "team-list", "plan-view", "tickets-view", "trail", "messages"])
  getElement(id).append(createElement("p.empty", translate("loading")));

setParts([
  { id: "inbox", load: () => loadInbox().then(showTitle) },
  { id: "board", load: loadBoard },
  { id: "task", load: loadTask },
  { id: "team", load: loadTeam },
  { id: "plan", load: loadPlan },
  { id: "tickets", load: () => loadTickets("all") },
  { id: "sessions", place: "tickets", load: () => loadTickets("sessions") },
  { id: "why", load: loadDecisions },
  { id: "chat", load: loadChat },
  { id: "agents", load: loadAgents },
  { id: "failed-jobs", load: loadFailedJobs },
]);

startViews();

startKeys();

startUpdates();

if (document.body.dataset["demo"]) import("groundcrew:console");
