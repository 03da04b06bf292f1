/** The entry of the page's script: signing in, what its parts load and when, the title, and the keys of every view. */

import {
  ANSWER_TIMEOUT_MS,
  fetchAnswer,
  getProblemCode,
  getProblemText,
  getServerText,
  onSignInNeeded,
  sendJson,
} from "./api.ts";
import { drawColumns, showBoard } from "./board.tsx";
import { loadChat } from "./chat.tsx";
import { loadDecisions, resetDecisions } from "./decision-log.tsx";
import { drawPart } from "./elements.tsx";
import { findElements, findTarget, focusFirstVisible, getElement, isTyping } from "./find-elements.ts";
import { showHeader, showNotices } from "./header.tsx";
import { drawInbox, getRequests, loadInbox } from "./inbox.tsx";
import { getLanguage, setLanguage, type TextName, translate, translatePage } from "./language.ts";
import { forgetToken, loadAgents, loadFailedJobs, loadSignIns } from "./settings.tsx";
import { loadTeam } from "./team.tsx";
import { refreshPage, setParts, showConnected, signOut, startUpdates, stopUpdates } from "./updates.tsx";
import { chooseTask, getFilters, getView, onMove, openPlace, type Place, place, startViews } from "./views.ts";

/** Number of failed attempts to load a script: a browser repeats a failed import only under another address. */
const failures: Record<string, number> = {};

/** Time of the last sign-in. */
let signedInAt = 0;

let openPalette: typeof import("./palette.tsx").openPalette | undefined;

const signIn = getElement("sign-in");
const token = getElement<HTMLInputElement>("token");

async function importPart<Part>(name: string, load: () => Promise<Part>): Promise<Part> {
  const count = failures[name] ?? 0;
  try {
    return await (count > 0 ? import(`/assets/${name}.js?${count}`) : load());
  } catch {
    failures[name] = count + 1;
    throw new Error(translate("unreachable"));
  }
}

/** Loads the page of a task, whose script is loaded when it is shown first, as those of the views below. */
async function loadTask(): Promise<void> {
  if (getView() === "task") await (await importPart("task-page", () => import("./task-page.tsx"))).loadTask();
}

async function loadPlan(): Promise<void> {
  if (getView() !== "plan") return void drawPart("plan-view", null);
  await (await importPart("plan", () => import("./plan.tsx"))).loadPlan();
}

async function loadSchedules(): Promise<void> {
  if (getView() === "schedules") await (await importPart("schedules", () => import("./schedules.tsx"))).loadSchedules();
}

/** Loads the tickets, or only the sessions, whose output changes nothing else. */
async function loadTickets(which: "all" | "sessions"): Promise<void> {
  if (getView() !== "tickets") return;
  await (await importPart("tickets", () => import("./ticket-view.tsx"))).showTickets(which);
}

async function loadPalette(): Promise<void> {
  openPalette ??= (await importPart("palette", () => import("./palette.tsx"))).openPalette;
}

async function loadBoard(): Promise<void> {
  // First, and also while the store does not answer, when no other part can be loaded.
  showNotices((await fetchAnswer("/api/notices")).notices);
  const board = await fetchAnswer("/api/board", getFilters());
  const { projects } = board;
  // The browser may remember a project that was deleted since or belongs to another workspace.
  if (place.project && projects.length > 0 && !projects.some(({ identifier }) => identifier === place.project))
    return openPlace({ project: "" });
  showHeader(board);
  showBoard(board);
  // So that the first key finds it.
  loadPalette().catch(() => {});
}

/** The title: how much waits for a person, and where one is. */
function showTitle(): void {
  const count = getRequests().length;
  const link = document.querySelector<HTMLElement>(`header [data-view="${getView()}"]`);
  const name = place.task ?? translate(link?.dataset["name"] as TextName);
  document.title = `${count > 0 ? `(${count}) ` : ""}${name} · Groundcrew`;
}

/** Shows another place: what belongs to the one before is forgotten. */
function showPlace(previous: Place): void {
  const { task } = place;
  const isOtherProject = previous.project !== place.project;
  const isOtherTask = task !== previous.task;
  if (isOtherProject || isOtherTask) resetDecisions(isOtherProject);
  showTitle();
  refreshPage();
  if (task !== undefined && isOtherTask && !document.activeElement?.checkVisibility())
    focusFirstVisible(getElement("task"));
  if (task === undefined && previous.task !== undefined) {
    const card = document.querySelector<HTMLElement>(`.card[data-task="${CSS.escape(previous.task)}"] button`);
    focusFirstVisible(card, getElement("why"));
  }
  // After the focus has moved: a hidden element loses it when its tab stop is set.
  drawColumns();
}

