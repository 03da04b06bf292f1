/** The view Inbox: what waits for a person; below it, why nothing else happens. */

import type { ListedRequest, RequestsAnswer } from "../../../requests.ts";
import type { SetupAnswer } from "../../../setup.ts";
import type { IdleTasksAnswer } from "../../answers.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, UserText } from "./elements.tsx";
import { focusFirstVisible, getElement } from "./find-elements.ts";
import { formatCount, getLanguage, translate } from "./language.ts";
import { findCard, RequestCard, takeUnfinished } from "./request-card.tsx";
import { mayUse } from "./viewer.ts";
import { getFilters, getNamedRequest, getView, openPlace } from "./views.ts";
import { RemedyButton, WhyText } from "./why.tsx";

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
  const named = getNamedRequest();
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
  const named = getNamedRequest();
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
  if (getView() !== "inbox" || !idle || !setup) return;
  const { project, agent, mine } = getFilters();
  const filtered = shown.filter(
    (one) =>
      one.state !== "open" ||
      ((mine === "" || one.mine) &&
        (agent === "" || one.from === agent) &&
        (project === "" || one.subject.key === undefined || one.subject.key.startsWith(`${project}-`))),
  );
  const left = shown.length - filtered.length;
  drawPart("inbox-view", <Inbox requests={filtered} left={left} idle={idle} steps={setup.steps} />);
}

type InboxProps = RequestsAnswer & {
  /** Number of requests that the filters leave out. */
  left: number;
  idle: IdleTasksAnswer;
  steps: SetupAnswer["steps"];
};

function Inbox({ requests: waiting, left, idle: { tasks, total }, steps }: InboxProps) {
  // The list is gone once a first task is done, unless something breaks again.
  const needsSetup = steps.some(({ name, state }) => state === "failed" || (name === "task" && state === "open"));
  return (
    <>
      {needsSetup && <SetupList steps={steps} />}
      <ul class="requests" aria-label={translate("inbox.waiting")}>
        {waiting.length + left === 0 && <li class="empty">{translate("inbox.empty")}</li>}
        {waiting.slice(0, drawnCount).map((request) => (
          <RequestCard key={request.id} request={request} onDone={loadInbox} />
        ))}
        {waiting.length > drawnCount && (
          <li class="more">
            <Button class="quiet" onPress={() => drawMore(drawnCount + WINDOW)}>
              {translate("board.more", { n: waiting.length - drawnCount })}
            </Button>
          </li>
        )}
        {left > 0 && (
          <li class="line">
            <span class="muted">{translate("inbox.filtered", { n: formatCount(left) })}</span>
            <Button class="quiet" onPress={() => openPlace({ project: "", agent: "", mine: "" })}>
              {translate("inbox.all")}
            </Button>
          </li>
        )}
      </ul>
      {total > 0 && (
        <section class="idle" aria-labelledby="idle-head">
          <h3 id="idle-head">
            {translate("inbox.idle")} <b>{formatCount(total)}</b>
          </h3>
          <ul class="list">
            {tasks.slice(0, MAX_IDLE).map((task) => (
              <IdleRow key={task.key} task={task} />
            ))}
          </ul>
          {total > MAX_IDLE && <p class="muted">{translate("board.more", { n: total - MAX_IDLE })}</p>}
        </section>
      )}
    </>
  );
}

/** What the installation needs: each step with its state, and what to run or to write. */
export function SetupList({ steps }: Pick<InboxProps, "steps">) {
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
      <Button class="go" onPress={recheck}>
        {translate("setup.recheck")}
      </Button>
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
