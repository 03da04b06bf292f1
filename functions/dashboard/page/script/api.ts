/** Requests to the server, the texts of their errors, who is signed in, and streams of events. */

import type { Notice } from "../../../../shared/app/deps.ts";
import { hasRole, ROUTE_ROLES } from "../../../../shared/http/route-roles.ts";
import type * as tickets from "../../../../shared/tickets/ticket-views.ts";
import type { DeadLettersAnswer } from "../../../operations.ts";
import type { RequestAnswer, RequestsAnswer } from "../../../requests.ts";
import type { SchedulesAnswer } from "../../../schedules.ts";
import type { SetupAnswer } from "../../../setup.ts";
import type { AgentsAnswer, SessionAnswer, SignInsAnswer } from "../../access-routes.ts";
import type { BoardAnswer } from "../../board-route.ts";
import type { ChatAnswer } from "../../chat-routes.ts";
import type { DecisionLogAnswer } from "../../decision-log-route.ts";
import type { PlanGraphAnswer } from "../../plan-route.ts";
import type { FormattedText, FoundTasksAnswer, IdleTasksAnswer, TaskPageAnswer } from "../../task-routes.ts";
import type { TeamAnswer } from "../../team-route.ts";
import { getElement } from "./find-elements.ts";
import { findTextName, getLanguage, translate } from "./language.ts";

/** What the page reads, by the path of the route, with the type that the route declares. */
interface Answers {
  "/api/agents": AgentsAnswer;
  "/api/board": BoardAnswer;
  "/api/chat": ChatAnswer;
  "/api/completed-tickets": tickets.CompletedTicketsAnswer;
  "/api/idle-tasks": IdleTasksAnswer;
  "/api/notices": { notices: Notice[] };
  "/api/plan": PlanGraphAnswer;
  "/api/requests": RequestsAnswer;
  "/api/requests/:id": RequestAnswer;
  "/api/schedules": SchedulesAnswer;
  "/api/sessions": tickets.SessionsAnswer;
  "/api/session": SessionAnswer;
  "/api/setup": SetupAnswer;
  "/api/sign-ins": SignInsAnswer;
  "/api/task-file": { text: FormattedText };
  "/api/tasks": FoundTasksAnswer;
  "/api/tasks/:key": TaskPageAnswer;
  "/api/team": TeamAnswer;
  "/api/tickets/:key": tickets.TicketPageAnswer;
  "/api/why": DecisionLogAnswer;
  "/api/worktrees": tickets.WorktreesAnswer;
  "/dead-letters": DeadLettersAnswer;
}

/** The values of a path: those that it names (`:key`) are part of it, the others its query; empty ones are left out. */
type PathValues = Readonly<Record<string, string | number | undefined>>;

/** Timeout for one request: 20 s, so that a request without an answer does not block the ones after it. */
export const ANSWER_TIMEOUT_MS = 20_000;

/** Interval before the first reconnection of a stream: 0.5 s. Each failure doubles it, up to the maximum. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/** Timeout for silence on a stream: 40 s, because the server sends a beat every 15 s. */
const SILENCE_MS = 40_000;

/** Timeout for the probe after a failure: 5 s, because a cut connection never answers. */
const PROBE_TIMEOUT_MS = 5_000;

/** A route of the table of roles: `POST /api/requests/:id`. */
export type RouteName = keyof typeof ROUTE_ROLES;

/** Who is signed in. */
let viewer: SessionAnswer | undefined;

/** `code`: the server's error code; `text`: what the server says in the page's language. */
class ApiError extends Error {
  readonly code: string | undefined;
  readonly text: string | undefined;
  constructor(message: string, code?: string, text?: string) {
    super(message);
    this.code = code;
    this.text = text;
  }
}

/** Shows that the session is missing or has expired. */
export let openSignInForm = () => {};

export function onSignInNeeded(show: () => void): void {
  openSignInForm = show;
}

export function isSignInShown(): boolean {
  return !getElement("sign-in").hidden;
}

/** Reads what a route of the page answers. */
export function fetchAnswer<Path extends keyof Answers>(path: Path, values: PathValues = {}): Promise<Answers[Path]> {
  return fetchJson(fillPath(path, values));
}

export function fillPath(path: string, values: PathValues): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value = ""] of Object.entries(values)) {
    if (path.includes(`:${name}`)) filled = filled.replace(`:${name}`, encodeURIComponent(value));
    else if (value !== "") query.set(name, String(value));
  }
  return query.size > 0 ? `${filled}?${query}` : filled;
}

/** Sends a change, with or without a body. */
export function sendJson<Answer = unknown>(path: string, body?: object, method = "POST"): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  return fetchJson(path, body ? { method, headers, body: JSON.stringify(body) } : { method });
}

