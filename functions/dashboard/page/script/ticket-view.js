import { fetchJson } from "./api.js";
import {
  createButton,
  createElement,
  findElement,
  findElements,
  focusFirstVisible,
  getElement,
  getLoadedElement,
  makeFocusable,
  updateList,
} from "./dom.js";
import { formatCount, formatMoney } from "./language.js";
import { createMessageLine, createTicketButton, onTicketChange, translateTicket } from "./ticket-actions.js";
import {
  compareWithShown,
  drawCompletedTicket,
  drawFailedTicket,
  drawPendingTicket,
  formatTicketTime,
} from "./ticket-cards.js";
import { updateSessions } from "./ticket-sessions.js";
import { showTrouble } from "./updates.js";

/** @import { CompletedTicketsAnswer, PendingTicketsAnswer, SessionsAnswer } from "../../../../shared/tickets/ticket-views.ts" */

const PARTS = /** @type {const} */ (["pending", "sessions", "failed", "completed", "rules"]);
/** What the settings file needs at least. */
const EXAMPLE = '{ "tickets": { "repositories": { "ONB": "/srv/onboarding" } } }';

const PATHS = {
  pending: "/api/pending-tickets",
  sessions: "/api/sessions",
  completed: "/api/completed-tickets",
};

/** The newest answers. @type {{ pending?: PendingTicketsAnswer, sessions?: SessionsAnswer, completed?: CompletedTicketsAnswer }} */
const answers = {};

/** Number of the request of each answer. @type {Partial<Record<keyof typeof PATHS, number>>} */
const answeredRequests = {};

let requestCount = 0;

/** The terminal that an approval has opened. @type {HTMLElement | undefined} */
let approvedTerminal;

/** Loads the tickets, or only the sessions, and shows them. @param {"all" | "sessions"} [which] */
export async function showTickets(which = "all") {
  const names = which === "all" ? Object.keys(PATHS) : ["sessions"];
  await Promise.all(/** @type {(keyof typeof PATHS)[]} */ (names).map(loadAnswer));
  const { pending, sessions, completed } = answers;
  if (pending && sessions && completed) drawTickets(pending, sessions, completed);
}

/** Keeps the newest answer: one that is overtaken by the answer of a later request is not kept. @param {keyof typeof PATHS} name */
async function loadAnswer(name) {
  requestCount += 1;
  const request = requestCount;
  const answer = await fetchJson(PATHS[name]);
  if (request < (answeredRequests[name] ?? 0)) return;
  answeredRequests[name] = request;
  Object.assign(answers, { [name]: answer });
}

onTicketChange(() => showTickets().catch((thrown) => showTrouble("tickets", thrown)));

/** @param {PendingTicketsAnswer} pending @param {SessionsAnswer} sessions @param {CompletedTicketsAnswer} completed */
function drawTickets(pending, sessions, completed) {
  const root = getLoadedElement("tickets-view");
  if (!root.querySelector(".ticket-part")) root.replaceChildren(...createParts());
  const { configured, cost_today, runners, server_time, failed, rules } = sessions;
  const cost = translateTicket("cost.today", { cost: formatMoney(cost_today.cost_usd, "USD") });
  getElement("tickets-cost").textContent = configured ? cost : "";
  drawNotices(findElement(root, ".notices"), sessions);
  const completedCount = completed.count + completed.updated_count;
  const isEmpty = pending.count + sessions.count + completedCount === 0;
  const empty = [failed.length === 0 && "failed", rules.length === 0 && "rules"].filter(Boolean).map(String);
  for (const el of findElements(root, ".ticket-part"))
    el.hidden = (!configured && isEmpty) || empty.includes(el.dataset["part"] ?? "");
  const results = [...completed.tickets, ...completed.updated];
  const pendingRows = compareWithShown(pending.tickets);
  updateList(
    getList("pending", pending.count),
    pendingRows,
    ({ ticket }) => ticket.id,
    (row) => drawPendingTicket(row, openApprovedTerminal),
  );
  updateSessions(getList("sessions", sessions.count), sessions.sessions, Date.parse(server_time), openTerminal);
  updateList(getList("failed", failed.length), failed, "id", drawFailedTicket);
  updateList(getList("completed", completedCount), results, "id", drawCompletedTicket);
  updateList(getList("rules", rules.length), rules, "id", drawRule);
  const older = completedCount - results.length;
  const names = runners.map(({ name }) => name).join(", ");
  findElement(root, ".older").textContent =
    older > 0 ? translateTicket("completed.more", { n: formatCount(older) }) : "";
  findElement(root, ".runners").textContent = names && translateTicket("runners", { names });
}

/** A rule that allows a tool without asking. @param {SessionsAnswer["rules"][number]} rule */
function drawRule({ id, rule, for: subject, by, added_at: at = "", uses }) {
  const facts = { by, for: subject, at: formatTicketTime(at), n: formatCount(uses) };
  return createElement(
    "li.ticket",
    { "data-ticket": id },
    createElement("p.line", createElement("code", { dir: "ltr" }, rule)),
    createElement("p.muted", translateTicket("rule.facts", facts)),
    createElement("div.actions", createTicketButton("do.revoke", rule, { name: "revoke", key: rule, body: { id } })),
  );
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
  if (!configured) return updateList(root, ["off"], String, drawOff);
  const away = sessions.flatMap(({ runner }) => (runner && runners.every(({ name }) => name !== runner) ? runner : []));
  updateList(root, runners.length === 0 ? [""] : [...new Set(away)], String, drawMissingRunner);
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
  return createElement("p.notice", name ? translateTicket("runner.away", { name }) : translateTicket("runner.none"));
}

/**
 * Opens the terminal of a session below the sessions, once: a frame that moves in the page would load again. It is a
 * document of its own, which may run its scripts and use the person's sign-in, nothing else: it opens no windows, no
 * dialogs, and moves no other document.
 * @param {{ id: string }} session
 */
function openTerminal({ id }) {
  const place = findElement(getElement("tickets-view"), ".terminals");
  const open = findElements(place, ":scope > *").find((el) => el.dataset["terminal"] === id);
  if (open) {
    focusFirstVisible(open);
    return undefined;
  }
  const frame = createElement("iframe", {
    src: `/terminal/${encodeURIComponent(id)}`,
    sandbox: "allow-scripts allow-same-origin",
    referrerpolicy: "no-referrer",
    // The same word in every language of the page.
    title: `Terminal ${id}`,
  });
  const close = createButton("quiet", translateTicket("ask.close"), () => closeTerminal(panel, id), id);
  const panel = createElement(
    "div.terminal-panel",
    { "data-terminal": id },
    createElement("div.line", createElement("b", id), close),
    createElement("div.ticket-terminal", frame),
  );
  place.append(panel);
  makeFocusable(panel).focus();
  // With its buttons, also where it is higher than the view.
  panel.scrollIntoView({ block: "start" });
  return panel;
}

/**
 * Opens the terminal of a ticket that was approved here, instead of the one of the approval before: each open terminal
 * takes one of the few connections of a browser.
 * @param {{ id: string }} ticket
 */
function openApprovedTerminal(ticket) {
  approvedTerminal?.remove();
  approvedTerminal = openTerminal(ticket);
}

/** @param {HTMLElement} panel @param {string} id */
function closeTerminal(panel, id) {
  panel.remove();
  const [button] = findElements(getElement("tickets-view"), `.ticket[data-ticket="${CSS.escape(id)}"] .actions button`);
  focusFirstVisible(button, getElement("tickets"));
}
