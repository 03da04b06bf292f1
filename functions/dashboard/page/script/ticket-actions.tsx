/** What people do with a ticket: buttons with their outcome, the dialog that asks before, and the open terminals. */

import { render } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { fillPath, getProblemCode, getProblemText, sendJson } from "./api.ts";
import { Button, Problem, useAttempt } from "./elements.tsx";
import { focusFirstVisible, getElement, makeFocusable } from "./find-elements.ts";
import { fillText, getLanguage, type TextValues } from "./language.ts";
import { TICKET_TEXTS } from "./ticket-texts.ts";

export type TicketTextName = keyof (typeof TICKET_TEXTS)["en"];

/** The actions that ask before: for a text, or whether they are meant. */
const ASKING = ["cancel", "complete", "remove", "update"] as const;

type AskingName = (typeof ASKING)[number];

/** What a person does with a ticket, at once or after a dialog. */
interface TicketAction {
  /** Key of the ticket. */
  ticket: string;
  name: AskingName | "extend" | "revoke" | "start";
  body?: object;
  /** In the dialog: the text to begin with. */
  value?: string;
  /** What is on the button; by default the action. */
  text?: string;
}

/** The routes of actions; those of sessions are named as the action is. */
const ROUTES: Partial<Record<TicketAction["name"], string>> = {
  update: "/api/update-plane/:ticket",
  revoke: "/api/permission-rules/remove",
};

/** Time for which the page says what was done: 10 s, because the message is above the cards. */
const MESSAGE_MS = 10_000;

let messageTimer: ReturnType<typeof setTimeout> | undefined;

/** The tickets whose terminals are open, and the one whose approval has opened it. */
let open: string[] = [];
let approved = "";

/** The place of the dialog is outside of the view: a modal dialog in a hidden view would lock the page. */
const dialogPlace = getElement("ask");

/** Loads the tickets, and what waits for a person, again. It never rejects. */
export let reloadTickets = async () => {};

/** Draws the tickets that were loaded. */
let drawTickets = () => {};

/** @param load loads and draws the tickets; never rejects @param draw draws what was loaded */
export function onTicketChange(load: () => Promise<void>, draw: () => void): void {
  reloadTickets = load;
  drawTickets = draw;
}

export function translateTicket(name: TicketTextName, values?: TextValues): string {
  return fillText(TICKET_TEXTS[getLanguage()][name], values);
}

/** Finds the text with this name: a reason may have none. */
export function findTicketText(name: string): string | undefined {
  return name in TICKET_TEXTS.en ? translateTicket(name as TicketTextName) : undefined;
}

/** A button about a ticket, whose key screen readers hear after its text. */
export function TicketButton({ text, ...action }: TicketAction) {
  const { ticket, name } = action;
  async function press() {
    if (isAsking(name)) return render(<TicketDialog {...action} name={name} />, dialogPlace);
    await sendAction(action).catch((thrown) => showMessage({ problem: getProblemText(thrown) }));
    focusTicket(ticket);
  }
  return <Button text={text ?? findTicketText(`do.${name}`)} subject={ticket} onPress={press} />;
}

function isAsking(name: string): name is AskingName {
  return (ASKING as readonly string[]).includes(name);
}

/** Sends an action and loads the tickets again. Rejects with what people read when it was refused. */
async function sendAction({ ticket, name, body = {} }: TicketAction): Promise<void> {
  showMessage({});
  const path = fillPath(ROUTES[name] ?? "/api/sessions/:ticket/:name", ROUTES[name] ? { ticket } : { ticket, name });
  const values = { key: ticket };
  let outcome: { status?: string; problem?: string; waits_for?: string };
  try {
    outcome = await sendJson(path, body);
  } catch (thrown) {
    await reloadTickets();
    // Why a ticket cannot be completed is said by the server; other conflicts show in what was loaded again.
    if (name === "complete" || getProblemCode(thrown) !== "conflict") throw thrown;
    throw new Error(translateTicket("problem.conflict", values));
  }
  await reloadTickets();
  // An update that was begun may have failed in Plane.
  if (name === "update" && outcome.status !== "updated")
    throw new Error(translateTicket("problem.update", { ...values, reason: outcome.problem ?? "" }));
  showMessage({ told: translateTicket(outcome.waits_for === "tests" ? "told.tests" : `told.${name}`, values) });
}

/** Says above the tickets what was done, for a while, or why not, until the next action. */
function showMessage({ told = "", problem = "" }): void {
  clearTimeout(messageTimer);
  if (told) messageTimer = setTimeout(() => showMessage({}), MESSAGE_MS);
  getElement("ticket-told").textContent = told;
  getElement("ticket-problem").textContent = problem;
}

