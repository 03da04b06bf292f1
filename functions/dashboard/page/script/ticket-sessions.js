/** Running sessions with their output, the questions that they ask, and their terminal. */

import { createElement, createUserText, findElement, updateList } from "./dom.js";
import { formatClock, formatCount, formatDuration } from "./language.js";
import {
  askCancel,
  createOptionButton,
  createTicketButton,
  findTicketText,
  getTicketPath,
  openTicketDialog,
  translateTicket,
} from "./ticket-actions.js";
import { drawTicketFacts, drawTicketHead, drawTicketState, drawTicketText, formatTicketTime } from "./ticket-cards.js";

/** @import { SessionTicket } from "../../../../shared/tickets/ticket-views.ts" */
/** @import { TicketAction } from "./ticket-actions.js" */

/** How Groundcrew names a session without output, with the time of the last one. */
const SILENT = /^silent since (\S+)$/;

/** Unit of the time that is left: 1 min, so that a card is drawn anew once a minute. */
const MINUTE_MS = 60_000;

/** @typedef {SessionTicket["questions"][number]} TicketQuestion */
/** @typedef {NonNullable<TicketQuestion["input"]>[number]} InputField */

/** Length from which a field is folded: 1,000 UTF-16 units or 15 lines, about what a phone shows at once. */
const FOLD_UNITS = 1_000;

const FOLD_LINES = 15;

/** What of a folded field is shown at each end. */
const EDGE_UNITS = 300;

const EDGE_LINES = 5;

/** The questions whose input was unfolded, so that a later drawing of the card keeps it. @type {Set<string>} */
const unfolded = new Set();

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

/** @param {string} id */
function createSessionCard(id) {
  return createElement(
    "li.ticket",
    { "data-ticket": id },
    createElement("div.asks"),
    createElement("div.facts-of"),
    createElement(
      "figure",
      { hidden: true },
      createElement("figcaption.muted"),
      createElement("pre.screen", { dir: "ltr", tabindex: 0, role: "group" }),
    ),
  );
}

/** Whether there is a session, and not only its end or its place in the queue. @param {SessionTicket} session */
function hasSession({ state, waits_for_end, ends_at }) {
  return state !== "approved" && !waits_for_end && ends_at !== undefined;
}

