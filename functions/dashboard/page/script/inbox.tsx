/** The view Inbox: what waits for a person; below it, why nothing else happens. */

import type { ListedRequest } from "../../../requests.ts";
import type { SetupAnswer } from "../../../setup.ts";
import type { IdleTasksAnswer } from "../../task-routes.ts";
import { fetchAnswer, fillPath, mayUse, sendJson } from "./api.ts";
import { Button, drawPart, More, UserText } from "./elements.tsx";
import { focusFirstVisible, getElement } from "./find-elements.ts";
import { formatCount, getLanguage, translate } from "./language.ts";
import { findCard, RequestCard, takeUnfinished } from "./request-card.tsx";
import { RemedyButton, WhyText } from "./task-card.tsx";
import { getFilters, getView, openPlace, place } from "./views.ts";

/** Number of idle tasks that are shown: 50, the most urgent. */
const MAX_IDLE = 50;

/** Number of requests that are drawn first, and that each press of the button below them adds. */
const WINDOW = 25;

let drawnCount = WINDOW;

let requests: ListedRequest[] = [];

/**
 * What the view shows: the requests that wait, and those that were answered elsewhere while a person was answering them
 * here, or to which a link leads.
 */
let shown: ListedRequest[] = [];

/** Id of the request to which a link has led. */
let ledTo: string | undefined;

/** What is known about idle tasks; undefined until it was loaded. */
let idle: IdleTasksAnswer | undefined;

/** What the installation needs; undefined until it was loaded. */
let setup: Pick<SetupAnswer, "steps"> | undefined;

/** Draws the requests in another view that shows some of them. */
let drawElsewhere = () => {};

/** What waits for a person. */
export function getRequests(): ListedRequest[] {
  return requests;
}

/** @param draw draws the view that also shows requests */
export function onRequests(draw: () => void): void {
  drawElsewhere = draw;
}

/** Loads what waits for a person, and shows it while its view is shown. */
export async function loadInbox(): Promise<void> {
  requests = (await fetchAnswer("/api/requests")).requests;
  getElement("inbox-count").textContent = requests.length > 0 ? String(requests.length) : "";
  if (getView() === "tickets") drawElsewhere();
  if (getView() !== "inbox") {
    [shown, ledTo] = [[], undefined];
    return;
  }
  const language = getLanguage();
  [idle, setup, shown] = await Promise.all([
    fetchAnswer("/api/idle-tasks", { language, ...getFilters() }),
    mayUse("GET /api/setup") ? fetchAnswer("/api/setup", { language }) : { steps: [] },
    addClosedRequests(requests),
  ]);
  drawInbox();
  const { request: named } = place;
  if (named === ledTo) return;
  ledTo = named;
  drawMore(Math.max(drawnCount, shown.findIndex(({ id }) => id === named) + 1));
  const card = findCard(named);
  focusFirstVisible(card);
  card?.scrollIntoView({ block: "nearest" });
}

function drawMore(count: number): void {
  drawnCount = count;
  drawInbox();
}

/** Adds what was answered elsewhere, each where it stood. */
async function addClosedRequests(waiting: readonly ListedRequest[]): Promise<ListedRequest[]> {
  const { request: named } = place;
  const places = new Map(shown.map((request, i) => [request.id, i]));
  if (named !== undefined && !places.has(named)) places.set(named, 0);
  const all = [...waiting];
  for (const [id, place] of places) {
    if (waiting.some((request) => request.id === id)) continue;
    const known = shown.find((request) => request.id === id && request.state !== "open");
    const isKept = known || id === named || takeUnfinished(id);
    const closed = known ?? (isKept && (await fetchAnswer("/api/requests/:id", { id }).catch(() => undefined)));
    if (closed) all.splice(place, 0, { for: [], mine: true, ...closed });
  }
  return all;
}

/** Draws the inbox again, also after a change of language. */
export function drawInbox(): void {
  if (getView() === "inbox" && idle && setup) drawPart("inbox-view", <Inbox idle={idle} steps={setup.steps} />);
}

/** Whether the filters of the address have this request; one that is closed stays. */
function isChosen({ state, mine, from, subject: { key } }: ListedRequest): boolean {
  if (state !== "open") return true;
  if ((place.mine !== "" && !mine) || (place.agent !== "" && from !== place.agent)) return false;
  return place.project === "" || key === undefined || key.startsWith(`${place.project}-`);
}

function Inbox({ idle: { tasks, total }, steps }: { idle: IdleTasksAnswer; steps: SetupAnswer["steps"] }) {
  const waiting = shown.filter(isChosen);
  const left = shown.length - waiting.length;
  // The list is gone once a first task is done, unless something breaks again.
  const needsSetup = steps.some(({ name, state }) => state === "failed" || (name === "task" && state === "open"));
  const showAll = () => openPlace({ project: "", agent: "", mine: "" });
  const cards = waiting
    .slice(0, drawnCount)
    .map((request) => <RequestCard key={request.id} request={request} onDone={loadInbox} />);
  const rows = tasks.slice(0, MAX_IDLE).map((task) => <IdleRow key={task.key} task={task} />);
  return (
    <>
      {needsSetup && <SetupList steps={steps} />}
      <ul class="requests" aria-label={translate("inbox.waiting")}>
        {shown.length === 0 && <li class="empty">{translate("inbox.empty")}</li>}
        {cards}
        {waiting.length > drawnCount && (
          <More n={waiting.length - drawnCount} onPress={() => drawMore(drawnCount + WINDOW)} />
        )}
        {left > 0 && (
          <li class="line">
            <span class="muted">{translate("inbox.filtered", { n: formatCount(left) })}</span>
            <Button class="quiet" text={translate("inbox.all")} onPress={showAll} />
          </li>
        )}
      </ul>
      {total > 0 && (
        <section class="idle" aria-labelledby="idle-head">
          <h3 id="idle-head">
            {translate("inbox.idle")} <b>{formatCount(total)}</b>
          </h3>
          <ul class="list">{rows}</ul>
          {total > MAX_IDLE && <p class="muted">{translate("board.more", { n: total - MAX_IDLE })}</p>}
        </section>
      )}
    </>
  );
}

/** What the installation needs: each step with its state, and what to run or to write. */
export function SetupList({ steps }: Pick<SetupAnswer, "steps">) {
  async function recheck() {
    setup = await sendJson<SetupAnswer>(fillPath("/api/setup", { language: getLanguage() }));
    drawInbox();
  }
  return (
    <section class="setup idle" aria-labelledby="setup-head">
      <h3 id="setup-head">{translate("setup")}</h3>
      <ul class="list" aria-live="polite">
        {steps.map(({ name, state, text, fix: { command, file, lines } = {} }) => (
          <li key={name} data-step={name} data-state={state}>
            <p class="written">
              <b>{translate(`setup.state.${state}`)}</b> {text}
            </p>
            {(command ?? file) !== undefined && <code dir="ltr">{[command, file].filter(Boolean).join(" · ")}</code>}
            {lines && <pre dir="ltr">{lines.join("\n")}</pre>}
          </li>
        ))}
      </ul>
      <Button text={translate("setup.recheck")} onPress={recheck} />
    </section>
  );
}

/** Why nothing happens with a task, and what changes that. */
function IdleRow({ task }: { task: IdleTasksAnswer["tasks"][number] }) {
  const { key, title, remedy } = task;
  return (
    <li class="line" data-task={key}>
      <div class="grow">
        <UserText text={title} max={200} />
        <p class="muted">
          <WhyText why={task} />
        </p>
      </div>
      <RemedyButton subject={key} remedy={remedy} onDone={loadInbox} />
    </li>
  );
}
