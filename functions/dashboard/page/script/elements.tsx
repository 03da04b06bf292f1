/** How a view is drawn, and the elements that several views share. */

import { type ComponentChildren, render } from "preact";
import { useState } from "preact/hooks";
import { findElements, focusFirstVisible, getLoadedElement, makeFocusable } from "./dom.js";
import { formatTime } from "./language.js";

/** What each row said when it was drawn last. */
const shownTexts = new WeakMap<Element, string>();

/** Draws what a part of the page has loaded. Its rows (`data-key`) that are new or have changed are marked for a moment. */
export function drawPart(id: string, content: ComponentChildren): HTMLElement {
  const root = getLoadedElement(id);
  const wasDrawn = root.dataset["drawn"] === "yes";
  // The text that stood for it goes.
  if (!wasDrawn) root.replaceChildren();
  root.dataset["drawn"] = "yes";
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const row = focused?.closest("[data-key]");
  render(content, root);
  // The focus stays in a row that has lost its focused button.
  if (focused?.isConnected === false && row instanceof HTMLElement) focusFirstVisible(makeFocusable(row));
  for (const row of findElements(root, "[data-key]")) {
    const text = row.textContent;
    if (wasDrawn && shownTexts.get(row) !== text) row.classList.add("fresh");
    shownTexts.set(row, text);
  }
  return root;
}

/** Text that people wrote: with its own writing direction, and cut to a readable length. */
export function UserText({ text, max = 300 }: { text: string; max?: number }) {
  const title = text.length > 80 ? { title: text.slice(0, 1000).toWellFormed() } : {};
  return (
    <span class="written" dir="auto" {...title}>
      {text.length > max ? `${text.slice(0, max - 1).toWellFormed()}…` : text}
    </span>
  );
}

interface ButtonProps {
  class: string;
  /** What it is about, which screen readers hear after its text. */
  subject?: string;
  isDisabled?: boolean;
  /** Its name, when its content is a sign. */
  label?: string;
  onPress: () => unknown;
  children: ComponentChildren;
}

/** A button that does nothing while what it has begun still runs. */
export function Button({ class: classes, subject, label, isDisabled = false, onPress, children }: ButtonProps) {
  const [isBusy, setIsBusy] = useState(false);
  async function press() {
    if (isBusy) return;
    const run = onPress();
    if (!(run instanceof Promise)) return;
    setIsBusy(true);
    await run;
    setIsBusy(false);
  }
  const names = label && { "aria-label": label, title: label };
  const busy = isBusy && { "aria-disabled": true };
  // `aria-disabled` instead of `disabled` while it runs: a disabled button loses the focus.
  return (
    <button type="button" class={classes} disabled={isDisabled} {...busy} {...names} onClick={press}>
      {children}
      {subject && <span class="sr"> {subject}</span>}
    </button>
  );
}

/** The one button that removes a filter or a reply. */
export function Chip({ text, title, onRemove }: { text: string; title: string; onRemove: () => void }) {
  return (
    <button type="button" class="go chip" title={title} onClick={onRemove}>
      {text}
      <span aria-hidden="true"> ✕</span>
    </button>
  );
}

/** A name, its value, and how programs find it. */
export type Fact = readonly [name: string, value: ComponentChildren, field?: string];

/** Names with their values in a description list; those without a value are left out. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return facts.map(
    ([name, value, field]) =>
      value && (
        <div key={field ?? `${name}${value}`} data-field={field}>
          <dt>{name}</dt>
          <dd>{typeof value === "string" ? <bdi>{value}</bdi> : value}</dd>
        </div>
      ),
  );
}

/** The heading of a table. */
export function TableHead({ names }: { names: string[] }) {
  return (
    <thead>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** A time, exact for programs. @param at in ms */
export function Time({ at }: { at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>;
}