/** @param {SessionTicket} session @param {(session: SessionTicket) => void} openTerminal */
function drawAsks(session, openTerminal) {
  const { id, state, questions, attention, reason } = session;
  return createElement(
    "div",
    drawTicketHead(session, drawTicketState(state)),
    drawReason(session),
    attention !== undefined && drawAttention(attention),
    questions.map((question) => drawQuestion(id, reason, question)),
    createElement(
      "div.actions",
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
    "p.line.muted",
    why && createElement("span", translateTicket(why)),
    why && detail !== "" && createUserText("span", detail, 300),
    next_start_at !== undefined &&
      createElement("span", translateTicket("why.retry", { at: formatTicketTime(next_start_at) })),
    position !== undefined && createElement("span", translateTicket("why.queue", { n: formatCount(position) })),
  );
}

/** @param {string} attention */
function drawAttention(attention) {
  const since = SILENT.exec(attention)?.[1];
  const shown = since === undefined ? createUserText("span", attention, 2_000) : drawSilence(since);
  return createElement("p.notice", translateTicket("attention", { text: "" }), shown);
}

/** @param {string} since */
function drawSilence(since) {
  return translateTicket("silent", { at: formatTicketTime(since) });
}

/** What a session asks, with the buttons that answer it. @param {string} key @param {string} reason @param {TicketQuestion} question */
function drawQuestion(key, reason, question) {
  const { kind, text, answer, number = 0, count = 0 } = question;
  const permission =
    kind === "permission" ? drawPermission(key, question, toAnswerAction(key, question.id)) : undefined;
  const ended = kind === "ended" ? findTicketText(`why.${reason}`) : undefined;
  const head = translateTicket(`question.${kind}`, { at: kind === "time" ? formatTicketTime(text) : "" });
  return createElement(
    "div.question",
    { "data-kind": kind },
    count > 0 && createElement("p.muted", translateTicket("part", { n: formatCount(number), of: formatCount(count) })),
    createElement("p", createElement("b", ended ? `${translateTicket(ended)} ` : "", head)),
    permission?.input ?? (kind !== "time" && text !== "" && drawTicketText(`question.${kind}`, text)),
    answer === undefined
      ? createElement("div.actions", permission?.buttons ?? drawAnswers(key, question))
      : createElement("p.muted", translateTicket("answered", { text: "" }), createUserText("span", answer)),
  );
}

/**
 * Draws a tool that waits for a permission and its input, and the buttons that allow and deny it. What is long is folded, and
 * can be allowed only after all of it was shown; what this page does not know whole, only in the terminal.
 * @param {string} key @param {TicketQuestion} question @param {(answer: string) => TicketAction} toAction
 */
function drawPermission(key, { id, text, tool, input, complete }, toAction) {
  const isFolded = complete && !unfolded.has(id) && input?.some(isLong);
  const fields = isFolded ? input?.map(foldField) : input;
  const list = createElement("dl.input", fields?.map(drawField));
  const allow = createTicketButton("do.allow", key, toAction("allow"), true);
  const deny = createTicketButton("do.deny", key, toAction("deny"));
  const unfold = createTicketButton("input.unfold", key, () => {
    unfolded.add(id);
    list.replaceChildren(...(input ?? []).map(drawField));
    list.querySelector("dd")?.focus();
    unfold.remove();
    allow.disabled = false;
  });
  allow.disabled = Boolean(isFolded);
  return {
    input: createElement(
      "div.permission",
      createElement("p", tool === undefined ? text : createElement("code", tool)),
      list,
      !complete && createElement("p.muted", translateTicket("input.terminal")),
    ),
    buttons: [isFolded && unfold, complete && allow, deny],
  };
}

/** @param {InputField} field */
function isLong({ value }) {
  return value.length > FOLD_UNITS || value.split("\n").length > FOLD_LINES;
}

/** The beginning and the end of a long field, with the number of UTF-16 units between them. @param {InputField} field @returns {InputField} */
function foldField(field) {
  if (!isLong(field)) return field;
  const start = field.value.slice(0, EDGE_UNITS).split("\n", EDGE_LINES).join("\n");
  const end = field.value.slice(start.length).slice(-EDGE_UNITS).split("\n").slice(-EDGE_LINES).join("\n");
  return { ...field, value: start, left_out: field.value.length - start.length - end.length, end };
}

/** A text of the model is drawn from left to right, whatever its characters. @param {InputField} field */
function drawField({ label, value, left_out, end }) {
  const name = findTicketText(`field.${label}`);
  const gap =
    left_out !== undefined && createElement("p.muted", translateTicket("input.left", { n: formatCount(left_out) }));
  return createElement(
    "div",
    { "data-field": label },
    createElement("dt", name ? translateTicket(name) : label),
    createElement(
      "dd",
      { tabindex: -1 },
      createElement("pre", { dir: "ltr" }, value),
      gap,
      end && createElement("pre", { dir: "ltr" }, end),
    ),
  );
}

/** Creates the actions that answer a question. @param {string} key @param {string} question */
function toAnswerAction(key, question) {
  /** @param {string} answer */
  return (answer) => ({
    key,
    path: getTicketPath("sessions", key, "answer"),
    body: { question, answer },
    told: /** @type {const} */ ("told.answer"),
  });
}

/** @param {string} key @param {TicketQuestion} question */
function drawAnswers(key, { id, kind, text, options = [], multiple }) {
  const toAction = toAnswerAction(key, id);
  if (kind === "ended") return createTicketButton("do.resume", key, toAction("resume"), true);
  // The session's own buttons give it more time.
  if (kind === "time") return undefined;
  const choices = multiple ? options : [];
  const ask = () =>
    openTicketDialog({ key, name: "answer", shown: text, hasText: true, isRequired: true, choices, toAction });
  return [
    ...(multiple ? [] : options).map((option) => createOptionButton(option, key, toAction(option))),
    createTicketButton("do.answer", key, ask, options.length === 0 || multiple),
  ];
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

/**
 * Creates the terminal of a ticket's session: its own document in a frame, with the button to take over. The frame may
 * run its scripts and use the person's sign-in, nothing else: it opens no windows, no dialogs, and moves no other document.
 * @param {string} key of the ticket @param {string} state of the ticket
 */
export function createTerminalPanel(key, state) {
  const frame = createElement("iframe", {
    src: `/terminal/${encodeURIComponent(key)}`,
    sandbox: "allow-scripts allow-same-origin",
    referrerpolicy: "no-referrer",
    // The same word in every language of the page.
    title: `Terminal ${key}`,
  });
  return createElement("div.ticket-terminal", { "data-state": state }, frame);
}
