/** The terminals of sessions that are open in the view Tickets. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { Button } from "./elements.tsx";
import { findElements, focusFirstVisible, getElement } from "./find-elements.ts";
import { drawTickets, translateTicket } from "./ticket-actions.tsx";

/** The tickets whose terminals are open, and the one whose approval has opened it. */
let open: string[] = [];
let approved = "";

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
  const frame = { src: `/terminal/${encodeURIComponent(id)}`, sandbox: "allow-scripts allow-same-origin" };
  return (
    <div class="terminal-panel" data-terminal={id} tabIndex={-1} ref={panel}>
      <div class="line">
        <b>{id}</b>
        <Button class="quiet" subject={id} onPress={() => closeTerminal(id)}>
          {translateTicket("ask.close")}
        </Button>
      </div>
      <iframe {...frame} referrerpolicy="no-referrer" title={`Terminal ${id}`} />
    </div>
  );
}

/** Opens the terminal of a session, once. */
export function openTerminal(id: string): void {
  if (open.includes(id)) focusInTickets(`[data-terminal="${CSS.escape(id)}"]`);
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

function closeTerminal(id: string) {
  open = open.filter((other) => other !== id);
  drawTickets();
  focusInTickets(`.ticket[data-ticket="${CSS.escape(id)}"] .actions button`);
}

function focusInTickets(selector: string) {
  focusFirstVisible(findElements(getElement("tickets-view"), selector)[0], getElement("tickets"));
}
