/** Finds elements of the page, and moves the focus to them. */

/** Returns an element of the page's HTML by its id, of the type of its tag. */
export function getElement<El extends HTMLElement = HTMLElement>(id: string): El {
  return document.getElementById(id) as El;
}

/** Returns the first matching element, which must exist. */
export function findElement(root: ParentNode, selector: string): HTMLElement {
  return root.querySelector(selector) as HTMLElement;
}

export function findElements<El extends HTMLElement = HTMLElement>(root: ParentNode, selector: string): El[] {
  return [...root.querySelectorAll<El>(selector)];
}

/** Finds the nearest matching element among the event's target and its ancestors. */
export function findTarget(event: { target: EventTarget | null }, selector: string): HTMLElement | undefined {
  const el = event.target instanceof Element ? event.target.closest(selector) : undefined;
  return el instanceof HTMLElement ? el : undefined;
}

/** Whether a key belongs to what a person writes or chooses, or is a shortcut of the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  return Boolean(event.ctrlKey || event.metaKey || event.altKey || findTarget(event, "input, textarea, select"));
}

/** Focuses the first visible element of the list, because hidden elements cannot have the focus. */
export function focusFirstVisible(...elements: (HTMLElement | null | undefined)[]): void {
  elements.find((el) => el?.checkVisibility())?.focus({ preventScroll: true });
}

/** Makes an element focusable by script, but not with Tab. */
export function makeFocusable(el: HTMLElement): HTMLElement {
  el.tabIndex = -1;
  return el;
}
