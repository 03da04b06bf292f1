/** A request to a person: what is judged, whole, and its answers, which can be taken back before they are sent. */

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { stripMarkdown } from "../../../../shared/markdown/plain-text.ts";
import { joinChoices } from "../../../../shared/task/request.ts";
import type { RequestAnswer } from "../../../requests.ts";
import { fillPath, mayUse, sendJson } from "./api.ts";
import { Button, Facts, Moment, Problem, TaskLink, TextForm, useAttempt } from "./elements.tsx";
import { findElements, focusFirstVisible, isTyping } from "./find-elements.ts";
import { formatCount, formatDay, formatPercent, formatTime, translate, translateName } from "./language.ts";
import { getView } from "./views.ts";

/** A verdict can be taken back for 5 s. Until then it is not sent. */
const UNDO_MS = 5_000;

/** A part is folded above 2,000 characters or 30 lines, to its beginning and its end. */
const FOLD_UNITS = 2_000;
const FOLD_LINES = 30;
const SHOWN_UNITS = 600;
const SHOWN_LINES = 8;

/** A part is a short fact up to 80 characters in a line. What a session wants to do is always shown as it is. */
const FACT_UNITS = 80;

/** Answers that mean yes: they need everything to be unfolded. */
const ALLOWING = ["allow", "allow_always", "allow_in_repo", "approve"];

/** Answers that add a rule, which they name. */
const ADDING_RULE = ["allow_always", "allow_in_repo"];

/** Answers that take a reason, and those that consist of a person's own words. */
const WITH_REASON = ["reject", "send_back", "deny"];
const OWN_WORDS = ["answer", "complete"];

/** Kinds whose text is an agent's words to people. That of others is what a session gets, which is judged as it is. */
const WITHOUT_MARKDOWN = ["question", "review", "plan", "result"];

type Decision = { answer: string; hash: string; comment?: string };

/** Sends the verdicts whose time to undo has not passed when the page is left. */
const unsent = new Map<string, Decision>();

interface RequestCardProps {
  request: RequestAnswer;
  /** What a person has written about it elsewhere, with which it is sent back. */
  notes?: string;
  /** Loads what waits again, after an answer and after its refusal. */
  onDone: () => Promise<void>;
  /** What an answer that was taken begins. */
  onDecided?: (answer: string) => void;
}

