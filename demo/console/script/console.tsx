/** The demo's console: one line at the bottom of the page, whose drawer injects failures and plays the human. */

import { type ComponentChildren, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { fetchJson, getProblemText, sendJson } from "../../../functions/dashboard/page/script/api.ts";
import type { TextValues } from "../../../functions/dashboard/page/script/language.ts";
import {
  fillText,
  getLanguage,
  onLanguageChange,
  readPreference,
  savePreference,
} from "../../../functions/dashboard/page/script/language.ts";
import type { ConsoleState, WebhookFate } from "../console-state.ts";
import { CONSOLE_TEXTS } from "../texts.ts";
import { enableDragging } from "./console-drag.ts";

/** Interval between two reads of the demo's state: 1.5 s, so that the counters follow the board. */
const STATE_INTERVAL_MS = 1_500;

const OUTAGE_SECONDS = 15;
const MAX_SHOWN_KEYS = 5;
const OPTION_LENGTH = 50;

const FATES = ["arrive", "drop", "double", "delay"] as const satisfies WebhookFate[];
const COLUMNS = ["todo", "in_progress", "blocked", "done"] as const;

type Column = (typeof COLUMNS)[number];

/** What an action or an outage says until it has passed. */
interface Notice {
  text: string;
  until?: (state: ConsoleState) => boolean;
}

type Run = (name: string, input?: object) => Promise<boolean>;

interface GroupProps {
  name: "add" | "ticket" | "move" | "fate" | "stop_telegram" | "stop_plane" | "kill" | "wish";
  watch?: string;
  children: ComponentChildren;
}

function translate(name: keyof typeof CONSOLE_TEXTS.en, values?: TextValues): string {
  return fillText(CONSOLE_TEXTS[getLanguage()][name], values);
}

function Console() {
  const [state, setState] = useState<ConsoleState>();
  const [notice, setNotice] = useState<Notice>();
  const [isOpen, setIsOpen] = useState(readPreference("console") === "open");

  async function refresh(): Promise<void> {
    // The page itself reports a lost connection.
    const read: ConsoleState | undefined = await fetchJson<ConsoleState>("/demo/state").catch(() => undefined);
    if (!read) return;
    setState(read);
    setNotice((shown) => (shown?.until?.(read) ? undefined : shown));
  }

  useEffect(() => {
    void refresh();
    const timer = setInterval(() => document.hidden || void refresh(), STATE_INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);

  /** Runs an action in the demo. Resolves to whether it succeeded. */
  async function run(name: string, input: object = {}): Promise<boolean> {
    setNotice(undefined);
    const isDone = await sendJson(`/demo/${name}`, input).then(
      () => true,
      (thrown) => {
        // The killed process cannot answer its own kill request.
        const restarts = state?.restarts ?? 0;
        if (name === "kill") setNotice({ text: translate("killed"), until: (next) => next.restarts > restarts });
        else setNotice({ text: getProblemText(thrown) });
        return false;
      },
    );
    void refresh();
    return isDone;
  }

  async function stop(part: "plane" | "telegram") {
    if (!(await run("outage", { part, seconds: OUTAGE_SECONDS }))) return;
    setNotice({ text: translate(`${part}_stopped`), until: ({ outages }) => !outages.includes(part) });
  }

  function remember(open: boolean) {
    setIsOpen(open);
    savePreference("console", open ? "open" : "closed");
  }

  const fate = state?.fate ?? "arrive";
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => remember(currentTarget.open)}>
      <summary>
        <span>{translate("title")}</span>
        <span class="hint">{translate(state?.isOver ? "over" : "hint")}</span>
        {state && <Tally state={state} />}
      </summary>
      <div class="acts">
        <Group name="add">
          <AddForm state={state} run={run} />
        </Group>
        <Group name="ticket">
          <Press name="ticket" onPress={() => run("ticket")} />
        </Group>
        <Group name="move">
          <MoveForm tasks={state?.tasks ?? []} run={run} />
        </Group>
        <Group name="fate" watch={translate(`${fate}_watch`)}>
          <label for="console-fate">{translate("fate")}</label>
          <select
            id="console-fate"
            aria-describedby="console-fate-does"
            value={fate}
            onChange={({ currentTarget }) => run("fate", { fate: currentTarget.value })}
          >
            <Options choices={FATES.map((name) => [name, translate(name)])} />
          </select>
        </Group>
        {(["telegram", "plane"] as const).map((part) => (
          <Group key={part} name={`stop_${part}`}>
            <Press name={`stop_${part}`} isBusy={state?.outages.includes(part) ?? false} onPress={() => stop(part)} />
          </Group>
        ))}
        <Group name="kill">
          <Press name="kill" class="kill" onPress={() => run("kill")} />
        </Group>
        <Group name="wish">
          <p class="wish">{translate("wish")}</p>
        </Group>
      </div>
      <p class="told" role="status">
        {notice?.text}
      </p>
    </details>
  );
}

/** A heading, controls, what they do and what to watch for. */
function Group({ name, watch = translate(`${name === "fate" ? "arrive" : name}_watch`), children }: GroupProps) {
  return (
    <div class="group" data-group={name}>
      <h3>{translate(`${name}_title`)}</h3>
      {children}
      <p id={`console-${name}-does`} class="does">
        {translate(`${name}_does`)} <b>{translate("watch")}</b> {watch}
      </p>
    </div>
  );
}

interface PressProps {
  name: "ticket" | "stop_telegram" | "stop_plane" | "kill";
  class?: string;
  /** What it does still lasts. */
  isBusy?: boolean;
  onPress: () => void;
}

/** A button of a group. While it is busy it keeps the focus, which a disabled one would lose. */
function Press({ name, class: classes, isBusy = false, onPress }: PressProps) {
  return (
    <button
      type="button"
      class={classes}
      aria-describedby={`console-${name}-does`}
      aria-disabled={isBusy}
      onClick={() => isBusy || onPress()}
    >
      {translate(name)}
    </button>
  );
}

function Options({ choices }: { choices: (readonly [value: string, text: string])[] }) {
  return choices.map(([value, text]) => (
    <option key={value} value={value}>
      {text.slice(0, OPTION_LENGTH)}
    </option>
  ));
}

function AddForm({ state, run }: { state: ConsoleState | undefined; run: Run }) {
  const { projects, people } = state ?? { projects: [], people: [] };
  const [title, setTitle] = useState("");
  const [chosenProject, setProject] = useState<string>();
  const [chosenPerson, setPerson] = useState<string>();
  const project = chosenProject ?? projects[0]?.identifier;
  const assignee = chosenPerson ?? people[0]?.id;
  async function add(event: Event) {
    event.preventDefault();
    if (title.trim() === "" || !(await run("add", { title: title.trim(), project, assignee }))) return;
    // The next title may have been begun meanwhile.
    setTitle((now) => (now === title ? "" : now));
  }
  return (
    <form onSubmit={add}>
      <input
        type="text"
        maxLength={255}
        required
        value={title}
        placeholder={translate("task")}
        aria-label={translate("task")}
        onInput={({ currentTarget }) => setTitle(currentTarget.value)}
      />
      <select
        aria-label={translate("project")}
        value={project}
        onChange={({ currentTarget }) => setProject(currentTarget.value)}
      >
        <Options choices={projects.map(({ identifier, name }) => [identifier, name])} />
      </select>
      <select
        aria-label={translate("for")}
        value={assignee}
        onChange={({ currentTarget }) => setPerson(currentTarget.value)}
      >
        <Options
          choices={[...people, { id: "", name: translate("nobody") }].map(({ id, name }) => [
            id,
            `${translate("for")}: ${name}`,
          ])}
        />
      </select>
      {/* Each task belongs to a project, so that one has to be known. */}
      <button type="submit" aria-describedby="console-add-does" disabled={projects.length === 0}>
        {translate("add")}
      </button>
    </form>
  );
}

function MoveForm({ tasks, run }: { tasks: ConsoleState["tasks"]; run: Run }) {
  const [chosen, setChosen] = useState<string>();
  const [column, setColumn] = useState<Column>("todo");
  const item = chosen ?? tasks[0]?.id;
  function move(event: Event) {
    event.preventDefault();
    if (item !== undefined) void run("move", { item, column });
  }
  useEffect(() => enableDragging((dragged, target) => void run("move", { item: dragged, column: target })), []);
  return (
    <form onSubmit={move}>
      <select
        aria-label={translate("move")}
        value={item}
        onChange={({ currentTarget }) => setChosen(currentTarget.value)}
      >
        <Options choices={tasks.map(({ id, key, title }) => [id, `${key} ${title}`])} />
      </select>
      <select
        aria-label={translate("to")}
        value={column}
        onChange={({ currentTarget }) => setColumn(currentTarget.value as Column)}
      >
        <Options choices={COLUMNS.map((name) => [name, translate(name)])} />
      </select>
      <button type="submit" aria-describedby="console-move-does">
        {translate("go")}
      </button>
    </form>
  );
}

/** What is lost or doubled, once there is something that could be. */
function Tally({ state: { restarts, tally } }: { state: ConsoleState }) {
  const { completed, told, missing, doubled, marked } = tally;
  const isClean = completed > 0 && missing.length + doubled.length === 0;
  return (
    <span class="tally">
      {translate("tally", { completed, told })}
      {isClean && (
        <>
          {" · "}
          <b class="good">{translate("none")}</b>
        </>
      )}
      {missing.length > 0 && ` · ${translate("missing", { keys: listFirst(missing) })}`}
      {doubled.length > 0 && (
        <>
          {" · "}
          <b class="bad">{translate("doubled", { keys: listFirst(doubled) })}</b>
        </>
      )}
      {marked > 0 && ` · ${translate("marked", { n: marked })}`}
      {restarts > 0 && ` · ${translate("restarts", { n: restarts })}`}
    </span>
  );
}

function listFirst(keys: string[]): string {
  return keys.slice(0, MAX_SHOWN_KEYS).join(", ") + (keys.length > MAX_SHOWN_KEYS ? " …" : "");
}

function draw() {
  const root = document.getElementById("console");
  if (!root) return;
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", translate("title"));
  render(<Console key={getLanguage()} />, root);
}

onLanguageChange(draw);
draw();
