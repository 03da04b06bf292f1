/** The entry of the page's script: what its parts load, the scripts that are loaded when they are needed, and the title. */

import { loadSignIns } from "./account.tsx";
import { loadAgents, loadFailedJobs } from "./administration.tsx";
import { fetchAnswer } from "./api.ts";
import { drawColumns, showBoard } from "./board.tsx";
import { loadChat } from "./chat.tsx";
import { loadDecisions, resetDecisions, resetNews } from "./decision-log.tsx";
import { drawPart } from "./elements.tsx";
import { findTarget, focusFirstVisible, getElement } from "./find-elements.ts";
import { showHeader, showNotices } from "./header.tsx";
import { drawInbox, getRequests, loadInbox } from "./inbox.tsx";
import { getLanguage, setLanguage, translate, translatePage } from "./language.ts";
import type { TextName } from "./page-types.ts";
import { setUpSignInForm, signInByLink, takeLinkSecret } from "./sign-in.ts";
import { loadTeam } from "./team.tsx";
import { refreshPage, setParts, showConnected, signOut, startUpdates } from "./updates.tsx";
import {
  chooseTask,
  getChosenTask,
  getFilters,
  getProject,
  getView,
  onMove,
  openPlace,
  type Place,
  startViews,
} from "./views.ts";

/** Number of failed attempts to load a script: a browser repeats a failed import only under another address. */
const failures: Record<string, number> = {};

let isStyled = false;

/**
 * Loads the tickets while their view is shown, or only the sessions, whose output changes nothing else. The view's
 * script and style sheet are loaded when it is shown first.
 */
async function loadTickets(which: "all" | "sessions"): Promise<void> {
  if (getView() !== "tickets") return;
  const [{ showTickets }] = await Promise.all([importPart("tickets", () => import("./ticket-view.tsx")), loadStyle()]);
  await showTickets(which);
}

/** Loads the page of a task, whose script is loaded when it is shown first. */
async function loadTask(): Promise<void> {
  if (getView() === "task") await (await importPart("task-page", () => import("./task-page.tsx"))).loadTask();
}

/** Loads the plan, whose script is loaded when it is shown first. */
async function loadPlan(): Promise<void> {
  if (getView() !== "plan") return void drawPart("plan-view", null);
  await (await importPart("plan", () => import("./plan.tsx"))).loadPlan();
}

/** Loads recurring work, whose script is loaded when it is shown first. */
async function loadSchedules(): Promise<void> {
  if (getView() === "schedules") await (await importPart("schedules", () => import("./schedules.tsx"))).loadSchedules();
}

async function importPart<Part>(name: string, load: () => Promise<Part>): Promise<Part> {
  const count = failures[name] ?? 0;
  try {
    return await (count > 0 ? import(`/assets/${name}.js?${count}`) : load());
  } catch {
    failures[name] = count + 1;
    throw new Error(translate("unreachable"));
  }
}

async function loadStyle(): Promise<void> {
  if (isStyled) return;
  isStyled = true;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/assets/tickets.css" });
  document.head.append(link);
  await new Promise<void>((resolve) => {
    link.onload = () => resolve();
    link.onerror = () => {
      isStyled = false;
      link.remove();
      resolve();
    };
  });
}

/** The title: how much waits for a person, and where one is. */
function showTitle(): void {
  const count = getRequests().length;
  const link = document.querySelector(`header [data-view="${getView()}"]`);
  const name = getChosenTask() ?? translate(link?.getAttribute("data-name") as TextName);
  document.title = `${count > 0 ? `(${count}) ` : ""}${name} · Groundcrew`;
}

async function loadBoard(): Promise<void> {
  // First, and also while the store does not answer, when no other part can be loaded.
  showNotices((await fetchAnswer("/api/notices")).notices);
  const board = await fetchAnswer("/api/board", getFilters());
  const { projects } = board;
  // The browser may remember a project that was deleted since or belongs to another workspace.
  if (getProject() && projects.length > 0 && !projects.some(({ identifier }) => identifier === getProject()))
    return openPlace({ project: "" });
  showHeader(board);
  showBoard(board);
  // So that the first key finds it.
  loadPalette().catch(() => {});
}

