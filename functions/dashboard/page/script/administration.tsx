/** What an administrator does on the board: agents with their tokens, and failed jobs. */

import type { AgentsAnswer, DeadLettersAnswer, FailedJob } from "../../answers.ts";
import { fetchJson, getProblemText } from "./api.js";
import { findElement, getElement } from "./dom.js";
import { Button, drawPart, Time, UserText } from "./elements.tsx";
import { onLanguageChange, translate } from "./language.js";
import { refreshPage } from "./updates.js";
import { showView } from "./views.ts";

type Part = "agent" | "failed-job";

/** What became of the last change of each part: `told` when it succeeded. */
const results: Record<Part, { problem?: string; told?: string }> = { agent: {}, "failed-job": {} };

let agents: AgentsAnswer = { agents: [], write: false };

/** A new token, which is shown once. */
let newToken: { name: string; token: string } | undefined;

let jobs: FailedJob[] = [];

/** Number of all failed jobs; the list has the oldest of them. */
let totalCount = 0;

/** Loads the agents and how many bridge tokens each has. The list is hidden while the page may only read. */
export async function loadAgents(): Promise<void> {
  agents = await fetchJson("/api/agents");
  getElement("agents").hidden = !agents.write || agents.agents.length === 0;
  draw("agent");
}

function draw(part: Part): void {
  drawPart(
    `${part}s-view`,
    <>
      {part === "agent" ? <Agents /> : <FailedJobs />}
      <p id={`${part}-problem`} role="alert">
        {results[part].problem}
      </p>
      <p id={`${part}-told`} role="status">
        {results[part].told}
      </p>
    </>,
  );
}

