import { fetchJson } from "./api.js";
import { createElement, findElement, focusFirstVisible, getElement, makeFocusable, updateList } from "./dom.js";
import { formatCount, formatMoney } from "./language.js";
import { createMessageLine, onTicketChange, translateTicket } from "./ticket-actions.js";
import { compareWithShown, drawCompletedTicket, drawFailedTicket, drawPendingTicket } from "./ticket-cards.js";
import { createTerminalPanel, updateSessions } from "./ticket-sessions.js";
import { showTrouble } from "./updates.js";

/** @import { CompletedTicketsAnswer, PendingTicketsAnswer, SessionsAnswer, SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */

/** Limit of tickets that are written to Plane; all others are shown. */
const MAX_DONE = 20;
const PARTS = /** @type {const} */ (["pending", "sessions", "failed", "completed"]);
/** What the settings file needs at least. */
const EXAMPLE = '{ "tickets": { "repositories": { "ONB": "/srv/onboarding" } } }';

/** @type {ReturnType<typeof createSource<PendingTicketsAnswer>>} */
const pendingSource = createSource("/api/pending-tickets");
/** @type {ReturnType<typeof createSource<SessionsAnswer>>} */
const sessionsSource = createSource("/api/sessions");
/** @type {ReturnType<typeof createSource<CompletedTicketsAnswer>>} */
const completedSource = createSource("/api/completed-tickets");

/**
 * Creates a reader that keeps the newest answer: one that is overtaken by the answer of a later request is not kept.
 * @template Answer @param {string} path
 */
function createSource(path) {
  let requests = 0;
  let kept = 0;
  /** @type {Answer | undefined} */
  let answer;
  return {
    get: () => answer,
    async load() {
      requests += 1;
      const request = requests;
      /** @type {Answer} */
      const loaded = await fetchJson(path);
      if (request < kept) return;
      kept = request;
      answer = loaded;
    },
  };
}

/** Loads the tickets, or only the sessions, and shows them. @param {"all" | "sessions"} [which] */
export async function showTickets(which = "all") {
  const others = which === "all" ? [pendingSource, completedSource] : [];
  await Promise.all([sessionsSource, ...others].map((source) => source.load()));
  drawLoaded();
}

function drawLoaded() {
  const [pending, sessions, completed] = [pendingSource.get(), sessionsSource.get(), completedSource.get()];
  if (pending && sessions && completed) drawTickets(pending, sessions, completed);
}

onTicketChange(() => showTickets().catch((thrown) => showTrouble("tickets", thrown)));

/** @param {PendingTicketsAnswer} pending @param {SessionsAnswer} sessions @param {CompletedTicketsAnswer} completed */
function drawTickets(pending, sessions, completed) {
  const root = getElement("tickets-view");
  root.setAttribute("aria-busy", "false");
  if (!root.querySelector(".ticket-part")) root.replaceChildren(...createParts());
  const { configured, cost_today, runners, server_time } = sessions;
  const cost = translateTicket("cost.today", { cost: formatMoney(cost_today.cost_usd, "USD") });
  getElement("tickets-cost").textContent = configured ? cost : "";
  drawNotices(findElement(root, ".notices"), sessions);
  const isEmpty = pending.count + sessions.count + completed.count === 0;
  for (const el of root.querySelectorAll(".ticket-part"))
    el.toggleAttribute("hidden", (!configured && isEmpty) || (isFailedPart(el) && sessions.failed.length === 0));
  const written = completed.tickets.filter(({ state }) => state === "done");
  const results = completed.tickets.filter((ticket) => ticket.state !== "done" || written.indexOf(ticket) < MAX_DONE);
  const getId = (/** @type {{ id: string }} */ ticket) => ticket.id;
  updateList(
    getList("pending", pending.count),
    compareWithShown(pending.tickets),
    (row) => row.ticket.id,
    drawPendingTicket,
  );
  updateSessions(getList("sessions", sessions.count), sessions.sessions, Date.parse(server_time), openTerminal);
  updateList(getList("failed", sessions.failed.length), sessions.failed, getId, drawFailedTicket);
  updateList(getList("completed", completed.count), results, getId, drawCompletedTicket);
  const older = completed.count - results.length;
  findElement(root, ".older").textContent =
    older > 0 ? translateTicket("completed.more", { n: formatCount(older) }) : "";
  findElement(root, ".runners").textContent =
    runners.length > 0 ? translateTicket("runners", { names: runners.map(({ name }) => name).join(", ") }) : "";
}

