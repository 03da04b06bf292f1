/** What people do with a ticket: requests with their outcome, buttons, and the dialog that asks for a text or a choice. */

import { type ComponentChildren, render, type TargetedSubmitEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { getProblemCode, getProblemText, sendJson } from "./api.ts";
import { Button } from "./elements.tsx";
import { findElements, focusFirstVisible, getElement, makeFocusable } from "./find-elements.ts";
import { fillText, getLanguage } from "./language.ts";
import type { TextValues } from "./page-types.ts";
import { TICKET_TEXTS } from "./ticket-texts.ts";

export type TicketTextName = keyof (typeof TICKET_TEXTS)["en"];

type DialogForm = { text?: string; isRequired?: boolean; check?: string };
type DialogName = "cancel" | "complete" | "remove" | "update";

/** What a person does with a ticket, at once or after a dialog. */
interface TicketAction {
  /** Key of the ticket. */
  ticket: string;
  name: DialogName | "extend" | "revoke" | "start";
  body?: object;
  /** In the dialog: the text to begin with. */
  value?: string;
}

/** The routes of actions; those of sessions are named as the action is. */
const ROUTES: Readonly<Record<string, string>> = {
  update: "update-plane/{id}",
  revoke: "permission-rules/remove",
};

/** What a dialog asks for: a text or a confirmation, by the names that the request has for it. */
const DIALOGS: Record<DialogName, DialogForm> = {
  cancel: {},
  complete: { text: "summary", isRequired: true },
  remove: { check: "force" },
  update: { text: "summary", isRequired: true },
};

/** Time for which the page says what was done: 10 s, because the message is above the cards. */
const MESSAGE_MS = 10_000;

let messageTimer: ReturnType<typeof setTimeout> | undefined;

/** What was done, for a while, or why not, until the next action. */
let message = { told: "", problem: "" };

/** The place of the dialog is outside of the view: a modal dialog in a hidden view would lock the page. */
const dialogPlace = document.body.appendChild(document.createElement("div"));

/** Loads the tickets, and what waits for a person, again. It never rejects. */
export let reloadTickets = async () => {};

/** Draws the tickets that were loaded. */
export let drawTickets = () => {};

/** @param load loads and draws the tickets; never rejects @param draw draws what was loaded */
export function onTicketChange(load: () => Promise<void>, draw: () => void): void {
  reloadTickets = load;
  drawTickets = draw;
}

interface TicketButtonProps extends TicketAction {
  /** What is on the button; by default the action. */
  children?: ComponentChildren;
  /** The action asks first. */
  asks?: boolean;
}

/** A button about a ticket, whose key screen readers hear after its text. */
export function TicketButton({ children, asks, ...action }: TicketButtonProps) {
  async function send() {
    const refusal = await sendAction(action);
    if (refusal !== undefined) showMessage({ problem: refusal });
    focusTicket(action.ticket);
  }
  return (
    <Button class="go" subject={action.ticket} onPress={asks ? () => ask(action) : send}>
      {children || translateTicket(`do.${action.name}` as TicketTextName)}
    </Button>
  );
}

function ask(action: TicketAction) {
  render(<TicketDialog {...action} />, dialogPlace);
}

/** Sends an action and loads the tickets again; returns why it was refused. */
async function sendAction({ ticket: key, name, body = {} }: TicketAction) {
  showMessage({});
  const path = `/api/${fillText(ROUTES[name] ?? `sessions/{id}/${name}`, { id: encodeURIComponent(key) })}`;
  try {
    const outcome: { status?: string; problem?: string; waits_for?: string } = await sendJson(path, body);
    await reloadTickets();
    // An update that was begun may have failed in Plane.
    if (name === "update" && outcome.status !== "updated")
      return translateTicket("problem.update", { key, reason: outcome.problem ?? "" });
    showMessage({ told: translateTicket(outcome.waits_for === "tests" ? "told.tests" : `told.${name}`, { key }) });
    return undefined;
  } catch (thrown) {
    await reloadTickets();
    // Why a ticket cannot be completed is said by the server; other conflicts show in what was loaded again.
    if (name === "complete" || getProblemCode(thrown) !== "conflict") return getProblemText(thrown);
    return translateTicket("problem.conflict", { key });
  }
}

function showMessage({ told = "", problem = "" }: Partial<typeof message>): void {
  clearTimeout(messageTimer);
  if (told) messageTimer = setTimeout(() => showMessage({}), MESSAGE_MS);
  message = { told, problem };
  drawTickets();
}

/** Moves the focus to a ticket after an action has removed the button that had it. */
function focusTicket(key: string): void {
  const { activeElement } = document;
  if (activeElement && activeElement !== document.body && activeElement.checkVisibility()) return;
  const card = findElements(getElement("tickets-view"), ".ticket").find((el) => el.dataset["ticket"] === key);
  focusFirstVisible(card && makeFocusable(card), getElement("tickets"));
}

/** The line of messages above the tickets. */
export function Messages() {
  return (
    <div class="said">
      <p id="ticket-told" class="notice" role="status">
        {message.told}
      </p>
      <p id="ticket-problem" class="notice" role="alert">
        {message.problem}
      </p>
    </div>
  );
}

/** Asks for what an action needs, and sends it. A refusal is shown in the dialog, which stays open with what was written. */
function TicketDialog(action: TicketAction) {
  const { ticket, name, value = "", body } = action;
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const { text, isRequired = false, check }: DialogForm = DIALOGS[name as DialogName];
  async function submit(event: TargetedSubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setProblem("");
    const form = new FormData(event.currentTarget);
    const written = text && { [text]: form.get("text")?.toString().trim() };
    const checked = check && { [check]: form.has("check") };
    const refusal = await sendAction({ ...action, body: { ...body, ...written, ...checked } });
    if (refusal === undefined) dialog.current?.close();
    else setProblem(refusal);
    setIsBusy(false);
  }

  function forget() {
    render(null, dialogPlace);
    focusTicket(ticket);
  }

  return (
    <dialog class="ask" aria-labelledby="ask-title" ref={dialog} onClose={forget}>
      <form class="words" onSubmit={submit}>
        <h3 id="ask-title">{translateTicket(`ask.${name as DialogName}`, { key: ticket })}</h3>
        {!text && <p>{translateTicket(name === "remove" ? "ask.remove.text" : "ask.cancel.text")}</p>}
        {text && (
          <label>
            {translateTicket(`ask.${name}.label` as TicketTextName)}
            <textarea name="text" rows={6} maxLength={20_000} required={isRequired} autofocus defaultValue={value} />
          </label>
        )}
        {check && (
          <label class="check">
            <input type="checkbox" name="check" /> {translateTicket("ask.remove.check")}
          </label>
        )}
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button type="submit" class="go main" aria-disabled={isBusy}>
            {translateTicket(`ask.${name as DialogName}.do`)}
          </button>
          <Button class="go" onPress={() => dialog.current?.close()}>
            {translateTicket("ask.close")}
          </Button>
        </div>
      </form>
    </dialog>
  );
}

export function translateTicket(name: TicketTextName, values?: TextValues): string {
  return fillText(TICKET_TEXTS[getLanguage()][name], values);
}

/** Finds the text with this name: a reason may have none. */
export function findTicketText(name: string): string | undefined {
  return name in TICKET_TEXTS.en ? translateTicket(name as TicketTextName) : undefined;
}
