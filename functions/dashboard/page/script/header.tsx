/** The header of the page: the projects to choose from, and how Groundcrew itself is; below it, what is broken. */

import { render } from "preact";
import type { Notice } from "../../../../shared/app/deps.ts";
import { BOARD_COLUMNS } from "../../answers.ts";
import type { BoardAnswer } from "../../board-route.ts";
import { fillPath, sendJson } from "./api.ts";
import { Button } from "./elements.tsx";
import { findElements, getElement } from "./find-elements.ts";
import { translate } from "./language.ts";
import { showFailedCount } from "./settings.tsx";
import { refreshPage } from "./updates.tsx";
import { openPlace, place } from "./views.ts";

type Health = BoardAnswer["health"];

type Choice = readonly [value: string, text: string];

/** The lists of the header by what they choose: the project, and the filters of the board and the inbox. */
const LISTS = Object.fromEntries(
  findElements<HTMLSelectElement>(document, "#projects, [data-filter]").map((list) => [
    list.dataset["filter"] ?? "project",
    list,
  ]),
);

/** Shows what there is to choose, and Groundcrew's own health. */
export function showHeader(board: BoardAnswer): void {
  const { projects, agents, has_own, health, waiting, set_aside, demo, tickets } = board;
  const projectChoices = projects.map(
    ({ identifier, name }): Choice => [identifier, `${name} (${identifier})`.slice(0, 60)],
  );
  drawList("project", translate("projects.all"), projectChoices);
  const names = agents.map((name): Choice => [name, name.slice(0, 60)]);
  drawList("agent", translate("filter.agent.all"), [["none", translate("filter.agent.none")], ...names]);
  const columns = BOARD_COLUMNS.map((name): Choice => [name, translate(`column.${name}`)]);
  drawList("status", translate("filter.status.all"), columns);
  drawList("mine", translate("filter.mine.all"), has_own ? [["yes", translate("filter.mine.yes")]] : []);
  render(<HealthLine health={health} waiting={waiting.telegram} />, getElement("health"));
  showFailedCount(set_aside);
  getElement("sign-out").hidden = demo;
  getElement("ticket-count").textContent = String(tickets?.pending || "");
}

/** @param all the text of the choice of everything */
function drawList(name: "project" | "agent" | "status" | "mine", all: string, choices: readonly Choice[]): void {
  const list = LISTS[name];
  if (!list) return;
  const options = ([["", all], ...choices] as const).map(([value, text]) => (
    <option key={value} value={value}>
      {text}
    </option>
  ));
  render(options, list);
  list.hidden = choices.length === 0 && name !== "project";
  list.value = place[name];
}

for (const [name, list] of Object.entries(LISTS))
  list.addEventListener("change", () => openPlace({ [name]: list.value }));

function HealthLine({ health: { plane, telegram, store }, waiting }: { health: Health; waiting: number }) {
  return (
    <>
      <HealthDot name="Plane" {...plane} />
      {telegram && <HealthDot name="Telegram" {...telegram} waiting={waiting} />}
      <Hold system="plane" name="Plane" {...plane} />
      {telegram && <Hold system="telegram" name="Telegram" {...telegram} />}
      {store && !store.ok && <HealthDot name={translate("health.store")} {...store} />}
      {store?.warnings.map((warning) => (
        <span key={warning.kind} class="dot" data-is="bad">
          {warning.kind === "memory"
            ? translate("health.store_memory", { n: warning.percent })
            : translate("health.store_disk", { n: Math.floor(warning.free / 1024 ** 2) })}
        </span>
      ))}
    </>
  );
}

function HealthDot({
  name,
  ok,
  error = "",
  waiting = 0,
}: Partial<Health["plane"]> & { name: string; waiting?: number }) {
  const is = ok ? "good" : ok === null ? "unknown" : "bad";
  const title = translate(`health.${is}`, { part: name, reason: error });
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
function Hold({ system, name, hold_s }: Pick<Health["plane"], "hold_s"> & { system: string; name: string }) {
  if (hold_s === undefined) return null;
  const end = () => sendJson(fillPath("/api/holds/:system", { system }), undefined, "DELETE").then(refreshPage);
  const button = { class: "quiet", subject: name, route: "DELETE /api/holds/:system", onPress: end } as const;
  return (
    <span class="hold" data-system={system}>
      {translate("health.held", { part: name, n: Math.ceil(hold_s / 60) })}{" "}
      <Button text={translate("health.retry")} {...button} />
    </span>
  );
}

/** Shows what is broken, with what to do. */
export function showNotices(notices: Notice[]): void {
  const lines = notices.map(({ kind, since, text, remedy }) => (
    <p key={`${kind} ${since}`}>
      ⚠️ {text} <strong>{remedy}</strong>
    </p>
  ));
  render(lines, getElement("notices"));
}
