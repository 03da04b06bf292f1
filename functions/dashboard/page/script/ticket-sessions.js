/** Running sessions with their output, the questions that they ask, and their terminal. */

import { createElement, createFact, createUserText, findElement, updateList } from "./dom.js";
import { formatClock, formatCount, formatDuration } from "./language.js";
import {
  createActionButton,
  createTicketButton,
  findTicketText,
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
 * Updates the cards of sessions. What changes often is apart from what people press: output draws no button anew.
 * @param {HTMLElement} list @param {readonly SessionTicket[]} sessions @param {number} now the server's time
 * @param {(session: SessionTicket) => void} openTerminal
 */
export function updateSessions(list, sessions, now, openTerminal) {
  updateList(
    list,
    sessions.map(({ id }) => ({ id })),
    "id",
    createSessionCard,
  );
  for (const [i, session] of sessions.entries()) {
    const card = list.children[i];
    if (!(card instanceof HTMLElement)) continue;
    const { screen, last_output_at, tokens, cost_usd, commits, diff, dirty, conflicts, branch, runner, ...rest } =
      session;
    const { ends_at, ...asked } = rest;
    card.dataset["state"] = session.state;
    const asks = { ...asked, hasSession: hasSession(session) };
    updateList(findElement(card, ".asks"), [asks], "id", () => drawAsks(session, openTerminal));
    const left = asks.hasSession && ends_at ? Math.ceil((Date.parse(ends_at) - now) / MINUTE_MS) : undefined;
    const facts = { id: session.id, tokens, cost_usd, commits, diff, dirty, conflicts, branch, runner, ends_at, left };
    updateList(findElement(card, ".facts-of"), [facts], "id", () => drawSessionFacts(session, left));
    showScreen(card, session.id, screen, last_output_at);
  }
}

/** @param {{ id: string }} session */
function createSessionCard({ id }) {
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
  const { id: key, state, questions, attention, reason } = session;
  return createElement(
    "div",
    drawTicketHead(session, drawTicketState(state)),
    drawReason(session),
    attention !== undefined && drawAttention(attention),
    questions.map((question) => drawQuestion(key, reason, question)),
    createElement(
      "div.actions",
      hasSession(session) && [
        createTicketButton("do.terminal", key, () => openTerminal(session)),
        createTicketButton("do.extend", key, { name: "extend", key }),
      ],
      createTicketButton("do.complete", key, () => openTicketDialog("complete", key)),
      createTicketButton("do.cancel", key, () => openTicketDialog("cancel", key)),
    ),
  );
}

/** Why an approved ticket does not run yet. @param {SessionTicket} session */
function drawReason({ state, reason, detail, position, next_start_at: next }) {
  if (state !== "approved") return undefined;
  const why = findTicketText(`why.${reason}`);
  return createElement(
    "p.line.muted",
    why && createElement("span", why),
    why && detail !== "" && createUserText("span", detail, 300),
    next !== undefined && createElement("span", translateTicket("why.retry", { at: formatTicketTime(next) })),
    position !== undefined && createElement("span", translateTicket("why.queue", { n: formatCount(position) })),
  );
}

/** @param {string} attention */
function drawAttention(attention) {
  const since = SILENT.exec(attention)?.[1];
  const silence = since && translateTicket("silent", { at: formatTicketTime(since) });
  const text = silence ?? createUserText("span", attention, 2_000);
  return createElement("p.notice", translateTicket("attention", { text: "" }), text);
}

/** What a session asks, with the buttons that answer it. @param {string} key @param {string} reason @param {TicketQuestion} question */
function drawQuestion(key, reason, question) {
  const { kind, text, answer, number = 0, count = 0 } = question;
  const permission = kind === "permission" ? drawPermission(key, question) : undefined;
  const ended = kind === "ended" ? findTicketText(`why.${reason}`) : undefined;
  const head = translateTicket(`question.${kind}`, { at: kind === "time" ? formatTicketTime(text) : "" });
  const part = translateTicket("part", { n: formatCount(number), of: formatCount(count) });
  return createElement(
    "div.question",
    { "data-kind": kind },
    count > 0 && createElement("p.muted", part),
    createElement("p", createElement("b", ended ? `${ended} ` : "", head)),
    permission?.input ?? (kind !== "time" && text !== "" && drawTicketText(`question.${kind}`, text)),
    drawDescriptions(question),
    answer === undefined
      ? createElement("div.actions", permission?.buttons ?? drawAnswers(key, question))
      : createElement("p.muted", translateTicket("answered", { text: "" }), createUserText("span", answer)),
  );
}

/**
 * Draws a tool that waits for a permission and its input, and the buttons that allow and deny it. What is long is
 * folded, and can be allowed only after all of it was shown; what this page does not know whole, only in the terminal.
 * @param {string} key @param {TicketQuestion} question
 */
function drawPermission(key, question) {
  const { id, text, tool, input = [], complete, rule } = question;
  const isFolded = Boolean(complete) && !unfolded.has(id) && input.some(isLong);
  const list = createElement("dl.input", (isFolded ? input.map(foldField) : input).map(drawField));
  const allow = createTicketButton("do.allow", key, toAnswer(key, question, "allow"), true);
  const always = /** @type {const} */ (["allow_always", "allow_in_repo"]).map((answer) =>
    createActionButton(translateTicket(`do.${answer}`, { rule: rule ?? "" }), key, toAnswer(key, question, answer)),
  );
  const allowing = [allow, ...(rule === undefined ? [] : always)];
  const deny = createTicketButton("do.deny", key, toAnswer(key, question, "deny"));
  const length = input.reduce((sum, { value }) => sum + value.length, 0);
  const unfold = createActionButton(translateTicket("input.unfold", { n: formatCount(length) }), key, () => {
    unfolded.add(id);
    list.replaceChildren(...input.map(drawField));
    list.querySelector("dd")?.focus();
    unfold.remove();
    for (const button of allowing) button.disabled = false;
  });
  for (const button of allowing) button.disabled = isFolded;
  return {
    input: createElement(
      "div.permission",
      createElement("p", tool === undefined ? text : createElement("code", tool)),
      list,
      !complete && createElement("p.muted", translateTicket("input.terminal")),
    ),
    buttons: [isFolded && unfold, ...(complete ? allowing : []), deny],
  };
}

/** An answer to exactly what is shown. @param {string} key @param {TicketQuestion} question @param {string} answer @returns {TicketAction} */
function toAnswer(key, { id, hash }, answer) {
  return { name: "answer", key, body: { question: id, answer, ...(hash === undefined ? {} : { hash }) } };
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
  const gap =
    left_out !== undefined && createElement("p.muted", translateTicket("input.left", { n: formatCount(left_out) }));
  const texts = [createElement("pre", { dir: "ltr" }, value), gap, end && createElement("pre", { dir: "ltr" }, end)];
  const field = createFact(findTicketText(`field.${label}`) ?? label, texts, { "data-field": label });
  findElement(field, "dd").tabIndex = -1;
  return field;
}

/** What each option means. @param {TicketQuestion} question */
function drawDescriptions({ options = [], descriptions = [] }) {
  const described = options.flatMap((option, i) => {
    const description = descriptions[i];
    return description ? createFact(option, createUserText("span", description, 500)) : [];
  });
  return described.length > 0 && createElement("dl", described);
}

/** @param {string} key @param {TicketQuestion} question */
function drawAnswers(key, question) {
  const { id, kind, text, options = [], descriptions = [], multiple } = question;
  if (kind === "ended") return createTicketButton("do.resume", key, toAnswer(key, question, "resume"), true);
  // The session's own buttons give it more time.
  if (kind === "time") return undefined;
  const [choices, buttons] = multiple ? [options, []] : [[], options];
  const ask = () => openTicketDialog("answer", key, { shown: text, choices, descriptions, body: { question: id } });
  return [
    ...buttons.map((option) =>
      createActionButton(createUserText("span", option), key, toAnswer(key, question, option), true),
    ),
    createTicketButton("do.answer", key, ask, buttons.length === 0),
  ];
}

/** @param {SessionTicket} session @param {number} [left] minutes */
function drawSessionFacts(session, left) {
  const at = session.ends_at === undefined ? "" : formatClock(Date.parse(session.ends_at));
  return drawTicketFacts(session, [
    ["fact.left", left !== undefined && formatTimeLeft(left, at)],
    ["fact.runner", session.runner && createUserText("span", session.runner, 100)],
  ]);
}

/** @param {number} left minutes @param {string} at */
function formatTimeLeft(left, at) {
  if (left <= 0) return translateTicket("left.over", { at });
  return translateTicket("left", { left: formatDuration(left * MINUTE_MS), at });
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