/** A request, whole, with its answers. */
export function RequestCard({ request, notes = "", onDone, onDecided }: RequestCardProps) {
  const { id, kind, subject, from, created_at, deadline, hash, answers, number = 0, count = 0, state } = request;
  const card = useRef<HTMLLIElement>(null);
  const head = useId();
  const [unfolded, setUnfolded] = useState<string>();
  const [decision, setDecision] = useState<Decision>();
  const [words, setWords] = useState("");
  const { attempt, problem } = useAttempt();
  const isOpen = state === "open";
  const title = subject.title || from;
  const parts = listParts(request);
  const isFolded = unfolded !== hash && parts.some(({ value }) => isLong(value));
  const length = parts.reduce((sum, { value }) => sum + value.length, 0);
  const isShort = ({ label, value }: Part) => label !== "" && kind !== "permission" && isFact(value);
  const facts = parts.filter((part) => isShort(part) && part.value !== title);

  /** Sends the answer, and shows what waits after it, also when it was refused. */
  async function send(sent: Decision) {
    unsent.delete(id);
    const view = card.current?.closest<HTMLElement>("section[tabindex]");
    try {
      await sendJson(fillPath("/api/requests/:id", { id }), sent);
      setWords("");
      onDecided?.(sent.answer);
    } finally {
      await onDone().finally(() => setDecision(undefined));
      // The button that had the focus is gone, and often the whole card.
      if (document.activeElement === document.body)
        focusFirstVisible(card.current, view?.querySelector<HTMLElement>(".request"), view);
    }
  }

  return (
    <li class="request" data-kind={kind} data-request={id} tabIndex={-1} aria-labelledby={head} ref={card}>
      <p class="line">
        <span class="kind">{translateName("inbox.kind", kind)}</span>
        {subject.key && <TaskLink task={subject.key} />}
        <span class="muted">
          {translate("inbox.from", { from })} · <Moment at={created_at} />
          {deadline && ` · ${translate("inbox.deadline", { at: formatTime(Date.parse(deadline)) })}`}
        </span>
      </p>
      <h3 id={head} class="written" dir="auto">
        {title.slice(0, 300)}
      </h3>
      {request.changed && <p class="notice">{translate("inbox.changed")}</p>}
      {count > 1 && <p class="muted">{translate("inbox.question", { n: number, of: count })}</p>}
      {parts.map(
        (part) =>
          !isShort(part) && <Text key={part.label} {...part} value={isFolded ? fold(part.value) : part.value} />,
      )}
      <Facts facts={facts.map(({ label, value, name }) => [label, value, name])} />
      {isOpen && kind === "permission" && !answers.includes("allow") && (
        <p class="muted">{translate("inbox.terminal")}</p>
      )}
      {isFolded && (
        <Button text={translate("inbox.unfold", { n: formatCount(length) })} onPress={() => setUnfolded(hash)} />
      )}
      {!isOpen && <Closure request={request} unsent={decision?.comment ?? words} />}
      {isOpen && decision && (
        <Undo
          {...{ id, decision }}
          onSend={(sent) => attempt(() => send(sent))}
          onUndo={() => setDecision(undefined)}
        />
      )}
      {isOpen && !decision && mayUse("POST /api/requests/:id") && (
        <Answers {...{ request, notes, isFolded, words, setWords }} onDecide={setDecision} />
      )}
      <Problem text={problem} />
    </li>
  );
}

/** A part of what is judged: its label in the page's language, and as the server names it. */
interface Part {
  label: string;
  value: string;
  name: string;
}

/** What is judged: the text, and what belongs to it. Of a review, what are names and numbers in Plane are words. */
function listParts(request: RequestAnswer): Part[] {
  const { kind, input = [] } = request;
  const group = kind === "permission" ? "field" : "inbox.part";
  const parts = input.map(({ label: name, value }) => ({
    // "Task 2" is a task's part by its number.
    label: name.replace(/^\D+(?<! )/, (word) => translateName(group, word)),
    value: kind === "review" ? describeValue(name, value) : value,
    name,
  }));
  return [{ label: "", value: describeText(request), name: "" }, ...parts];
}

function describeValue(name: string, value: string): string {
  const group = { Status: "status", Priority: "priority" }[name];
  if (group) return translateName(group, value);
  if (name === "Confidence") return formatPercent(Number(value));
  return name === "Due" ? formatDay(value) : value;
}

/** What is asked: by Groundcrew about a session, or else in the words of who asks. */
function describeText({ kind, waits, text }: RequestAnswer): string {
  if (waits === "time") return translate("inbox.time", { at: formatTime(Date.parse(text)) });
  if (waits === "budget") return translate("inbox.budget", { text });
  if (waits === "ended") return [translate("inbox.ended"), text].filter(Boolean).join("\n");
  return WITHOUT_MARKDOWN.includes(kind) ? stripMarkdown(text) : text;
}

/** A text of the model is drawn from left to right, whatever its characters. */
function Text({ label, value }: Pick<Part, "label" | "value">) {
  if (label === "") return <p class="asked written">{value}</p>;
  return (
    <div class="part">
      <b>{label}</b>
      <pre dir="ltr">{value}</pre>
    </div>
  );
}

/** What came of a request elsewhere, and what a person had written here. */
function Closure({ request: { verdict }, unsent }: { request: RequestAnswer; unsent: string }) {
  const { by = "", answer = "", comment } = verdict ?? {};
  const parts = [!isOwn(answer) && translateName("inbox.decided", answer), comment].filter(Boolean);
  return (
    <>
      <p class="decided" role="status">
        {verdict ? translate("inbox.answered", { by, answer: parts.join(": ") }) : translate("inbox.closed")}
      </p>
      {unsent !== "" && <Text label={translate("inbox.unsent")} value={unsent} />}
    </>
  );
}

