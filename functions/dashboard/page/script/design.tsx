/**
 * The page of the design system, in the build for development only: colours, sizes, and every component that views
 * share in its states. Its switch shows it in light, dark and high contrast, which elsewhere the system decides.
 */

import { type ComponentChildren, type CSSProperties, render } from "preact";
import { useState } from "preact/hooks";
import type { RequestAnswer } from "../../../requests.ts";
import type { SetupAnswer } from "../../../setup.ts";
import { BOARD_COLUMNS, type BoardCard, type BoardPlan } from "../../answers.ts";
import { Lines, listPlan } from "./board.tsx";
import { Button, Chip, Facts, Moment, Problem, Switch, TableHead, Time, UserText } from "./elements.tsx";
import { findElement } from "./find-elements.ts";
import { SetupList } from "./inbox.tsx";
import { RequestCard } from "./request-card.tsx";
import { Card, RemedyButton, StateMark, TaskRow, WhyText } from "./task-card.tsx";

/** The names of the custom properties of `base.css` whose values match. */
function listProperties(value: RegExp): string[] {
  const rules = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules]);
  const root = rules.find((rule) => rule instanceof CSSStyleRule && rule.selectorText === ":root");
  const style = root instanceof CSSStyleRule ? root.style : undefined;
  return [...(style ?? [])].filter((name) => name.startsWith("--") && value.test(style?.getPropertyValue(name) ?? ""));
}

const THEMES = ["system", "light", "dark", "contrast"] as const;

const RIGHT_TO_LEFT = "مراجعة التقرير الأسبوعي";

const CARD: BoardCard = {
  ...{ id: "1", key: "ONB-1", title: "Write the guide for new colleagues", project: "ONB", column: "todo" },
  ...{ word: "todo", priority: "none", due: null, assignees: [], labels: [], blockers: [], url: "https://plane.test/" },
  at: "2026-01-01T00:00:00Z",
};

/** A card in each of its states. */
const CARDS: BoardCard[] = [
  CARD,
  { ...CARD, id: "2", key: "ONB-2", priority: "urgent", due: "2026-01-02", agent: "Thot", unread: 2 },
  { ...CARD, id: "3", key: "ONB-3", column: "in_progress", agent: "Thot", held: { by: "Thot", since: 0, until: 9e12 } },
  { ...CARD, id: "4", key: "ONB-4", column: "in_progress", priority: "high", agent: "Imhotep", review: true },
  { ...CARD, id: "5", key: "ONB-5", column: "blocked", assignees: ["Ada"], blockers: [{ ...CARD, key: "WEB-7" }] },
  { ...CARD, id: "6", key: "ONB-6", column: "done", word: "done", title: RIGHT_TO_LEFT, agent: "Thot" },
  { ...CARD, id: "7", key: "ONB-7", column: "done", word: "cancelled", title: `<b>${"long ".repeat(40)}</b>` },
];

const REQUEST: RequestAnswer = {
  ...{
    id: "q",
    kind: "question",
    subject: { key: "ONB-1", title: CARD.title },
    from: "Thot",
    hash: "1",
    state: "open",
  },
  ...{ created_at: CARD.at, text: "Which colour?", answers: ["answer"] },
};

/** A request of each kind. */
const REQUESTS: RequestAnswer[] = [
  REQUEST,
  { ...REQUEST, id: "o", options: [{ label: "Red" }, { label: "Blue" }], deadline: "2026-01-02T00:00:00Z" },
  { ...REQUEST, id: "r", kind: "review", text: "All is done.", answers: ["approve", "send_back", "reject"] },
  {
    ...{ ...REQUEST, id: "p", kind: "permission", text: "Bash", answers: ["allow", "allow_always", "deny"] },
    input: [{ label: "command", value: `${"npm test && ".repeat(300)}true` }],
  },
];

const PLANS = (["awaiting_approval", "running", "failed", "working"] as const).map((state, i): BoardPlan => {
  const reason = state === "failed" ? "Plane refused the name." : undefined;
  return { id: state, title: `Site ${i}`, project: "SITE", state, done: i, total: 4, unit: "steps", reason };
});

const STEPS: SetupAnswer["steps"] = [
  { name: "plane", state: "ok", text: "Plane answers." },
  { name: "key", state: "failed", text: "Plane refuses the key.", fix: { command: "npm run provision" } },
  { name: "telegram", state: "unset", text: "Not set up.", fix: { file: "data/secrets.json", lines: ["{ … }"] } },
  { name: "task", state: "open", text: "No task is done yet." },
];

const WHY = { text: "ONB-5 waits for WEB-7 (Imhotep, 60 %), WEB-8.", keys: ["WEB-7", "WEB-8"] };

const REMEDY = { label: "Open WEB-7", action: { method: "GET", path: "/task/WEB-7" } } as const;

async function nothing(): Promise<void> {}

