/** The view Settings, for administrators: agents with their tokens, and failed jobs. */

import { useState } from "preact/hooks";
import type { AgentsAnswer, FailedJob } from "../../answers.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, Moment, UserText } from "./elements.tsx";
import { findElement, findElements, focusFirstVisible, getElement } from "./find-elements.ts";
import { onLanguageChange, translate } from "./language.ts";
import { refreshPage } from "./updates.tsx";
import { getView, showView } from "./views.ts";

type Part = "agent" | "failed-job";

/** What the last change of each part has done. */
const told: Record<Part, string> = { agent: "", "failed-job": "" };

let agents: AgentsAnswer = { agents: [], write: false };

/** A new token, which is shown once. */
let newToken: { name: string; token: string } | undefined;

let jobs: FailedJob[] = [];

/** Number of all failed jobs; the list has the oldest of them. */
let totalCount = 0;

/**
 * Loads the agents and how many bridge tokens each has, while their view is shown. The list is hidden while the page may
 * only read.
 */
export async function loadAgents(): Promise<void> {
  if (getView() !== "settings") return;
  agents = await fetchAnswer("/api/agents");
  getElement("agents").hidden = !agents.write || agents.agents.length === 0;
  draw("agent");
}

function draw(part: Part): void {
  drawPart(
    `${part}s-view`,
    <>
      {part === "agent" ? <Agents /> : <FailedJobs />}
      <p id={`${part}-told`} role="status">
        {told[part]}
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
      <NewAgent />
    </>
  );
}

/** The command that adds an agent, with what was filled in. It runs on the server, because it signs in to Plane. */
function NewAgent() {
  const [agent, setAgent] = useState({ name: "", email: "", wake: "--openclaw" });
  const field = (name: keyof typeof agent, placeholder: string) => (
    <input
      value={agent[name]}
      placeholder={placeholder}
      aria-label={placeholder}
      autocomplete="off"
      onInput={({ currentTarget }) => setAgent({ ...agent, [name]: currentTarget.value })}
    />
  );
  const quote = (value: string) => (/^[\w@.+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`);
  const { name, email, wake } = agent;
  return (
    <details class="technical" id="agent-add">
      <summary>{translate("agents.add")}</summary>
      <p class="muted">{translate("agents.add.where")}</p>
      <div class="line">
        {field("name", translate("agents.add.name"))}
        {field("email", translate("agents.add.email"))}
        {field("wake", "--openclaw, --webhook URL")}
      </div>
      <code dir="ltr">
        {`groundcrew agents add ${quote(name || "NAME")} --email ${quote(email || "EMAIL")} ${wake}`.trim()}
      </code>
    </details>
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
  tell("agent", "");
  newToken = { name, ...(await sendJson<{ token: string }>(fillPath("/api/agents/:name/token", { name }))) };
  draw("agent");
  getElement("agent-token-value").select();
}

async function retireToken(name: string): Promise<void> {
  if (!confirm(translate("agents.retire.sure", { name }))) return;
  tell("agent", "");
  await sendJson(fillPath("/api/agents/:name/retire", { name }));
  tell("agent", translate("agents.retired", { name }));
}

/** Says what a change has done, or with an empty text that another one begins. */
function tell(part: Part, text: string): void {
  told[part] = text;
  draw(part);
}

export function forgetToken(): void {
  newToken = undefined;
  tell("agent", "");
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
    tell("agent", translate("agents.copied"));
  } catch {}
}

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs(): Promise<void> {
  if (getView() !== "settings" || !getElement("failed-jobs").open) return;
  jobs = (await fetchAnswer("/dead-letters")).dead_letters;
  draw("failed-job");
}

function FailedJobs() {
  const hint = jobs.length < totalCount ? translate("failed_jobs.oldest", { n: jobs.length }) : "";
  return (
    <>
      <p id="failed-job-hint" class="muted">
        {jobs.length > 0 ? hint : translate("failed_jobs.none")}
      </p>
      <ul id="failed-job-list" class="list">
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
          <Moment at={at} />
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
  const { queue, id } = job;
  tell("failed-job", "");
  try {
    if (to === "requeued") await sendJson(fillPath("/dead-letters/:queue/:id/replay", { queue, id }));
    else await sendJson(fillPath("/dead-letters/:queue/:id", { queue, id }), undefined, "DELETE");
    tell("failed-job", translate(`failed_jobs.${to}`, { what: getJobName(job) }));
    findElement(getElement("failed-jobs"), "summary").focus();
  } finally {
    refreshPage();
  }
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
  if (count === 0 && isFocused) focusFirstVisible(...findElements(document, "main > section"));
}

/** Opens the list of failed jobs and moves the focus to it. */
export function openFailedJobs(): void {
  showView("settings");
  getElement("failed-jobs").open = true;
  findElement(getElement("failed-jobs"), "summary").focus();
}

addEventListener("pagehide", forgetToken);

onLanguageChange(() => {
  told.agent = "";
});

getElement("failed-jobs").addEventListener("toggle", () => refreshPage());

getElement("failed-count").addEventListener("click", openFailedJobs);