interface AnswersProps {
  request: RequestAnswer;
  notes: string;
  isFolded: boolean;
  /** What a person has written. */
  words: string;
  setWords: (words: string) => void;
  onDecide: (decision: Decision) => void;
}

/** The buttons of the answers; one that takes words, or several options, opens a form for them. */
function Answers({ request, notes, isFolded, onDecide, ...written }: AnswersProps) {
  const { kind, answers, options = [], multiple = false, rule, hash, subject, from } = request;
  const [asked, setAsked] = useState<string>();
  const about = subject.key ?? from;
  const decide = (answer: string, comment = "") => onDecide({ answer, hash, ...(comment !== "" && { comment }) });
  if (asked !== undefined)
    return <WordsForm {...{ request, asked, notes, ...written, decide }} onClose={() => setAsked(undefined)} />;
  // Red checks of a result that was approved: what is sent back is their log, which needs no words.
  const isRed = kind === "result" && !answers.includes("approve");
  const hasChoice = options.length > 0 && !multiple;
  function press(answer: string) {
    if (!isRed && (isOwn(answer) || WITH_REASON.includes(answer))) setAsked(answer);
    else decide(answer, isRed && answer === "send_back" ? notes : "");
  }
  return (
    <div class="actions">
      {(kind === "question" && !multiple ? options : []).map(({ label, description }) => (
        <Button key={label} subject={about} onPress={() => decide("answer", label)}>
          <span dir="auto">{describeOption(label, description)}</span>
        </Button>
      ))}
      {answers.map((answer, i) => (
        <Button
          key={answer}
          class={i === 0 && options.length === 0 ? "go primary" : "go"}
          text={translateName(isRed ? "inbox.red" : hasChoice && isOwn(answer) ? "inbox.own" : "inbox.answer", answer)}
          subject={about}
          answer={answer}
          isDisabled={isFolded && ALLOWING.includes(answer)}
          onPress={() => press(answer)}
        >
          {rule && ADDING_RULE.includes(answer) && <code dir="ltr"> {rule}</code>}
        </Button>
      ))}
    </div>
  );
}

interface WordsFormProps extends Omit<AnswersProps, "isFolded" | "onDecide"> {
  /** The answer that takes words. */
  asked: string;
  decide: (answer: string, comment: string) => void;
  onClose: () => void;
}

/** What a person says with an answer: options of which several may be chosen, in their order, and words. */
function WordsForm({ request, asked, notes, words, setWords, decide, onClose }: WordsFormProps) {
  const { kind, options = [], multiple = false } = request;
  const [chosen, setChosen] = useState<string[]>([]);
  const labels = options.map(({ label }) => label);
  const isSentBack = asked === "send_back";
  const needsWords = isOwn(asked) ? chosen.length === 0 : isSentBack && kind === "result" && notes === "";
  function submit(text: string) {
    const own = [joinChoices(chosen), text].filter(Boolean).join(", ");
    decide(asked, isSentBack ? [notes, own].filter(Boolean).join("\n\n") : own);
  }
  return (
    <TextForm
      label={translateName("inbox.words", asked)}
      value={words}
      max={50_000}
      isRequired={needsWords}
      takesFocus
      submit={translateName("inbox.answer", asked)}
      close={[translate("inbox.back"), onClose]}
      onInput={setWords}
      onSubmit={submit}
    >
      {multiple && isOwn(asked) && (
        <fieldset>
          <legend>{translate("inbox.choices")}</legend>
          {options.map(({ label, description }) => (
            <label key={label} class="check">
              <input
                type="checkbox"
                checked={chosen.includes(label)}
                onChange={({ currentTarget: { checked } }) =>
                  setChosen(labels.filter((one) => (one === label ? checked : chosen.includes(one))))
                }
              />
              <span dir="auto">{describeOption(label, description)}</span>
            </label>
          ))}
        </fieldset>
      )}
      {isSentBack && notes !== "" && <pre dir="auto">{notes}</pre>}
    </TextForm>
  );
}