/** Requests JSON from the server. Rejects with an error whose message can be shown on the page. */
export async function fetchJson<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const headers = { ...init?.headers, "accept-language": getLanguage() };
  const response = await fetch(path, { cache: "no-store", signal, ...init, headers }).catch(throwUnreachable);
  if (response.status === 401 && !(path === "/api/session" && init)) {
    openSignInForm();
    throw new ApiError("401");
  }
  const body = await response.json().catch(() => (response.ok ? throwUnreachable() : {}));
  if (response.ok) return body;
  throw new ApiError(body.error?.message ?? String(response.status), body.error?.code, body.error?.text);
}

/** Reads a file as text. */
export async function fetchText(path: string): Promise<string> {
  const response = await fetch(path).catch(throwUnreachable);
  return response.ok ? response.text() : throwUnreachable();
}

function throwUnreachable(): never {
  throw new ApiError(translate("unreachable"));
}

/**
 * The text of an error in the page's language: what the server says, else by its code. The server's own message is in
 * English, for programs; the page shows it for a code without a text only.
 */
export function getProblemText(thrown: unknown): string {
  const text = getServerText(thrown);
  if (text) return text;
  const name = findTextName(`problem.${getProblemCode(thrown)}`);
  if (name) return translate(name);
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What the server says about an error in the page's language, if anything. */
export function getServerText(thrown: unknown): string | undefined {
  return thrown instanceof ApiError ? thrown.text : undefined;
}

export function getProblemCode(thrown: unknown): string | undefined {
  return thrown instanceof ApiError ? thrown.code : undefined;
}

/** Whether who is signed in may use a route. Until that is known, nobody may. */
export function mayUse(route: RouteName): boolean {
  return viewer !== undefined && hasRole(viewer.role, ROUTE_ROLES[route].role);
}

/** Loads who is signed in, shows it, and hides what the role may not use. */
export async function loadViewer(): Promise<void> {
  viewer = await fetchAnswer("/api/session");
  const { name } = viewer;
  const role = translate(`role.${viewer.role}`);
  // The holder of ADMIN_TOKEN has the role as a name.
  getElement("account").textContent = name === viewer.role ? role : translate("account", { name, role });
  // `hidden` belongs to the views, which show and hide the same sections.
  for (const el of document.querySelectorAll<HTMLElement>("[data-route]"))
    el.toggleAttribute("data-denied", !mayUse(el.dataset["route"] as RouteName));
}

/** The end of a stream: the status of the probe (0 without an answer), how often it failed in a row, and a time to wait. */
export interface StreamLoss {
  status: number;
  failures: number;
  wait: number;
}

interface StreamOptions {
  path: string;
  /** A cheap request that gets the status of the stream. */
  probe: { path: string; method: "GET" | "HEAD" };
  events: Readonly<Record<string, (data: string) => void>>;
  isWanted?: () => boolean;
  /** Called before the probe. */
  onBreak?: () => void;
  /** Called after the probe; returns the time after which the stream is opened again, if it is. */
  onLoss: (loss: StreamLoss) => number | undefined;
  /** Called each second of that time. */
  onWait?: (left: number) => void;
}

/**
 * Creates a stream of events, which is open while the document is visible, and is opened again when it breaks. Hidden
 * documents close it because a browser allows six connections to one origin over all its documents.
 */
export function createEventStream({ path, probe, events, isWanted = () => true, ...on }: StreamOptions) {
  let source: EventSource | undefined;
  /** Ends the silence of a stream, or the wait for the next one. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  function connect() {
    disconnect();
    if (document.hidden || !isWanted()) return;
    source = new EventSource(path);
    for (const [name, handle] of Object.entries(events))
      source.addEventListener(name, ({ data }) => {
        failures = 0;
        expectMore();
        handle(data);
      });
    source.addEventListener("beat", expectMore);
    // The stream has reached its age, or the person has signed out: the next request tells.
    source.addEventListener("again", connect);
    source.onerror = handleLoss;
    expectMore();
  }

  function disconnect() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
  }

  function expectMore() {
    clearTimeout(timer);
    timer = setTimeout(handleLoss, SILENCE_MS);
  }

  async function handleLoss() {
    disconnect();
    if (!isWanted()) return;
    on.onBreak?.();
    const lost = timer;
    const { method } = probe;
    const init: RequestInit = { method, cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) };
    const status = await fetch(probe.path, init).then(
      (answer) => answer.status,
      () => 0,
    );
    // A connection may have been opened meanwhile, or the document hidden.
    if (source || document.hidden || timer !== lost) return;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS);
    failures += 1;
    const chosen = on.onLoss({ status, failures, wait: Math.round(wait * (0.75 + Math.random() / 2)) });
    if (chosen !== undefined) connectAt(Date.now() + chosen);
  }

  function connectAt(time: number) {
    const left = time - Date.now();
    if (left <= 0) return connect();
    on.onWait?.(left);
    timer = setTimeout(() => connectAt(time), Math.min(left, 1000));
  }

  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => event.persisted && connect());

  const isOpen = () => source?.readyState === EventSource.OPEN;
  return { connect, disconnect, handleLoss, isOpen, resume: () => source ?? connect() };
}
