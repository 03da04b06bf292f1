import { createElement, createUserText, findElement, updateList } from "./dom.js";
import { formatCount, formatDuration } from "./figures.js";
import { formatClock } from "./language.js";
import { createTicketButton, getTicketPath } from "./ticket-actions.js";
import { askCancel, openTicketDialog } from "./ticket-dialog.js";
import { drawTicketFacts, drawTicketHead, drawTicketState, formatTicketTime } from "./ticket-facts.js";
import { findTicketText, translateTicket } from "./ticket-language.js";
import { drawQuestion } from "./ticket-questions.js";

/** @import { SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */

/** How Groundcrew names a session without output, with the time of the last one. */
const SILENT = /^silent since (\S+)$/;
/** Unit of the time that is left: 1 min, so that a card is drawn anew once a minute. */
const MINUTE_MS = 60_000;

/**
 * Updates the cards of sessions. What changes often is apart from what people press, so that output draws no button anew.
 * @param {HTMLElement} list @param {readonly SessionTicket[]} sessions @param {number} now the server's time
 * @param {(session: SessionTicket) => void} openTerminal
 */
export function updateSessions(list, sessions, now, openTerminal) {
  updateList(
    list,
    sessions.map(({ id }) => id),
    (id) => id,
    createSessionCard,
  );
  for (const session of sessions) {
    const { id, state, questions, attention, reason, detail, position, next_start_at, title, uuid, url } = session;
    const { screen, last_output_at, tokens, cost_usd, commits, diff, dirty, conflicts, branch, runner, ends_at } =
      session;
    const card = [...list.children].find((el) => el instanceof HTMLElement && el.dataset["ticket"] === id);
    if (!(card instanceof HTMLElement)) continue;
    card.dataset["state"] = state;
    const asked = { id, state, questions, attention, reason, detail, position, next_start_at, title, uuid, url };
    updateList(
      findElement(card, ".asks"),
      [{ ...asked, isWanted: hasSession(session) }],
      () => "asks",
      () => drawAsks(session, openTerminal),
    );
    const left =
      hasSession(session) && ends_at !== undefined ? Math.ceil((Date.parse(ends_at) - now) / MINUTE_MS) : undefined;
    updateList(
      findElement(card, ".facts-of"),
      [{ tokens, cost_usd, commits, diff, dirty, conflicts, branch, runner, ends_at, left }],
      () => "facts",
      () => drawSessionFacts(session, left),
    );
    showScreen(card, id, screen, last_output_at);
  }
}

/** Whether there is a session, and not only its end or its place in the queue. @param {SessionTicket} session */
function hasSession({ state, waits_for_end, ends_at }) {
  return state !== "approved" && !waits_for_end && ends_at !== undefined;
}

/** @param {string} id */
function createSessionCard(id) {
  return createElement(
    "li",
    { class: "ticket", "data-ticket": id },
    createElement("div", { class: "asks" }),
    createElement("div", { class: "facts-of" }),
    createElement(
      "figure",
      { hidden: true },
      createElement("figcaption", { class: "muted" }),
      createElement("pre", { class: "screen", dir: "ltr", tabindex: 0, role: "group" }),
    ),
  );
}

/** @param {SessionTicket} session @param {(session: SessionTicket) => void} openTerminal */
function drawAsks(session, openTerminal) {
  const { id, state, questions, attention, reason } = session;
  return createElement(
    "div",
    {},
    drawTicketHead(session, drawTicketState(state)),
    drawReason(session),
    attention !== undefined && drawAttention(attention),
    questions.map((question) => drawQuestion(id, reason, question)),
    createElement(
      "div",
      { class: "actions" },
      hasSession(session) && createTicketButton("do.terminal", id, () => openTerminal(session)),
      hasSession(session) &&
        createTicketButton("do.extend", id, {
          key: id,
          path: getTicketPath("sessions", id, "extend"),
          told: "told.extend",
        }),
      createTicketButton("do.complete", id, () => askSummary(id)),
      createTicketButton("do.cancel", id, () => askCancel(id)),
    ),
  );
}

/** Why an approved ticket does not run yet. @param {SessionTicket} session */
function drawReason({ state, reason, detail, position, next_start_at }) {
  if (state !== "approved") return undefined;
  const why = findTicketText(`why.${reason}`);
  return createElement(
    "p",
    { class: "line muted" },
    why && createElement("span", {}, translateTicket(why)),
    why && detail !== "" && createUserText("span", detail, 300),
    next_start_at !== undefined &&
      createElement("span", {}, translateTicket("why.retry", { at: formatTicketTime(next_start_at) })),
    position !== undefined && createElement("span", {}, translateTicket("why.queue", { n: formatCount(position) })),
  );
}

/** @param {string} attention */
function drawAttention(attention) {
  const since = SILENT.exec(attention)?.[1];
  const shown = since === undefined ? createUserText("span", attention, 2_000) : drawSilence(since);
  return createElement("p", { class: "notice" }, translateTicket("attention", { text: "" }), shown);
}

/** @param {string} since */
function drawSilence(since) {
  return translateTicket("silent", { at: formatTicketTime(since) });
}

/** @param {SessionTicket} session @param {number} [left] minutes */
function drawSessionFacts(session, left) {
  const at = session.ends_at === undefined ? "" : formatClock(Date.parse(session.ends_at));
  const time =
    left === undefined
      ? undefined
      : left > 0
        ? translateTicket("left", { left: formatDuration(left * MINUTE_MS), at })
        : translateTicket("left.over", { at });
  return drawTicketFacts(session, [
    ["fact.left", time],
    ["fact.runner", session.runner && createUserText("span", session.runner, 100)],
  ]);
}

/** Changes the text in place, so that it keeps its scroll position. @param {HTMLElement} card @param {string} id @param {string} [screen] @param {string} [at] */
function showScreen(card, id, screen, at) {
  const figure = findElement(card, "figure");
  const text = findElement(figure, "pre");
  figure.hidden = !screen;
  text.setAttribute("aria-label", translateTicket("screen", { key: id }));
  findElement(figure, "figcaption").textContent = at ? translateTicket("screen.at", { at: formatTicketTime(at) }) : "";
  if (text.textContent === screen) return;
  const isAtEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
  text.textContent = screen ?? "";
  if (isAtEnd) text.scrollTop = text.scrollHeight;
}

/** @param {string} key */
function askSummary(key) {
  openTicketDialog({
    key,
    name: "complete",
    hasText: true,
    isRequired: true,
    toAction: (summary) => ({
      key,
      path: getTicketPath("sessions", key, "complete"),
      body: { summary },
      told: "told.complete",
    }),
  });
}