function describeOption(label: string, description?: string): string {
  return [label, description].filter(Boolean).join(" – ");
}

interface UndoProps {
  id: string;
  decision: Decision;
  onSend: (decision: Decision) => void;
  onUndo: () => void;
}

/** Says what was decided, and sends it when the time to undo has passed. */
function Undo({ id, decision, onSend, onUndo }: UndoProps) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  useEffect(() => {
    unsent.set(id, decision);
    const timer = setTimeout(() => onSend(decision), UNDO_MS);
    return () => {
      clearTimeout(timer);
      // The view was left before the time had passed.
      if (unsent.has(id)) onSend(decision);
    };
  }, []);
  function undo() {
    unsent.delete(id);
    onUndo();
    focusFirstVisible(button.current?.closest("li"));
  }
  const words = decision.comment === undefined ? "" : `: ${decision.comment.slice(0, 120)}`;
  return (
    <p class="decided line" role="status">
      <span>
        {translateName("inbox.decided", decision.answer)}
        {words}
      </span>
      <button type="button" class="quiet" ref={button} onClick={undo}>
        {translate("inbox.undo")}
      </button>
    </p>
  );
}

function isOwn(answer: string): boolean {
  return OWN_WORDS.includes(answer);
}

function isFact(value: string): boolean {
  return value.length <= FACT_UNITS && !value.includes("\n");
}

export function isLong(value: string): boolean {
  return value.length > FOLD_UNITS || value.split("\n").length > FOLD_LINES;
}

/** The beginning and the end of a long text, with the number of UTF-16 units between them. */
export function fold(value: string): string {
  if (!isLong(value)) return value;
  const start = value.slice(0, SHOWN_UNITS).split("\n", SHOWN_LINES).join("\n");
  const end = value.slice(start.length).slice(-SHOWN_UNITS).split("\n").slice(-SHOWN_LINES).join("\n");
  const left = translate("inbox.left", { n: formatCount(value.length - start.length - end.length) });
  return `${start.toWellFormed()}\n${left}\n${end.toWellFormed()}`;
}

/** Finds a request in the inbox. */
export function findCard(id = ""): HTMLElement | null {
  return document.querySelector(`#inbox-view [data-request="${CSS.escape(id)}"]`);
}

/** Ends the answer that a person is giving to a request in the inbox; returns whether there is one. */
export function takeUnfinished(id: string): boolean {
  return unsent.delete(id) || Boolean(findCard(id)?.querySelector(".words"));
}

/** Moves the focus among the requests with j and k, and answers the one in focus with a and d. */
function handleKey(event: KeyboardEvent): void {
  if (!["inbox", "tickets"].includes(getView()) || isTyping(event)) return;
  const cards = findElements(document, ".request").filter((card) => card.checkVisibility());
  const current = cards.findIndex((card) => card.contains(document.activeElement));
  const step = { j: 1, k: -1 }[event.key];
  if (step !== undefined) {
    const next = cards[Math.max(0, Math.min(current + step, cards.length - 1))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
  const answers = { a: ["allow", "approve", "answer"], d: ["deny", "reject"] }[event.key] ?? [];
  const selector = answers.map((name) => `[data-answer="${name}"]`).join();
  const button = selector === "" ? null : cards[current]?.querySelector<HTMLElement>(selector);
  if (button) event.preventDefault();
  button?.click();
}

document.addEventListener("keydown", handleKey);

addEventListener("pagehide", () => {
  for (const [id, decision] of unsent) {
    const init = { method: "POST", keepalive: true, headers: { "content-type": "application/json" } };
    fetch(fillPath("/api/requests/:id", { id }), { ...init, body: JSON.stringify(decision) }).catch(() => {});
  }
  unsent.clear();
});
