/** How a view is drawn, and the elements that several views share. */

import { type ComponentChildren, render } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { fillPath, getProblemText, mayUse, type RouteName } from "./api.ts";
import { findElements, findTarget, focusFirstVisible, getElement, makeFocusable } from "./find-elements.ts";
import { formatAgo, formatTime, translate } from "./language.ts";
import { getView } from "./views.ts";

/** Interval at which times such as "5 minutes ago" are updated: 20 s, because they count minutes. */
const MOMENTS_INTERVAL_MS = 20_000;

/** What each row said when it was drawn last. */
const shownTexts = new WeakMap<Element, string>();

/**
 * Draws what a part of the page has loaded, or nothing while its view is hidden, so that the page stays small: only the
 * page of a task leads back to the same place of the board. Rows (`data-key`) that are new or have changed are marked
 * for a moment.
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
  const row = focused?.closest<HTMLElement>("[data-key]");
  render(content, root);
  // The focus stays in a row that has lost its focused button.
  if (focused?.isConnected === false && row) focusFirstVisible(makeFocusable(row));
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
export function UserText({
  tag: Tag = "span",
  text,
  max = 300,
}: {
  tag?: "b" | "p" | "span";
  text: string;
  max?: number;
}) {
  const title = text.length > 80 ? { title: text.slice(0, 1000).toWellFormed() } : {};
  return (
    <Tag class="written" dir="auto" {...title}>
      {text.length > max ? `${text.slice(0, max - 1).toWellFormed()}…` : text}
    </Tag>
  );
}

interface ButtonProps {
  class?: string;
  text?: string | undefined;
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
  /** What a person is asked before; nothing happens without a yes. */
  question?: string | undefined;
  /** What it does; when that fails, the reason is shown after the button. */
  onPress: () => unknown;
  children?: ComponentChildren;
}

/** A button that does nothing while what it has begun still runs. */
export function Button({ class: classes = "go", text, subject, label, answer, onPress, ...props }: ButtonProps) {
  const { isDisabled = false, isExpanded, route, question, children } = props;
  const { attempt, isBusy, problem } = useAttempt();
  if (route && !mayUse(route)) return null;
  return (
    <>
      <button
        type="button"
        class={classes}
        data-answer={answer}
        disabled={isDisabled}
        aria-expanded={isExpanded}
        {...(label && { "aria-label": label, title: label })}
        // Not `disabled` while it runs: a disabled button loses the focus.
        {...(isBusy && { "aria-disabled": true })}
        onClick={() => attempt(() => (question === undefined || confirm(question)) && onPress())}
      >
        {text}
        {children}
        {subject && <span class="sr"> {subject}</span>}
      </button>
      <Problem text={problem} />
    </>
  );
}

/** A button as its text, what it does, and what is asked before. */
export type Action = readonly [text: string, onPress: () => unknown, question?: string];

