/** Running sessions with their output, and the questions that they ask. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { SessionTicket } from "../../../../shared/tickets/ticket-views.ts";
import { Button, Facts, UserText } from "./elements.tsx";
import { formatClock, formatCount, formatDuration } from "./language.ts";
import { fold, isLong } from "./request-card.tsx";
import { findTicketText, TicketButton, translateTicket } from "./ticket-actions.tsx";
import { formatTicketTime, TicketCard, TicketFacts, TicketText } from "./ticket-cards.tsx";
import { openTerminal } from "./ticket-terminals.tsx";

/** How Groundcrew names a session without output, with the time of the last one. */
const SILENT = /^silent since (\S+)$/;

/** Unit of the time that is left: 1 min. */
const MINUTE_MS = 60_000;

/** Distance in pixels from the end of the output within which it is followed. */
const NEAR_END = 40;

interface SessionCardProps {
  /** `now`: the server's time. */
  ticket: SessionTicket & { now: number };
}

/** A ticket that was approved: what its session does and asks. */
export function SessionCard({ ticket }: SessionCardProps) {
  const { id, state, waits_for_end, ends_at, next_start_at, attention, reason, questions, runner, now } = ticket;
  const end = state === "approved" || waits_for_end || ends_at === undefined ? undefined : Date.parse(ends_at);
  const silentSince = attention && SILENT.exec(attention)?.[1];
  const first: [string, ComponentChildren][] = [
    ["left", end !== undefined && formatTimeLeft(end, now)],
    ["runner", runner && <UserText text={runner} max={100} />],
  ];
  return (
    <TicketCard ticket={ticket}>
      {state === "approved" && <WhyWaiting {...ticket} />}
      {attention !== undefined && (
        <p class="notice">
          {translateTicket("attention", { text: "" })}
          {silentSince && translateTicket("silent", { at: formatTicketTime(silentSince) })}
          {!silentSince && <UserText text={attention} max={2_000} />}
        </p>
      )}
      {questions.map((question) => (
        <QuestionPart key={question.id} ticket={id} reason={reason} question={question} />
      ))}
      <div class="actions">
        {end !== undefined && (
          <Button class="go" subject={id} onPress={() => openTerminal(id)}>
            {translateTicket("do.terminal")}
          </Button>
        )}
        {end !== undefined && <TicketButton ticket={id} name="extend" />}
        {next_start_at !== undefined && <TicketButton ticket={id} name="start" />}
        <TicketButton ticket={id} name="complete" asks />
        <TicketButton ticket={id} name="cancel" asks />
      </div>
      <TicketFacts ticket={ticket} first={first} />
      <Screen {...ticket} />
    </TicketCard>
  );
}

/** Why an approved ticket does not run yet. */
function WhyWaiting({ reason, detail, position, next_start_at: next }: SessionTicket) {
  const why = findTicketText(`why.${reason}`);
  return (
    <p class="line muted">
      {why && <span>{why}</span>}
      {why && detail !== "" && <UserText text={detail} />}
      {next !== undefined && <span>{translateTicket("why.retry", { at: formatTicketTime(next) })}</span>}
      {position !== undefined && <span>{translateTicket("why.queue", { n: formatCount(position) })}</span>}
    </p>
  );
}

/** @param end when the time of the session ends @param now the server's time */
function formatTimeLeft(end: number, now: number): string {
  const left = Math.ceil((end - now) / MINUTE_MS);
  const at = formatClock(end);
  if (left <= 0) return translateTicket("left.over", { at });
  return translateTicket("left", { left: formatDuration(left * MINUTE_MS), at });
}

/** The last output. It keeps its scroll position, and follows the output at its end. */
export function Screen({ id, screen, last_output_at: at }: SessionTicket) {
  const text = useRef<HTMLPreElement>(null);
  const height = useRef(0);
  useLayoutEffect(() => {
    const el = text.current;
    if (!el) return;
    if (height.current - el.scrollTop - el.clientHeight < NEAR_END) el.scrollTop = el.scrollHeight;
    height.current = el.scrollHeight;
  }, [screen]);
  const label = { role: "group", "aria-label": translateTicket("screen", { key: id }) } as const;
  return (
    <figure hidden={!screen}>
      <figcaption class="muted">{at && translateTicket("screen.at", { at: formatTicketTime(at) })}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <pre class="screen" dir="ltr" tabIndex={0} ref={text} {...label}>
        {screen}
      </pre>
    </figure>
  );
}

interface QuestionProps {
  /** Key of the ticket. */
  ticket: string;
  reason?: string;
  question: SessionTicket["questions"][number];
  /** Not all of it is shown. */
  isFolded?: boolean;
}

/**
 * What a session asks, with the buttons that answer it. The input of a tool that is long is folded, and can be allowed
 * only after all of it was shown; what this page does not know whole, only in the terminal.
 */