let openPalette: typeof import("./palette.tsx").openPalette | undefined;

async function loadPalette(): Promise<void> {
  openPalette ??= (await importPart("palette", () => import("./palette.tsx"))).openPalette;
}

/** Shows another place: what belongs to the one before is forgotten. */
function showPlace(previous: Place): void {
  const task = getChosenTask();
  const isOtherProject = previous.project !== getProject();
  const taskBefore = previous.view === "why" ? previous.key : undefined;
  if (isOtherProject) resetNews();
  if (isOtherProject || task !== taskBefore) resetDecisions();
  showTitle();
  refreshPage();
  if (task !== undefined && task !== taskBefore && !document.activeElement?.checkVisibility())
    focusFirstVisible(getElement("task"));
  if (task === undefined && taskBefore !== undefined) {
    const card = document.querySelector<HTMLElement>(`.card[data-task="${CSS.escape(taskBefore)}"] button`);
    focusFirstVisible(card, getElement("why"));
  }
  // After the focus has moved: a hidden element loses it when its tab stop is set.
  drawColumns();
}

function changeLanguage(): void {
  setLanguage(getElement("language").value);
  showConnected();
  drawInbox();
  showTitle();
  refreshPage();
}

onMove(showPlace);

getElement("sign-out").addEventListener("click", signOut);

getElement("projects").addEventListener("change", () => openPlace({ project: getElement("projects").value }));

getElement("language").addEventListener("change", changeLanguage);

/** Opens the palette or the list of keys, whose script is loaded with the first such key. */
async function handleKey(event: KeyboardEvent): Promise<void> {
  const isPalette = event.key === "k" && (event.ctrlKey || event.metaKey);
  const isBusy = document.querySelector("dialog[open]") || findTarget(event, "input, textarea, select");
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
  const isKey = isPalette || (["/", "?"].includes(event.key) && !isBusy && !hasModifier);
  if (!isKey || document.body.classList.contains("signed-out")) return;
  event.preventDefault();
  // At once where it is loaded: what is typed next belongs to it.
  if (!openPalette) await loadPalette();
  openPalette?.(event.key === "?" ? "keys" : "palette");
}

addEventListener("keydown", handleKey);

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && getChosenTask() && !findTarget(event, "input, select, textarea")) chooseTask();
});

translatePage();

getElement("language").value = getLanguage();

for (const id of [
  "inbox-view",
  "columns",
  "team-list",
  "plan-view",
  "schedules-view",
  "tickets-view",
  "trail",
  "messages",
]) {
  const text = Object.assign(document.createElement("p"), { className: "empty", textContent: translate("loading") });
  getElement(id).append(text);
}

setParts([
  { id: "inbox", load: () => loadInbox().then(showTitle) },
  { id: "board", load: loadBoard },
  { id: "task", load: loadTask },
  { id: "sign-ins", load: loadSignIns },
  { id: "team", load: loadTeam },
  { id: "plan", load: loadPlan },
  { id: "schedules", load: loadSchedules },
  { id: "tickets", load: () => loadTickets("all"), route: "GET /api/sessions" },
  { id: "sessions", place: "tickets", load: () => loadTickets("sessions"), route: "GET /api/sessions" },
  { id: "why", load: loadDecisions },
  { id: "chat", load: loadChat, route: "GET /api/chat" },
  { id: "agents", load: loadAgents, route: "GET /api/agents" },
  { id: "failed-jobs", load: loadFailedJobs, route: "GET /dead-letters" },
]);

setUpSignInForm();

const secret = takeLinkSecret();

// The page of the design system is its own, and only in the build for development.
if (location.pathname === "/design") import("/assets/design.js");
else {
  startViews();
  if (secret === undefined) startUpdates();
  else signInByLink(secret);
}

if (document.body.dataset["demo"]) import("groundcrew:console");