/** Buttons about one subject; those that are absent are left out. */
export function Actions({ list, ...props }: { list: (Action | false)[]; class?: string; subject: string }) {
  return list.map((one) => one && <Button key={one[0]} text={one[0]} onPress={one[1]} question={one[2]} {...props} />);
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

interface TextFormProps {
  label: ComponentChildren;
  /** The text to begin with. */
  value?: string;
  rows?: number;
  max: number;
  isRequired?: boolean;
  /** It takes the focus when it appears. */
  takesFocus?: boolean;
  /** Its buttons: the first takes the text, the other one, if there is one, closes the form. */
  submit: string;
  close?: readonly [text: string, onClose: () => void];
  /** What stands below the buttons. */
  more?: ComponentChildren;
  onInput?: (text: string) => void;
  /** Takes the text without space around it; when that fails, the field keeps it. */
  onSubmit: (text: string) => unknown;
  /** What stands above the field. */
  children?: ComponentChildren;
}

/** A form for a text. */
export function TextForm({
  label,
  value = "",
  rows = 3,
  max,
  isRequired = false,
  takesFocus,
  ...props
}: TextFormProps) {
  const { submit, close, more, onInput, onSubmit, children } = props;
  const field = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const Field = rows === 1 ? "input" : "textarea";
  const { attempt, isBusy, problem } = useAttempt();
  // At once: a key that is pressed right after the button belongs to what the person went to.
  useLayoutEffect(() => (takesFocus ? field.current?.focus() : undefined), []);
  function take(event: Event) {
    event.preventDefault();
    attempt(async () => {
      await onSubmit(field.current?.value.trim() ?? "");
      if (field.current) field.current.value = "";
    });
  }
  return (
    <form class="words" onSubmit={take}>
      {children}
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the field is one. */}
      <label>
        {label}
        <Field
          ref={field}
          {...{ rows, maxLength: max, required: isRequired, defaultValue: value }}
          onInput={() => onInput?.(field.current?.value ?? "")}
        />
      </label>
      <span class="actions">
        <button type="submit" class="go primary" aria-disabled={isBusy}>
          {submit}
        </button>
        {close && <Button class="quiet" text={close[0]} onPress={close[1]} />}
        <Problem text={problem} />
      </span>
      {more}
    </form>
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

/** Buttons of which one is chosen. */
export function Switch<Name extends string>({
  class: classes = "switch",
  label,
  chosen,
  choices,
  onChoose,
}: {
  class?: string;
  label: string;
  chosen: Name;
  choices: readonly (readonly [name: Name, content: ComponentChildren])[];
  onChoose: (name: Name) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms.
    <div class={classes} role="group" aria-label={label}>
      {choices.map(([name, content]) => (
        <button key={name} type="button" data-tab={name} aria-pressed={name === chosen} onClick={() => onChoose(name)}>
          {content}
        </button>
      ))}
    </div>
  );
}

/** The button that adds to a list what it does not show yet. */
export function More({ n, onPress }: { n: number; onPress: () => unknown }) {
  return (
    <li class="more">
      <Button class="quiet" text={translate("board.more", { n })} onPress={onPress} />
    </li>
  );
}

/** The key of a task, which leads to its page. */
export function TaskLink({ task }: { task: string }) {
  return (
    <a class="key" href={fillPath("/task/:task", { task })}>
      {task}
    </a>
  );
}

/** A link to another site; only its content for an address that is invalid or not HTTP(S). */
export function OutLink({ href, children }: { href: string; children: ComponentChildren }) {
  const url = URL.parse(href);
  if (!url || !/^https?:$/.test(url.protocol)) return children;
  return (
    <a href={url.href} target="_blank" rel="noopener noreferrer" dir="auto">
      {children}
    </a>
  );
}

/** A name, its value, and how programs find it. */
export type Fact = readonly [name: string, value: ComponentChildren, field?: string];

/** Names with their values in a description list; those without a value are left out. */
export function Facts({ class: classes, facts }: { class?: string; facts: readonly Fact[] }) {
  const rows = facts
    .filter(([, value]) => value)
    .map(([name, value, field]) => (
      <div key={field ?? `${name}${value}`} data-field={field}>
        <dt>{name}</dt>
        <dd>{typeof value === "string" ? <bdi>{value}</bdi> : value}</dd>
      </div>
    ));
  return rows.length > 0 && <dl class={classes}>{rows}</dl>;
}

/** The heading of a table. */
export function TableHead({ names }: { names: string[] }) {
  const heads = names.map((name) => (
    <th key={name} scope="col">
      {name}
    </th>
  ));
  return (
    <thead>
      <tr>{heads}</tr>
    </thead>
  );
}

/** A time, exact for programs. @param at in ms */
export function Time({ at }: { at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>;
}

/** How long ago something was, with the exact time on hover. @param at in ms, or ISO 8601 */
export function Moment({ at, class: classes }: { at: number | string; class?: string }) {
  const time = new Date(at);
  return (
    <time class={classes} dateTime={time.toISOString()} title={formatTime(time.getTime())} data-ago={time.getTime()}>
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