/** Shows the form that signs in, because a request needs a session. */
function showSignIn(): void {
  // Signed out again right after a sign-in: over HTTP, browsers reject the cookie, which is marked Secure.
  if (Date.now() - signedInAt < ANSWER_TIMEOUT_MS) showSignInProblem(translate("sign.cookie"));
  signedInAt = 0;
  stopUpdates();
  forgetToken();
  signIn.hidden = false;
  getElement("lost").hidden = true;
  document.body.classList.add("signed-out");
  token.focus();
}

function showSignInProblem(text: string): void {
  getElement("sign-in-problem").textContent = text;
}

/** Signs in with the secret of a link; the form appears when that is refused. */
async function signInByLink(secret: string): Promise<void> {
  try {
    await openSession(secret);
  } catch (thrown) {
    showSignIn();
    const isUsed = getProblemCode(thrown) === "unauthorized";
    showSignInProblem(isUsed ? translate("sign.link") : getProblemText(thrown));
  }
}

async function signInByToken(event: Event): Promise<void> {
  event.preventDefault();
  showSignInProblem("");
  try {
    await openSession(token.value);
  } catch (thrown) {
    const name = { unauthorized: "sign.wrong", bad_request: "sign.wrong", rate_limited: "sign.often" } as const;
    const text = name[getProblemCode(thrown) as keyof typeof name];
    showSignInProblem(text && !getServerText(thrown) ? translate(text) : getProblemText(thrown));
    token.select();
  }
}

async function openSession(secret: string): Promise<void> {
  await sendJson("/api/session", { token: secret });
  token.value = "";
  signedInAt = Date.now();
  signIn.hidden = true;
  document.body.classList.remove("signed-out");
  focusFirstVisible(...findElements(document, "main > section"));
  startUpdates();
}

/**
 * Takes the secret of a one-time link out of the address, so that neither the history nor a copied address has it;
 * empty when the page was not opened by a link.
 */
function takeLinkSecret(): string {
  if (location.pathname !== "/sign-in" || location.hash === "") return "";
  const secret = location.hash.slice(1);
  history.replaceState(null, "", "/inbox");
  return secret;
}

function changeLanguage(event: Event): void {
  setLanguage((event.target as HTMLSelectElement).value);
  showConnected();
  drawInbox();
  showTitle();
  refreshPage();
}

/** Opens the palette, whose script is loaded before, or the list of keys, and leaves the page of a task. */
async function handleKey(event: KeyboardEvent): Promise<void> {
  const { key, ctrlKey, metaKey } = event;
  if (key === "Escape" && place.task && !findTarget(event, "input, select, textarea")) return chooseTask();
  const isFree = !document.querySelector("dialog[open]") && !isTyping(event);
  const isPalette = (key === "k" && (ctrlKey || metaKey)) || (key === "/" && isFree);
  const isHelp = key === "?" && isFree;
  if (!(isPalette || isHelp) || document.body.classList.contains("signed-out")) return;
  event.preventDefault();
  if (isHelp) return getElement<HTMLDialogElement>("keys").showModal();
  // At once where it is loaded: what is typed next belongs to it.
  if (!openPalette) await loadPalette();
  openPalette?.();
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

onMove(showPlace);
onSignInNeeded(showSignIn);
signIn.addEventListener("submit", signInByToken);
getElement("sign-out").addEventListener("click", signOut);
getElement("language").addEventListener("change", changeLanguage);
addEventListener("keydown", handleKey);

translatePage();
getElement<HTMLSelectElement>("language").value = getLanguage();
for (const root of findElements(document, "main > section [aria-busy]")) {
  const text = Object.assign(document.createElement("p"), { className: "empty", textContent: translate("loading") });
  root.append(text);
}

const secret = takeLinkSecret();
// The page of the design system is its own, and only in the build for development.
if (location.pathname === "/design") import("/assets/design.js");
else {
  startViews();
  if (secret === "") startUpdates();
  else signInByLink(secret);
}

if (document.body.dataset["demo"]) import("groundcrew:console");
