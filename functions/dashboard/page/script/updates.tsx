/**
 * Keeps the page up to date: its parts are loaded again after each change that the server reports, and a lost
 * connection is shown and tried again.
 */

import { render } from "preact";
import {
  createEventStream,
  getProblemText,
  isSignInShown,
  loadViewer,
  mayUse,
  openSignInForm,
  type RouteName,
  type StreamLoss,
  sendJson,
} from "./api.ts";
import { Button } from "./elements.tsx";
import { findElement, focusFirstVisible, getElement } from "./find-elements.ts";
import { translate } from "./language.ts";

/** A part of the page that is loaded again after every change. */
interface PagePart {
  id: string;
  /** Id of the element that shows its errors; by default the part's own. A part with another one is loaded with that, too. */
  place?: string;
  load: () => Promise<void>;
  /** What it reads; a part that the role may not read is not loaded. */
  route?: RouteName;
}

let parts: PagePart[] = [];
let isRefreshing = false;

/** Until it is known who is signed in, no part is loaded: it would be drawn without what the role may do. */
let isStarting = true;

/** Ids of the parts to load again. */
const wanted = new Set<string>();

/** Delay before the tickets are loaded again: 50 ms, in which a change of the page follows. */
const NEWS_MS = 50;

let ticketNews: ReturnType<typeof setTimeout> | undefined;

/** The server takes no further stream. */
let isFull = false;

export function setParts(all: PagePart[]): void {
  parts = all;
}

/** Loads all parts again. */
export function refreshPage(): Promise<void> {
  return refreshParts(parts.filter(({ place }) => !place).map(({ id }) => id));
}

/** Loads these parts again. A call during a refresh makes it run once more afterwards. */
export async function refreshParts(ids: string[]): Promise<void> {
  for (const id of ids) wanted.add(id);
  if (isRefreshing || isStarting) return;
  isRefreshing = true;
  while (wanted.size > 0) {
    // What has a place in another part is loaded with that.
    const due = parts.filter(({ id, place = "", route }) => {
      return wanted.has(id) && !wanted.has(place) && (route === undefined || mayUse(route));
    });
    wanted.clear();
    await Promise.all(due.map(refreshPart));
  }
  isRefreshing = false;
}

async function refreshPart({ id, place = id, load }: PagePart): Promise<void> {
  const trouble = findElement(getElement(place), ".trouble");
  try {
    await load();
    const hadFocus = trouble.contains(document.activeElement);
    render(null, trouble);
    if (hadFocus) focusFirstVisible(getElement(place));
  } catch (thrown) {
    showTrouble(place, thrown);
  }
}

/** Says why a part cannot be loaded, with a button that tries again. @param id id of the part */
export function showTrouble(id: string, thrown: unknown): void {
  if (isSignInShown() || !getElement("lost").hidden) return;
  render(
    <>
      <p>{translate("failed", { reason: getProblemText(thrown) })}</p>
      <Button class="" text={translate("retry")} onPress={refreshPage} />
    </>,
    findElement(getElement(id), ".trouble"),
  );
}

/** Reports changes. Most changes of a ticket come together with one of the page, which loads the tickets as well. */
const stream = createEventStream({
  path: "/api/events",
  probe: { path: "/api/session", method: "GET" },
  events: { change: handleChange, ticket: () => handleNews("tickets"), session: () => handleNews("sessions") },
  isWanted: () => !isSignInShown(),
  onBreak: () => showLive("off", ""),
  onLoss: showLoss,
  onWait: showWait,
});

/** Loads the page for who is signed in, and keeps it up to date. */
export async function startUpdates(): Promise<void> {
  isStarting = true;
  // Without an answer the parts say why.
  await loadViewer().catch(() => {});
  isStarting = false;
  // Nothing else is asked for before somebody has signed in.
  if (isSignInShown()) return;
  stream.connect();
  await refreshPage();
}

export function stopUpdates(): void {
  stream.disconnect();
}

function handleChange(): void {
  showConnected();
  clearTimeout(ticketNews);
  refreshPage();
}

function handleNews(part: string): void {
  wanted.add(part);
  clearTimeout(ticketNews);
  ticketNews = setTimeout(refreshParts, NEWS_MS, []);
}

export function showConnected(): void {
  if (!stream.isOpen()) return;
  if (!getElement("lost").hidden) getElement("news").textContent = translate("live.back");
  showLive("on", translate("live.on"));
  getElement("lost").hidden = true;
  getElement("lost-what").textContent = "";
  document.body.classList.remove("offline");
}

function showLive(is: "on" | "off", text: string): void {
  getElement("live").dataset["is"] = is;
  getElement("live").textContent = text;
}

/** Ends the session of the page on the server, or shows that the server is not reached. */
export function signOut(): void {
  sendJson("/api/session", undefined, "DELETE").then(() => location.reload(), stream.handleLoss);
}

function showLoss({ status, failures, wait }: StreamLoss): number | undefined {
  if (status === 401) {
    openSignInForm();
    return undefined;
  }
  document.body.classList.toggle("offline", status === 0);
  // The server answers, but refuses the stream: all of its streams are in use.
  isFull = status === 200 && failures > 2;
  if (isFull) refreshPage();
  return wait;
}

/** @param left time until the next attempt, in ms */
function showWait(left: number): void {
  getElement("lost").hidden = false;
  // Changed only when it differs, so that screen readers announce it once and not each second.
  const what = translate(isFull ? "live.full" : "live.lost");
  if (getElement("lost-what").textContent !== what) getElement("lost-what").textContent = what;
  getElement("lost-wait").textContent = isFull ? "" : translate("live.wait", { n: Math.ceil(left / 1000) });
}