function Design() {
  const [theme, setTheme] = useState<(typeof THEMES)[number]>("system");
  const { style } = document.documentElement;
  style.colorScheme = theme === "light" || theme === "dark" ? theme : "";
  if (theme === "contrast") style.setProperty("--contrast", "70%");
  else style.removeProperty("--contrast");
  const themes = THEMES.map((name) => [name, name] as const);
  const cards = CARDS.map((card) => <Card key={card.id} card={card} />);
  const tasks = CARDS.map((card) => <TaskRow key={card.id} card={card} note="until 14:02" />);
  const requests = REQUESTS.map((request) => <RequestCard key={request.id} request={request} onDone={nothing} />);
  return (
    <>
      <div class="view-head">
        <h2>Design</h2>
        <Switch label="Theme" chosen={theme} choices={themes} onChoose={setTheme} />
      </div>
      <Part title="Colours">
        <Swatches names={listProperties(/light-dark/)} toStyle={(name) => ({ background: `var(${name})` })} />
      </Part>
      <Part title="Sizes of text">
        {listProperties(/\d{2}(\.\d)?px/).map((name) => (
          <p key={name} style={{ fontSize: `var(${name})` }}>
            {name}: 1,234 tasks · {RIGHT_TO_LEFT}
          </p>
        ))}
      </Part>
      <Part title="Spaces">
        <Swatches names={listProperties(/^ ?\d+px/)} toStyle={(name) => ({ width: `var(${name})` })} />
      </Part>
      <Part title="Buttons, fields and marks">
        <Buttons />
        <Fields />
      </Part>
      <Part title="Cards">
        <ul class="tiles">{cards}</ul>
        <ul>{tasks}</ul>
      </Part>
      <Part title="Requests">
        <ul class="requests">{requests}</ul>
      </Part>
      <Part title="Why nothing happens, and the set-up list">
        <p>
          <WhyText why={WHY} /> <RemedyButton subject="ONB-5" remedy={REMEDY} onDone={nothing} />
        </p>
        <SetupList steps={STEPS} />
      </Part>
      <Part title="Progress, facts and tables">
        <ul class="progress">
          <Lines lines={PLANS.map(listPlan)} />
        </ul>
        <Facts class="facts" facts={THEMES.map((name, i) => [name, String(1_000 * i)])} />
        <table>
          <TableHead names={["When", "What", "Since"]} />
          <tbody>
            <tr>
              {[<Time key="at" at={Date.UTC(2026, 0, 1)} />, <UserText key="text" text={RIGHT_TO_LEFT} />].map(toCell)}
              {[<Moment key="since" at={CARD.at} />].map(toCell)}
            </tr>
          </tbody>
        </table>
      </Part>
      <Part title="Nothing, loading, failed">
        <p class="empty">Nothing is here.</p>
        <div aria-busy="true">
          <p class="empty">Loading…</p>
        </div>
        <div class="trouble">
          <p>It could not be loaded.</p> <button type="button">Try again</button>
        </div>
      </Part>
    </>
  );
}

function toCell(content: ComponentChildren) {
  return <td>{content}</td>;
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="requests" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Swatches({ names, toStyle }: { names: string[]; toStyle: (name: string) => CSSProperties }) {
  return (
    <ul class="tiles">
      {names.map((name) => (
        <li key={name}>
          <i class="swatch" style={{ display: "block", height: 32, background: "var(--accent)", ...toStyle(name) }} />
          {name}
        </li>
      ))}
    </ul>
  );
}

/** The states of buttons: ready, disabled, busy, failed. */
function Buttons() {
  return (
    <p class="actions">
      {["go primary", "go main", "go", "quiet", "link", "key"].map((name) => (
        <Button key={name} class={name} text={name} onPress={nothing} />
      ))}
      <Button text="disabled" isDisabled onPress={nothing} />
      <Button text="busy once pressed" onPress={() => new Promise(nothing)} />
      <Button text="fails when pressed" onPress={() => Promise.reject(new Error("It failed."))} />
      <Chip text="ONB-1" title="Remove" onRemove={nothing} />
      <Problem text="Why it failed." />
    </p>
  );
}

function Fields() {
  return (
    <p class="actions">
      <input type="text" aria-label="Text" placeholder="Placeholder" />
      <select aria-label="Choice">
        <option>Choice</option>
      </select>
      <progress max={100} value={60} aria-label="Progress" />
      {["good", "unknown", "bad"].map((is) => (
        <span key={is} class="dot" data-is={is}>
          {is}
        </span>
      ))}
      {BOARD_COLUMNS.map((column) => (
        <span key={column} class="legend">
          <StateMark column={column} /> {column}
        </span>
      ))}
    </p>
  );
}

const root = document.createElement("section");
root.id = "design";
root.className = "requests";
Object.assign(findElement(document, "main").style, { display: "block", overflow: "auto" });
findElement(document, "main").replaceChildren(root);
document.body.dataset["view"] = "design";
render(<Design />, root);
