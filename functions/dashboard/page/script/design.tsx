/**
 * The page of the design system, in the build for development only: colours, sizes, and every component that views
 * share in its states. Its switch shows it in light, dark and high contrast, which elsewhere the system decides.
 */

import { type ComponentChildren, render } from "preact";
import { useState } from "preact/hooks";
import type { RenderedWhy } from "../../../../shared/tasks/why.ts";
import type { RequestAnswer } from "../../../requests.ts";
import type { SetupAnswer } from "../../../setup.ts";
import type { BoardCard, BoardPlan } from "../../answers.ts";
import { Lines, listPlan } from "./board.tsx";
import { Button, Chip, Facts, Moment, Problem, TableHead, Time, UserText } from "./elements.tsx";
import { findElement } from "./find-elements.ts";
import { SetupList } from "./inbox.tsx";
import { RequestCard } from "./request-card.tsx";
import { Card, StateMark, TaskRow } from "./task-card.tsx";
import { RemedyButton, WhyText } from "./why.tsx";

/** The custom properties of `base.css`. */
const COLOURS = [
  ...["ground", "sheet", "sunk", "line", "ink", "muted", "accent", "on-accent"],
  ...["todo", "in_progress", "blocked", "done", "warm", "bad"],
];

const SIZES = ["small", "medium", "normal", "large", "title"];

const SPACES = ["s1", "s2", "s3", "s4"];

const THEMES = ["system", "light", "dark", "contrast"];

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
  ...{ created_at: "2026-01-01T00:00:00Z", text: "Which colour?", answers: ["answer"] },
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

const PLANS: BoardPlan[] = (["awaiting_approval", "running", "failed", "working"] as const).map((state, i) => {
  const reason = state === "failed" ? "Plane refused the name." : undefined;
  return { id: state, title: `Site ${i}`, project: "SITE", state, done: i, total: 4, unit: "steps", reason };
});

const STEPS: SetupAnswer["steps"] = [
  { name: "plane", state: "ok", text: "Plane answers." },
  { name: "key", state: "failed", text: "Plane refuses the key.", fix: { command: "npm run provision" } },
  { name: "telegram", state: "unset", text: "Not set up.", fix: { file: "data/secrets.json", lines: ["{ … }"] } },
  { name: "task", state: "open", text: "No task is done yet." },
];

const WHY: Pick<RenderedWhy, "text" | "keys" | "remedy"> = {
  text: "ONB-5 waits for WEB-7 (Imhotep, 60 %), WEB-8.",
  keys: ["WEB-7", "WEB-8"],
  remedy: { label: "Open WEB-7", action: { method: "GET", path: "/task/WEB-7" } },
};

function Design() {
  const [theme, setTheme] = useState("system");
  document.documentElement.dataset["theme"] = theme;
  return (
    <>
      <div class="view-head">
        <h2>Design</h2>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms. */}
        <div class="switch" role="group" aria-label="Theme">
          {THEMES.map((name) => (
            <button key={name} type="button" aria-pressed={theme === name} onClick={() => setTheme(name)}>
              {name}
            </button>
          ))}
        </div>
      </div>
      <Part title="Colours">
        <ul class="tiles">
          {COLOURS.map((name) => (
            <li key={name}>
              <i class="swatch" style={{ background: `var(--${name})` }} />
              {name}
            </li>
          ))}
        </ul>
      </Part>
      <Part title="Sizes of text">
        {SIZES.map((name) => (
          <p key={name} style={{ fontSize: `var(--${name})` }}>
            {name}: 1,234 tasks · {RIGHT_TO_LEFT}
          </p>
        ))}
      </Part>
      <Part title="Spaces">
        <ul class="tiles">
          {SPACES.map((name) => (
            <li key={name}>
              <i class="swatch" style={{ width: `var(--${name})` }} />
              {name}
            </li>
          ))}
        </ul>
      </Part>
      <Part title="Buttons, fields and marks">
        <Buttons />
      </Part>
      <Part title="Cards">
        <ul class="tiles">
          {CARDS.map((card) => (
            <Card key={card.id} card={card} />
          ))}
        </ul>
        <ul>
          {CARDS.map((card) => (
            <TaskRow key={card.id} card={card} note="until 14:02" />
          ))}
        </ul>
      </Part>
      <Part title="Requests">
        <ul class="requests">
          {REQUESTS.map((request) => (
            <RequestCard key={request.id} request={request} onDone={async () => {}} />
          ))}
        </ul>
      </Part>
      <Part title="Why nothing happens, and the set-up list">
        <p>
          <WhyText why={WHY} /> <RemedyButton subject="ONB-5" remedy={WHY.remedy} onDone={async () => {}} />
        </p>
        <SetupList steps={STEPS} />
      </Part>
      <Part title="Progress, facts and tables">
        <ul class="progress">
          <Lines lines={PLANS.map(listPlan)} />
        </ul>
        <dl class="facts">
          <Facts facts={[...SIZES.map((name, i) => [name, String(1_000 * i)] as const)]} />
        </dl>
        <table>
          <TableHead names={["When", "What"]} />
          <tbody>
            <tr>
              <td>
                <Time at={Date.UTC(2026, 0, 1)} />
              </td>
              <td>
                <UserText text={RIGHT_TO_LEFT} /> <Moment at="2026-01-01T00:00:00Z" />
              </td>
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

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** The states of buttons: ready, disabled, busy, failed, and what else can be pressed or filled in. */
function Buttons() {
  const wait = () => new Promise(() => {});
  const fail = async () => Promise.reject(new Error("It failed."));
  return (
    <>
      <p class="actions">
        {["go primary", "go main", "go", "quiet", "link", "key"].map((name) => (
          <Button key={name} class={name} onPress={() => {}}>
            {name}
          </Button>
        ))}
        <Button class="go" isDisabled onPress={() => {}}>
          disabled
        </Button>
        <Button class="go" onPress={wait}>
          busy once pressed
        </Button>
        <Button class="go" onPress={fail}>
          fails when pressed
        </Button>
        <Chip text="ONB-1" title="Remove" onRemove={() => {}} />
        <Problem text="Why it failed." />
      </p>
      <p class="actions">
        <input type="text" aria-label="Text" placeholder="Placeholder" />
        <select aria-label="Choice">
          <option>Choice</option>
        </select>
        <progress max={100} value={60} aria-label="Progress" />
        {(["good", "unknown", "bad"] as const).map((is) => (
          <span key={is} class="dot" data-is={is}>
            {is}
          </span>
        ))}
        {(["todo", "in_progress", "blocked", "done"] as const).map((column) => (
          <span key={column} class="legend">
            <StateMark column={column} /> {column}
          </span>
        ))}
      </p>
    </>
  );
}

const root = document.createElement("section");
root.id = "design";
findElement(document, "main").replaceChildren(root);
document.body.dataset["view"] = "design";
render(<Design />, root);