function Agents() {
  return (
    <>
      <p id="agent-where" class="muted">
        {translate("agents.where", { path: agents.path ?? "" })}
      </p>
      <ul id="agent-list">
        {agents.agents.map(({ name, tokens }) => (
          <li key={name} class="line" data-key={name}>
            <b>
              <UserText text={name} max={60} />
            </b>
            {tokens !== 1 && <span class="muted">{translate(tokens ? "agents.both" : "agents.none")}</span>}
            <Button class="quiet" onPress={() => renewToken(name)} subject={name}>
              {translate("agents.new")}
            </Button>
            {tokens > 1 && (
              <Button class="quiet" onPress={() => retireToken(name)} subject={name}>
                {translate("agents.retire")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {newToken && <NewToken {...newToken} />}
    </>
  );
}

function NewToken({ name, token }: NonNullable<typeof newToken>) {
  return (
    <div id="agent-token">
      <label for="agent-token-value">{translate("agents.token", { name })}</label>
      <input
        id="agent-token-value"
        value={token}
        readOnly
        autocomplete="off"
        spellcheck={false}
        aria-describedby="agent-once"
        onFocus={({ currentTarget }) => currentTarget.select()}
      />
      <Button class="go" onPress={copyToken}>
        {translate("agents.copy")}
      </Button>
      <button id="agent-close" type="button" class="go" onClick={closeToken}>
        {translate("agents.close")}
      </button>
      <p id="agent-once">{translate("agents.once")}</p>
    </div>
  );
}

async function renewToken(name: string): Promise<void> {
  if (!confirm(translate("agents.new.sure", { name }))) return;
  await change("agent", async () => {
    newToken = { name, ...(await fetchJson<{ token: string }>(getAgentPath(name, "token"), { method: "POST" })) };
    return "";
  });
  if (newToken?.name === name) getElement("agent-token-value").select();
}

async function retireToken(name: string): Promise<void> {
  if (!confirm(translate("agents.retire.sure", { name }))) return;
  await change("agent", async () => {
    await fetchJson(getAgentPath(name, "retire"), { method: "POST" });
    return translate("agents.retired", { name });
  });
}

function getAgentPath(name: string, change: "token" | "retire"): string {
  return `/api/agents/${encodeURIComponent(name)}/${change}`;
}

/** Sends a change, and shows what became of it. @param send returns what to say after it has succeeded */
async function change(part: Part, send: () => Promise<string>): Promise<void> {
  results[part] = {};
  draw(part);
  results[part] = await send().then(
    (told) => ({ told }),
    (thrown) => ({ problem: getProblemText(thrown) }),
  );
  draw(part);
}

export function forgetToken(): void {
  newToken = undefined;
  results.agent = {};
  draw("agent");
}

function closeToken(): void {
  forgetToken();
  findElement(getElement("agents"), "summary").focus();
}

async function copyToken(): Promise<void> {
  const field = getElement("agent-token-value");
  field.select();
  try {
    // Browsers allow the clipboard over HTTPS and on localhost only. Elsewhere the field stays selected for a copy.
    await navigator.clipboard.writeText(field.value);
    results.agent = { told: translate("agents.copied") };
    draw("agent");
  } catch {}
}

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs(): Promise<void> {
  if (!getElement("failed-jobs").open) return;
  const answer: DeadLettersAnswer = await fetchJson("/dead-letters");
  jobs = answer.dead_letters;
  draw("failed-job");
}

function FailedJobs() {
  const hint = jobs.length < totalCount ? translate("failed_jobs.oldest", { n: jobs.length }) : "";
  return (
    <>
      <p id="failed-job-hint" class="muted">
        {jobs.length > 0 ? hint : translate("failed_jobs.none")}
      </p>
      <ul id="failed-job-list">
        {jobs.map((job) => (
          <FailedJobRow key={`${job.queue} ${job.id}`} job={job} />
        ))}
      </ul>
    </>
  );
}

function FailedJobRow({ job }: { job: FailedJob }) {
  const { queue, id, reason, at } = job;
  const subject = `${getJobName(job)} ${id}`;
  return (
    <li data-key={`${queue} ${id}`}>
      <p class="line">
        <b>{getJobName(job)}</b>
        <span class="muted">
          <Time at={Date.parse(at)} />
        </span>
      </p>
      <p>
        <UserText text={reason} max={600} />
      </p>
      <div class="line">
        <Button class="quiet" onPress={() => changeFailedJob(job, "requeued")} subject={subject}>
          {translate("failed_jobs.requeue")}
        </Button>
        <Button class="quiet" onPress={() => discardFailedJob(job)} subject={subject}>
          {translate("failed_jobs.discard")}
        </Button>
        <details class="technical">
          <summary>{translate("technical")}</summary>
          <code dir="auto">{`${queue} ${id}`.slice(0, 300)}</code>
        </details>
      </div>
    </li>
  );
}

/** Names the job's work, and its task where it has one. */
function getJobName({ queue, task }: FailedJob): string {
  const name = translate(`failed_jobs.queue.${queue}`);
  return task ? `${name} (${task})` : name;
}

async function changeFailedJob(job: FailedJob, to: "requeued" | "discarded"): Promise<void> {
  const path = `/dead-letters/${job.queue}/${encodeURIComponent(job.id)}`;
  await change("failed-job", async () => {
    if (to === "requeued") await fetchJson(`${path}/replay`, { method: "POST" });
    else await fetchJson(path, { method: "DELETE" });
    return translate(`failed_jobs.${to}`, { what: getJobName(job) });
  });
  if (results["failed-job"].told) findElement(getElement("failed-jobs"), "summary").focus();
  refreshPage();
}

async function discardFailedJob(job: FailedJob): Promise<void> {
  if (confirm(translate("failed_jobs.discard.sure", { what: getJobName(job), id: job.id })))
    await changeFailedJob(job, "discarded");
}

/** Shows the number of failed jobs in the header and at the list; the one in the header opens the list. */
export function showFailedCount(count: number): void {
  totalCount = count;
  const isFocused = getElement("failed-count") === document.activeElement;
  getElement("failed-count").textContent = translate("health.set_aside", { n: count });
  getElement("failed-count").hidden = count === 0;
  getElement("failed-job-count").textContent = count > 0 ? String(count) : "";
  if (count === 0 && isFocused) getElement("board").focus({ preventScroll: true });
}

/** Opens the list of failed jobs and moves the focus to it. */
export function openFailedJobs(): void {
  showView("board");
  getElement("failed-jobs").open = true;
  findElement(getElement("failed-jobs"), "summary").focus();
}

addEventListener("pagehide", forgetToken);

onLanguageChange(() => {
  results.agent = {};
});

getElement("failed-jobs").addEventListener("toggle", () => refreshPage());

getElement("failed-count").addEventListener("click", openFailedJobs);