/** Moves the focus to a ticket after an action has removed the button that had it. */
function focusTicket(key: string): void {
  const { activeElement } = document;
  if (activeElement && activeElement !== document.body && activeElement.checkVisibility()) return;
  const card = findInTickets(`.ticket[data-ticket="${CSS.escape(key)}"]`);
  focusFirstVisible(card && makeFocusable(card), getElement("tickets"));
}

function findInTickets(selector: string): HTMLElement | null {
  return getElement("tickets-view").querySelector<HTMLElement>(selector);
}

/** Asks for what an action needs, and sends it. A refusal is shown in the dialog, which stays open with what was written. */
function TicketDialog({ name, value, ...action }: TicketAction & { name: AskingName }) {
  const { ticket, body } = action;
  const dialog = useRef<HTMLDialogElement>(null);
  const { attempt, isBusy, problem } = useAttempt();
  useLayoutEffect(() => dialog.current?.showModal(), []);
  function submit(event: SubmitEvent & { currentTarget: HTMLFormElement }) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const written = form.has("summary") && { summary: form.get("summary")?.toString().trim() };
    const checked = name === "remove" && { force: form.has("force") };
    attempt(async () => {
      await sendAction({ ...action, name, body: { ...body, ...written, ...checked } });
      dialog.current?.close();
    });
  }
  function forget() {
    render(null, dialogPlace);
    focusTicket(ticket);
  }
  return (
    <dialog class="ask" aria-labelledby="ask-title" ref={dialog} onClose={forget}>
      <form class="words" onSubmit={submit}>
        <h3 id="ask-title">{translateTicket(`ask.${name}`, { key: ticket })}</h3>
        {name === "complete" || name === "update" ? (
          <label>
            {translateTicket(`ask.${name}.label`)}
            <textarea name="summary" rows={6} maxLength={20_000} required autofocus defaultValue={value} />
          </label>
        ) : (
          <p>{translateTicket(`ask.${name}.text`)}</p>
        )}
        {name === "remove" && (
          <label class="check">
            <input type="checkbox" name="force" /> {translateTicket("ask.remove.check")}
          </label>
        )}
        <Problem text={problem} />
        <div class="actions">
          <button type="submit" class="go main" aria-disabled={isBusy}>
            {translateTicket(`ask.${name}.do`)}
          </button>
          <Button text={translateTicket("ask.close")} onPress={() => dialog.current?.close()} />
        </div>
      </form>
    </dialog>
  );
}

/** The open terminals, in the order in which they were opened: a frame that moves in the page would load again. */
export function Terminals() {
  const panels = open.map((id) => <Terminal key={id} id={id} />);
  return <div class="terminals">{panels}</div>;
}

/**
 * The terminal is a document of its own, which may run its scripts and use the person's sign-in, nothing else: it opens
 * no windows, no dialogs, and moves no other document.
 */
function Terminal({ id }: { id: string }) {
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    panel.current?.focus();
    // With its buttons, also where it is higher than the view.
    panel.current?.scrollIntoView({ block: "start" });
  }, []);
  const frame = { src: fillPath("/terminal/:id", { id }), sandbox: "allow-scripts allow-same-origin" };
  return (
    <div class="terminal-panel" data-terminal={id} tabIndex={-1} ref={panel}>
      <div class="line">
        <b>{id}</b>
        <Button class="quiet" text={translateTicket("ask.close")} subject={id} onPress={() => closeTerminal(id)} />
      </div>
      <iframe {...frame} referrerpolicy="no-referrer" title={`Terminal ${id}`} />
    </div>
  );
}

/** The button that opens the terminal of a session. */
export function TerminalButton({ ticket }: { ticket: string }) {
  return <Button text={translateTicket("do.terminal")} subject={ticket} onPress={() => openTerminal(ticket)} />;
}

/** Opens the terminal of a session, once. */
function openTerminal(id: string): void {
  if (open.includes(id)) focusFirstVisible(findInTickets(`[data-terminal="${CSS.escape(id)}"]`));
  else open = [...open, id];
  drawTickets();
}

/**
 * Opens the terminal of a ticket that was approved here, instead of the one of the approval before: each open terminal
 * takes one of the few connections of a browser.
 */
export function openApprovedTerminal(id: string): void {
  open = open.filter((other) => other !== approved);
  approved = id;
  openTerminal(id);
}

function closeTerminal(id: string): void {
  open = open.filter((other) => other !== id);
  drawTickets();
  const button = findInTickets(`.ticket[data-ticket="${CSS.escape(id)}"] .actions button`);
  focusFirstVisible(button, getElement("tickets"));
}
