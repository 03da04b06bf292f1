/**
 * What the page shows, which is its address: the view, the filters and what is named. Whoever changes it changes the
 * address, so that reloading, going back and a link lead to the same place.
 */

import { VIEW_PATHS, type ViewName } from "../../answers.ts";
import { fillPath } from "./api.ts";
import { findElements, getElement } from "./find-elements.ts";
import { readPreference, savePreference } from "./language.ts";

/** What the tasks of a view have in common, in the query of the address; an empty one means all. `mine` is "" or "yes". */
const FILTERS = ["project", "agent", "status", "mine"] as const;

type Filters = Record<(typeof FILTERS)[number], string>;

/** A place on the page, with the one thing that the address names, if any. */
export interface Place extends Filters {
  view: ViewName;
  /** Key of the task whose page is shown, with the activity limited to it. */
  task?: string;
  /** Key of a ticket. */
  ticket?: string;
  /** Id of a plan. */
  plan?: string;
  /** Id of the request to which a link in a message or a comment leads. */
  request?: string;
}

/** The form of a project's identifier, which tells it from the id of a plan. */
const IDENTIFIER = /^\w{1,12}$/;

/** The widths up to which the page shows one part at a time, and the chat not beside every view, as in the style sheets. */
const narrowScreen = matchMedia("(max-width: 640px)");
const mediumScreen = matchMedia("(max-width: 1080px)");

/** The parts that a wide screen shows together with the board. */
const BESIDE_BOARD: readonly string[] = ["why", "chat"];

export let place = readPlace();

let reportMove: (previous: Place) => void = () => {};

/** @param listener called after the place has changed, and after the screen became narrow or wide */
export function onMove(listener: (previous: Place) => void): void {
  reportMove = listener;
}

function readPlace(): Place {
  const { pathname, search } = location;
  const [first = "", id = ""] = pathname.split("/").slice(1).map(decodePart);
  const query = new URLSearchParams(search);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""])) as Filters;
  if (first === "task") return { ...filters, view: "why", task: id.toUpperCase() };
  const view = (Object.keys(VIEW_PATHS) as ViewName[]).find((name) => VIEW_PATHS[name] === `/${first}`) ?? "inbox";
  if (view === "plan" && id !== "") return { ...filters, view, [IDENTIFIER.test(id) ? "project" : "plan"]: id };
  if (view === "tickets" && id !== "") return { ...filters, view, ticket: id.toUpperCase() };
  if (first === "") return { ...filters, view, project: readPreference("project") ?? "" };
  const request = view === "inbox" ? query.get("request") : null;
  return { ...filters, view, ...(request !== null && { request }) };
}

/** Decodes a part of a path; one that people have typed or cut may be no valid code. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function formatAddress({ view, ...place }: Place): string {
  if (place.task !== undefined) return fillPath("/task/:task", place);
  if (place.ticket !== undefined) return fillPath("/tickets/:ticket", place);
  if (place.plan !== undefined) return fillPath("/plans/:plan", place);
  return fillPath(view === "plan" && place.project !== "" ? "/plans/:project" : VIEW_PATHS[view], place);
}

/** Goes to a place; the view and the filters stay where others are not given. */
export function openPlace(changes: Partial<Place>): void {
  const next = { view: place.view, ...getFilters(), ...changes };
  const address = formatAddress(next);
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  show(next);
}

function show(next: Place): void {
  const previous = place;
  place = next;
  savePreference("project", place.project);
  document.body.dataset["view"] = getView();
  const sections = listSections(getView());
  for (const section of findElements(document, "main > section")) section.hidden = !sections.includes(section.id);
  for (const link of findElements(document, "header a[data-view]")) {
    link.setAttribute("href", formatAddress({ ...getFilters(), view: link.dataset["view"] as ViewName }));
    if (link.dataset["view"] === getView()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (
    isNarrow() &&
    (place.view !== previous.view || place.task !== previous.task || place.ticket !== previous.ticket)
  ) {
    if (place.view === "chat") scrollToLatestMessage();
    else getPageScroller().scrollTop = 0;
  }
  reportMove(previous);
}

/** The sections that show a view: a wide screen has the activity below the board and tasks, and the chat beside all. */
function listSections(view: ViewName | "task"): string[] {
  const hasActivity = view === "task" || (view === "board" && !isNarrow());
  const hasChat = !isNarrow() && (hasActivity || !mediumScreen.matches);
  return [view, ...(hasActivity ? ["why"] : []), ...(hasChat ? ["chat"] : [])];
}

/** The name of the shown view: a task's page has its activity, and a wide screen shows some parts beside the board. */
export function getView(): ViewName | "task" {
  if (place.task !== undefined) return "task";
  return !isNarrow() && BESIDE_BOARD.includes(place.view) ? "board" : place.view;
}

/** Shows a view of the same project. */
export function showView(view: ViewName): void {
  if (view !== place.view && !(view === "chat" && getView() === "board")) openPlace({ view });
}

function getPageScroller(): Element {
  return document.scrollingElement ?? document.documentElement;
}

export function scrollToLatestMessage(): void {
  const scroller = getChatScroller();
  scroller.scrollTop = scroller.scrollHeight;
}

/** The element that scrolls the messages: the chat, or the page on a narrow screen. */
export function getChatScroller(): Element {
  return isNarrow() ? getPageScroller() : getElement("messages");
}

export function isNarrow(): boolean {
  return narrowScreen.matches;
}

/** The filters of the address: the project, which all views have, and those of the board and the inbox. */
export function getFilters(): Filters {
  const { project, agent, status, mine } = place;
  return { project, agent, status, mine };
}

/** Shows the page of a task, or leaves it. Choosing the same task again leaves it, too. */
export function chooseTask(task?: string): void {
  if (task !== undefined && task !== place.task) openPlace({ view: "why", task });
  else openPlace({ view: isNarrow() ? "why" : "board" });
}

/** Whether the views are shown as tables instead of pictures. */
export function isTableChosen(): boolean {
  return document.body.dataset["show"] === "table";
}

/** Shows the views as pictures or as tables. */
function showAs(form = "picture"): void {
  document.body.dataset["show"] = form;
  for (const button of findElements(document, ".switch button"))
    button.ariaPressed = String(button.dataset["show"] === form);
}

/** Shows the place of the address, and follows it from then on. */
export function startViews(): void {
  for (const button of findElements(document, ".switch button"))
    button.addEventListener("click", () => {
      showAs(button.dataset["show"]);
      savePreference("show", button.dataset["show"] ?? "");
      reportMove(place);
    });
  showAs(readPreference("show"));
  history.replaceState(null, "", formatAddress(place));
  show(place);
  addEventListener("popstate", () => show(readPlace()));
  for (const screen of [narrowScreen, mediumScreen]) screen.addEventListener("change", () => show(place));
  // A link to a view is followed within the page, unless it is to open elsewhere.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link?.target !== "" || link.origin !== location.origin || link.hash !== "") return;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    show(readPlace());
  });
}