function createParts() {
  const parts = PARTS.map((name) =>
    createElement(
      "section.ticket-part",
      { "data-part": name, "aria-labelledby": `tickets-${name}` },
      createElement("h3", { id: `tickets-${name}` }),
      createElement("p.empty"),
      createElement("ul"),
      name === "sessions" && createElement("div.terminals"),
      name === "completed" && createElement("p.older.muted"),
    ),
  );
  return [createMessageLine(), createElement("div.notices"), ...parts, createElement("p.runners.muted")];
}

/** @param {Element} el */
function isFailedPart(el) {
  return el instanceof HTMLElement && el.dataset["part"] === "failed";
}

/** Returns the list of a part, whose heading shows the number of its tickets. @param {typeof PARTS[number]} name @param {number} count */
function getList(name, count) {
  const part = findElement(getElement("tickets-view"), `[data-part="${name}"]`);
  const number = createElement("b", count > 0 ? ` ${formatCount(count)}` : "");
  findElement(part, "h3").replaceChildren(translateTicket(`part.${name}`), number);
  const empty = findElement(part, ".empty");
  empty.textContent = translateTicket(`none.${name}`);
  empty.hidden = count > 0;
  return findElement(part, "ul");
}

/** Says what keeps tickets from running. @param {HTMLElement} root @param {SessionsAnswer} answer */
function drawNotices(root, { configured, runners, sessions }) {
  const away = sessions.flatMap(({ runner }) => (runner && runners.every(({ name }) => name !== runner) ? runner : []));
  const missing = runners.length === 0 ? [""] : [...new Set(away)];
  updateList(
    root,
    configured ? missing : ["off"],
    (name) => name,
    (name) => (configured ? drawMissingRunner(name) : drawOff()),
  );
}

function drawOff() {
  return createElement(
    "div.notice",
    createElement("b", translateTicket("off")),
    createElement("p", translateTicket("off.how")),
    createElement("pre", { tabindex: 0 }, EXAMPLE),
  );
}

/** @param {string} name of a runner that is away while others are connected; empty when none is connected */
function drawMissingRunner(name) {
  const text = name === "" ? translateTicket("runner.none") : translateTicket("runner.away", { name });
  return createElement("p.notice", text);
}

/** Opens the terminal of a session below the sessions, once: a frame that moves in the page would load again. @param {SessionTicket} session */
function openTerminal({ id, state }) {
  const place = findElement(getElement("tickets-view"), ".terminals");
  const open = [...place.children].find((el) => el instanceof HTMLElement && el.dataset["terminal"] === id);
  if (open instanceof HTMLElement) return focusFirstVisible(open);
  const panel = createElement("div.terminal-panel", { "data-terminal": id });
  const close = createElement(
    "button.quiet",
    { onclick: () => closeTerminal(panel, id) },
    translateTicket("ask.close"),
    createElement("span.sr", ` ${id}`),
  );
  panel.append(createElement("div.line", createElement("b", id), close), createTerminalPanel(id, state));
  place.append(panel);
  makeFocusable(panel).focus();
  // With its buttons, also where it is higher than the view.
  panel.scrollIntoView({ block: "start" });
}

/** @param {HTMLElement} panel @param {string} id */
function closeTerminal(panel, id) {
  panel.remove();
  const card = getElement("tickets-view").querySelector(`.ticket[data-ticket="${CSS.escape(id)}"] .actions button`);
  focusFirstVisible(card instanceof HTMLElement ? card : undefined, getElement("tickets"));
}
