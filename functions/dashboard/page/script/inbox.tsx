/** The view Inbox: what waits for a person; below it, why nothing else happens. */

import type { RequestsAnswer } from "../../../requests.ts";
import type { SetupAnswer } from "../../../setup.ts";
import type { IdleTasksAnswer } from "../../answers.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, UserText } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import { formatCount, getLanguage, translate } from "./language.ts";
import { RequestCard } from "./request-card.tsx";
import { mayUse } from "./viewer.ts";
import { getFilters, getView } from "./views.ts";
import { RemedyButton, WhyText } from "./why.tsx";

/** Number of idle tasks that are shown: 50, the most urgent. */
const MAX_IDLE = 50;

let requests: RequestsAnswer["requests"] = [];

/** What is known about idle tasks; undefined until it was loaded. */
let idle: IdleTasksAnswer | undefined;

/** What the installation needs; undefined until it was loaded. */
let setup: Pick<SetupAnswer, "steps"> | undefined;

/** Draws the requests in another view that shows some of them. */
let drawElsewhere = () => {};

/** What waits for a person. */
export function getRequests(): RequestsAnswer["requests"] {
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
  if (getView() !== "inbox") return;
  const language = getLanguage();
  [idle, setup] = await Promise.all([
    fetchAnswer("/api/idle-tasks", { language, ...getFilters() }),
    mayUse("GET /api/setup") ? fetchAnswer("/api/setup", { language }) : { steps: [] },
  ]);
  drawInbox();
}

/** Draws the inbox again, also after a change of language. */
export function drawInbox(): void {
  if (getView() !== "inbox" || !idle || !setup) return;
  const shown = getFilters().mine === "" ? requests : requests.filter(({ mine }) => mine);
  drawPart("inbox-view", <Inbox requests={shown} idle={idle} steps={setup.steps} />);
}

type InboxProps = RequestsAnswer & { idle: IdleTasksAnswer; steps: SetupAnswer["steps"] };

function Inbox({ requests: waiting, idle: { tasks, total }, steps }: InboxProps) {
  // The list is gone once a first task is done, unless something breaks again.
  const needsSetup = steps.some(({ name, state }) => state === "failed" || (name === "task" && state === "open"));
  return (
    <>
      {needsSetup && <SetupList steps={steps} />}
      <ul class="requests" aria-label={translate("inbox.waiting")}>
        {waiting.length === 0 && <li class="empty">{translate("inbox.empty")}</li>}
        {waiting.map((request) => (
          <RequestCard key={request.id} request={request} onDone={loadInbox} />
        ))}
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
