/** The header of the page: the projects to choose from, and how Groundcrew itself is; below it, what is broken. */

import { render } from "preact";
import type { Notice } from "../../../../shared/app/deps.ts";
import type { CapacityWarning } from "../../../../shared/store/port.ts";
import { BOARD_COLUMNS, type BoardAnswer } from "../../answers.ts";
import { showFailedCount } from "./administration.tsx";
import { sendJson } from "./api.ts";
import { Button } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import { translate } from "./language.ts";
import { refreshPage } from "./updates.tsx";
import { getFilters, getProject, openPlace } from "./views.ts";

type Health = BoardAnswer["health"]["plane"];

/** Shows the list of projects and Groundcrew's own health. */
export function showHeader(board: BoardAnswer): void {
  const { projects, health, waiting, set_aside, demo, tickets } = board;
  render(
    <>
      <option value="">{translate("projects.all")}</option>
      {projects.map(({ identifier, name }) => (
        <option key={identifier} value={identifier}>
          {`${name} (${identifier})`.slice(0, 60)}
        </option>
      ))}
    </>,
    getElement("projects"),
  );
  getElement("projects").value = getProject();
  render(<Filters board={board} />, getElement("filters"));
  render(<HealthLine health={health} waiting={waiting.telegram} />, getElement("health"));
  showFailedCount(set_aside);
  getElement("sign-out").hidden = demo;
  const pending = tickets?.pending ?? 0;
  getElement("ticket-count").textContent = pending > 0 ? String(pending) : "";
}

/** The filters of the board and the inbox: the tasks of an agent, or in a column. */
function Filters({ board: { agents, has_own } }: { board: BoardAnswer }) {
  const { agent, status, mine } = getFilters();
  const columns = BOARD_COLUMNS.map((name) => [name, translate(`column.${name}`)] as const);
  const names = agents.map((name) => [name, name.slice(0, 60)] as const);
  return (
    <>
      <Filter name="agent" chosen={agent} choices={[["none", translate("filter.agent.none")], ...names]} />
      <Filter name="status" chosen={status} choices={columns} />
      {has_own && <Filter name="mine" chosen={mine} choices={[["yes", translate("filter.mine.yes")]]} />}
    </>
  );
}

interface FilterProps {
  name: "agent" | "status" | "mine";
  chosen: string;
  choices: (readonly [value: string, text: string])[];
}

function Filter({ name, chosen, choices }: FilterProps) {
  return (
    <select
      aria-label={translate(`filter.${name}`)}
      data-filter={name}
      value={chosen}
      onChange={({ currentTarget }) => openPlace({ [name]: currentTarget.value })}
    >
      <option value="">{translate(`filter.${name}.all`)}</option>
      {choices.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

function HealthLine({
  health: { plane, telegram, store },
  waiting,
}: {
  health: BoardAnswer["health"];
  waiting: number;
}) {
  return (
    <>
      <HealthDot name="Plane" health={plane} />
      {telegram && <HealthDot name="Telegram" health={telegram} waiting={waiting} />}
      <Hold system="plane" name="Plane" health={plane} />
      <Hold system="telegram" name="Telegram" health={telegram} />
      {store && !store.ok && <HealthDot name={translate("health.store")} health={store} />}
      {store?.warnings.map((warning) => (
        <span key={warning.kind} class="dot" data-is="bad">
          {describeCapacity(warning)}
        </span>
      ))}
    </>
  );
}

function describeCapacity(warning: CapacityWarning): string {
  return warning.kind === "memory"
    ? translate("health.store_memory", { n: warning.percent })
    : translate("health.store_disk", { n: Math.floor(warning.free / 1024 ** 2) });
}

interface DotProps {
  name: string;
  health: Pick<Health, "ok" | "error">;
  waiting?: number;
}

function HealthDot({ name, health: { ok, error }, waiting = 0 }: DotProps) {
  const is = ok ? "good" : ok === null ? "unknown" : "bad";
  const title = translate(`health.${is}`, { part: name, reason: error ?? "" });
  return (
    <span class="dot" data-is={is} title={title}>
      <span aria-hidden="true">
        {name}
        {waiting > 0 && <small> · {translate("health.waiting", { n: waiting })}</small>}
      </span>
      <span class="sr">{title}</span>
    </span>
  );
}

/** The notice of a long rate limit with the button that ends it. */
function Hold({ system, name, health }: { system: string; name: string; health: Health | undefined }) {
  if (health?.hold_s === undefined) return null;
  async function end() {
    await sendJson(`/api/holds/${system}`, undefined, "DELETE");
    await refreshPage();
  }
  return (
    <span class="hold" data-system={system}>
      {translate("health.held", { part: name, n: Math.ceil(health.hold_s / 60) })}{" "}
      <Button class="quiet" route="DELETE /api/holds/:system" subject={name} onPress={end}>
        {translate("health.retry")}
      </Button>
    </span>
  );
}

/** Shows what is broken, with what to do. */
export function showNotices(notices: Notice[]): void {
  render(
    notices.map(({ kind, since, text, remedy }) => (
      <p key={`${kind} ${since}`}>
        ⚠️ {text} <strong>{remedy}</strong>
      </p>
    )),
    getElement("notices"),
  );
}
