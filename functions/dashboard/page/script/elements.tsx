/** How a view is drawn, and the elements that several views share. */

import { type ComponentChildren, render } from "preact";
import { useState } from "preact/hooks";
import { getProblemText } from "./api.ts";
import { findElements, findTarget, focusFirstVisible, getElement, makeFocusable } from "./find-elements.ts";
import { formatAgo, formatTime } from "./language.ts";
import { mayUse, type RouteName } from "./viewer.ts";
import { getView } from "./views.ts";

/** Interval at which times such as "5 minutes ago" are updated: 20 s, because they count minutes. */
const MOMENTS_INTERVAL_MS = 20_000;

/** What each row said when it was drawn last. */
const shownTexts = new WeakMap<Element, string>();

/**
 * Draws what a part of the page has loaded, or nothing while its view is hidden, so that the page stays small: only the
 * page of a task leads back to the same place of the board. Rows (`data-key`) that are new or have changed are marked for a moment.
 */
export function drawPart(id: string, content: ComponentChildren): HTMLElement {
  const root = getElement(id);
  if (findTarget({ target: root }, "main > section")?.hidden && getView() !== "task") {
    render(null, root);
    root.dataset["drawn"] = "";
    return root;
  }
  root.setAttribute("aria-busy", "false");
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
    // That time has passed is no news.
    const times = findElements(row, "[data-ago]").map((time) => time.textContent);
    const text = times.reduce((left, time) => left.replace(time, ""), row.textContent);
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
  /** Whether what it opens is open. */
  isExpanded?: boolean;
  /** The answer that it gives, by which keys find it. */
  answer?: string;
  /** What it calls: it is absent for a role that may not. */
  route?: RouteName;
  /** What it does; when that fails, the reason is shown after the button. */
  onPress: () => unknown;
  children: ComponentChildren;
}

/** A button that does nothing while what it has begun still runs. */
export function Button(props: ButtonProps) {
  const { class: classes, subject, label, answer, isDisabled = false, isExpanded, route, onPress, children } = props;
  const { attempt, isBusy, problem } = useAttempt();
  if (route && !mayUse(route)) return null;
  const names = label && { "aria-label": label, title: label };
  // `aria-disabled` instead of `disabled` while it runs: a disabled button loses the focus.
  const busy = isBusy && { "aria-disabled": true };
  return (
    <>
      <button
        type="button"
        class={classes}
        data-answer={answer}
        disabled={isDisabled}
        aria-expanded={isExpanded}
        {...busy}
        {...names}
        onClick={() => attempt(onPress)}
      >
        {children}
        {subject && <span class="sr"> {subject}</span>}
      </button>
      <Problem text={problem} />
    </>
  );
}

/** What a person does and what may fail: one at a time, with the reason of the last failure until the next attempt. */
export function useAttempt() {
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  async function attempt(run: () => unknown): Promise<void> {
    if (isBusy) return;
    setProblem("");
    try {
      const result = run();
      if (!(result instanceof Promise)) return;
      setIsBusy(true);
      await result;
    } catch (thrown) {
      setProblem(getProblemText(thrown));
    }
    setIsBusy(false);
  }
  return { attempt, isBusy, problem };
}

/** Why something failed. */
export function Problem({ text }: { text: string }) {
  return text === "" ? null : (
    <span class="problem" role="alert">
      {text}
    </span>
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

/** How long ago something was, with the exact time on hover. @param at in ms, or ISO 8601 */
export function Moment({ at }: { at: number | string }) {
  const time = new Date(at);
  return (
    <time dateTime={time.toISOString()} title={formatTime(time.getTime())} data-ago={time.getTime()}>
      {formatAgo(time.getTime())}
    </time>
  );
}

/** Keeps these times right while nothing else is drawn. The text node stays, because Preact knows it. */
function updateMoments(): void {
  for (const { firstChild, dataset } of findElements(document, "[data-ago]"))
    if (firstChild) firstChild.nodeValue = formatAgo(Number(dataset["ago"]));
}

setInterval(updateMoments, MOMENTS_INTERVAL_MS);