function QuestionPart({ ticket, reason, question }: QuestionProps) {
  const { kind, text, answer, number = 0, count = 0, input = [], options = [], descriptions = [] } = question;
  const [isUnfolded, setIsUnfolded] = useState(false);
  const part = useRef<HTMLDivElement>(null);
  // The button that had the focus is gone.
  useLayoutEffect(() => (isUnfolded ? part.current?.focus() : undefined), [isUnfolded]);
  const isFolded = Boolean(question.complete) && !isUnfolded && input.some(({ value }) => isLong(value));
  const length = input.reduce((sum, { value }) => sum + value.length, 0);
  const ended = kind === "ended" ? findTicketText(`why.${reason}`) : undefined;
  const described = options.map((option, i) => {
    return [option, descriptions[i] && <UserText key={option} text={descriptions[i]} max={500} />, option] as const;
  });
  return (
    <div class="question" data-kind={kind} tabIndex={-1} ref={part}>
      {count > 0 && <p class="muted">{translateTicket("part", { n: formatCount(number), of: formatCount(count) })}</p>}
      <p>
        <b>
          {ended && `${ended} `}
          {translateTicket(`question.${kind}`, { at: kind === "time" ? formatTicketTime(text) : "" })}
        </b>
      </p>
      {kind === "permission" && <ToolInput {...{ ticket, question, isFolded }} />}
      {kind !== "permission" && kind !== "time" && text !== "" && <TicketText name={`question.${kind}`} text={text} />}
      {descriptions.length > 0 && (
        <dl>
          <Facts facts={described} />
        </dl>
      )}
      {answer === undefined && (
        <div class="actions">
          {isFolded && (
            <Button class="go" subject={ticket} onPress={() => setIsUnfolded(true)}>
              {translateTicket("input.unfold", { n: formatCount(length) })}
            </Button>
          )}
          <Answers {...{ ticket, question, isFolded }} />
        </div>
      )}
      {answer !== undefined && (
        <p class="muted">
          {translateTicket("answered", { text: "" })}
          <UserText text={answer} />
        </p>
      )}
    </div>
  );
}

/** A tool that waits for a permission, and its input: a text of the model is drawn from left to right, whatever its characters. */
function ToolInput({ question: { tool, text: name, input = [], complete }, isFolded }: QuestionProps) {
  const fields = input.map(({ label, value, left_out: left, end = "" }) => {
    const rest = left === undefined ? "" : `\n${translateTicket("input.left", { n: formatCount(left) })}\n${end}`;
    const text = `${isFolded ? fold(value) : value}${rest}`;
    return [
      findTicketText(`field.${label}`) ?? label,
      <pre key={label} dir="ltr">
        {text}
      </pre>,
      label,
    ] as const;
  });
  return (
    <div class="permission">
      <p>{tool === undefined ? name : <code>{tool}</code>}</p>
      <dl>
        <Facts facts={fields} />
      </dl>
      {!complete && <p class="muted">{translateTicket("input.terminal")}</p>}
    </div>
  );
}

/** The buttons about a plan; whatever else is written sends it back. */
function PlanAnswers({ ticket, question: { id, hash, text, answers } }: QuestionProps) {
  const toProps = (answer: string) => ({ ticket, name: "answer", body: { question: id, answer, hash } }) as const;
  const asked = { shown: text, choices: [], descriptions: [], body: { question: id, hash } };
  return (
    <>
      {answers?.includes("approve") && (
        <TicketButton {...toProps("approve")} isMain>
          {translateTicket("do.approve")}
        </TicketButton>
      )}
      <TicketButton ticket={ticket} name="answer" asks {...asked}>
        {translateTicket("do.send_back")}
      </TicketButton>
      <TicketButton {...toProps("reject")}>{translateTicket("do.reject")}</TicketButton>
    </>
  );
}

/** The buttons of the answers to exactly what is shown. */
function Answers({ ticket, question, isFolded = false }: QuestionProps) {
  const { id, kind, text, hash, complete, rule, options = [], descriptions = [], multiple } = question;
  const toProps = (answer: string) =>
    ({ ticket, name: "answer", body: { question: id, answer, ...(hash === undefined ? {} : { hash }) } }) as const;
  // The session's own buttons give it more time.
  if (kind === "time") return null;
  if (kind === "plan") return <PlanAnswers {...{ ticket, question }} />;
  if (kind === "ended" || kind === "permission") {
    const always = rule === undefined ? [] : (["allow_always", "allow_in_repo"] as const);
    const allowing = complete ? (["allow", ...always] as const) : [];
    const answers = kind === "ended" ? (["resume"] as const) : ([...allowing, "deny"] as const);
    return answers.map((answer) => (
      <TicketButton
        key={answer}
        {...toProps(answer)}
        isMain={answer === "allow" || answer === "resume"}
        isDisabled={isFolded && answer !== "deny"}
      >
        {translateTicket(`do.${answer}`, { rule })}
      </TicketButton>
    ));
  }
  const buttons = multiple ? [] : options;
  const asked = { shown: text, choices: multiple ? options : [], descriptions, body: { question: id } };
  return (
    <>
      {buttons.map((option) => (
        <TicketButton key={option} {...toProps(option)} isMain>
          <UserText text={option} />
        </TicketButton>
      ))}
      <TicketButton ticket={ticket} name="answer" asks isMain={buttons.length === 0} {...asked} />
    </>
  );
}
