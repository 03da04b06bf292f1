/** The page of a task: what it is, who does it and how far it is, what was delivered, and what a person does about it. */

import { type ComponentChildren, h } from "preact";
import { useState } from "preact/hooks";
import { IMAGE_TYPE } from "../../answers.ts";
import type { FormattedText, TaskPageAnswer } from "../../task-routes.ts";
import { fetchAnswer, fetchText, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, Facts, Moment, Problem, useAttempt } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import {
  formatBytes,
  formatCount,
  formatDay,
  formatDuration,
  formatMoney,
  formatTime,
  getLanguage,
  translate,
  translateName,
  translateParts,
} from "./language.ts";
import type { TextName } from "./page-types.ts";
import { PlaneLink } from "./task-card.tsx";
import { mayUse } from "./viewer.ts";
import { getChosenTask } from "./views.ts";
import { RemedyButton, WhyText } from "./why.tsx";

type TaskFile = TaskPageAnswer["attachments"]["latest"][number];

/** Limit of a text that is shown before it is downloaded: 100 KB; and of what is shown of it, in UTF-16 units. */
const MAX_PREVIEW_BYTES = 100_000;
const MAX_PREVIEW_UNITS = 20_000;

/** Markdown is shown with its formatting. */
const MARKDOWN = /^text\/markdown|\.md$/i;

const TEXT_TYPE = /^(text\/|application\/(json|xml|x-ndjson)$)/;

/** Loads the task of the address, and shows it while its page is shown. */
export async function loadTask(): Promise<void> {
  const key = getChosenTask();
  if (key === undefined) return;
  const root = getElement("task-view");
  if (root.dataset["task"] !== key) drawPart("task-view", <p class="empty">{translate("loading")}</p>);
  root.dataset["task"] = key;
  const task = await fetchAnswer("/api/tasks/:key", { key, language: getLanguage() });
  if (key === getChosenTask()) drawPart("task-view", <TaskPage key={key} task={task} />);
}

function TaskPage({ task }: { task: TaskPageAnswer }) {
  const { key, title, status, priority, project, url, why, text, due_date, comments, remarks, attachments } = task;
  return (
    <article>
      <div class="line">
        <span class="key">{key}</span>
        <h2 id="task-head" class="written" dir="auto">
          {title}
        </h2>
        <PlaneLink url={url} task={key} />
      </div>
      <p class="muted">
        {[
          translateName("status", status),
          project,
          priority !== "none" && translateName("priority", priority),
          due_date && translate("card.due", { day: formatDay(due_date) }),
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {task.open && (
        <div class="line why">
          <span>
            <WhyText why={why} />
          </span>
          <RemedyButton subject={key} remedy={why.remedy} onDone={loadTask} />
        </div>
      )}
      <TaskFacts task={task} />
      <Part name="task.description">
        <div class="formatted" dir="auto">
          {text.length > 0 ? <Rich nodes={text} /> : <p class="muted">{translate("task.empty")}</p>}
        </div>
      </Part>
      <Links name="task.waits_for" tasks={task.inputs ?? []} />
      <Links name="task.needed_by" tasks={task.dependants} />
      {attachments.latest.length > 0 && (
        <Part name="task.files" leftOut={attachments.left_out}>
          <ul>
            {attachments.latest.toReversed().map((file) => (
              <FileRow key={file.name + file.at} task={key} file={file} />
            ))}
          </ul>
        </Part>
      )}
      {remarks.length > 0 && (
        <Part name="task.remarks">
          <ul>
            {remarks.map((remark) => (
              <li key={remark.agent + remark.at}>
                <Saying by={remark.by} at={new Date(remark.at).toISOString()}>
                  {remark.text}
                </Saying>
                <small>
                  {remark.read_at === undefined
                    ? translate("task.unread", { who: remark.agent })
                    : ["✓ ", ...translateParts("task.read", { who: remark.agent, at: <Moment at={remark.read_at} /> })]}
                </small>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {comments.latest.length > 0 && (
        <Part name="task.comments" leftOut={comments.left_out}>
          <ul>
            {comments.latest.map((comment, i) => (
              <li key={comment.at + i}>
                <Saying by={comment.by} at={comment.at}>
                  <Rich nodes={comment.text} />
                </Saying>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {task.open && mayUse("POST /api/tasks/:key/remarks") && <TaskActions task={task} />}
    </article>
  );
}

interface PartProps {
  name: TextName;
  leftOut?: number | undefined;
  children: ComponentChildren;
}

function Part({ name, leftOut, children }: PartProps) {
  return (
    <section aria-labelledby={name}>
      <h3 id={name}>{translate(name)}</h3>
      {children}
      {leftOut !== undefined && <p class="muted">{translate("task.left_out", { n: formatCount(leftOut) })}</p>}
    </section>
  );
}

/** Who works on it, how far it is, and what it took. */
function TaskFacts({ task: { owners, claim, agent, time, open } }: { task: TaskPageAnswer }) {
  const seconds = Object.values(time.totals_s).reduce((sum, one) => sum + one, 0);
  const facts: [TextName, string | false | undefined][] = [
    ["task.agent", owners.join(", ") || agent.name],
    ["task.claim", claim && translate("card.held", { who: claim.agent, until: formatTime(Date.parse(claim.until)) })],
    [
      "task.progress",
      open && [agent.percent !== undefined && `${agent.percent} %`, agent.text].filter(Boolean).join(" · "),
    ],
    ["task.time", seconds > 0 && formatDuration(seconds * 1000)],
    ["task.estimate", agent.estimate?.hours !== undefined && formatDuration(agent.estimate.hours * 3_600_000)],
    ["task.cost", agent.cost !== undefined && formatMoney(agent.cost)],
    ["task.session", agent.session],
    ["task.commit", agent.commit],
    ["task.tests", agent.tests],
  ];
  return (
    <dl>
      <Facts facts={facts.map(([name, value]) => [translate(name), value] as const)} />
    </dl>
  );
}

/** Formatted text as elements of the page. Its headings stand below those of the page. */
function Rich({ nodes }: { nodes: FormattedText }): ComponentChildren {
  return nodes.map((node) => {
    if (typeof node === "string") return node;
    const inner = node.children.length > 0 ? <Rich nodes={node.children} /> : undefined;
    if (node.href === undefined) return h(node.tag.replace(/^h\d$/, "h4"), {}, inner);
    return (
      <a href={node.href} target="_blank" rel="noopener noreferrer">
        {inner}
      </a>
    );
  });
}

function Links({ name, tasks }: { name: TextName; tasks: TaskPageAnswer["dependants"] }) {
  if (tasks.length === 0) return null;
  return (
    <Part name={name}>
      <ul>
        {tasks.map(({ key, title, status }) => (
          <li key={key}>
            <a class="key" href={`/task/${encodeURIComponent(key)}`}>
              {key}
            </a>{" "}
            <bdi>{title}</bdi> <small>{translateName("status", status)}</small>
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** A file that can be downloaded; an image or a short text is shown when it is asked for. */
function FileRow({ task, file: { name, type, size } }: { task: string; file: TaskFile }) {
  const [preview, setPreview] = useState<ComponentChildren>();
  const address = `/api/task-file?${new URLSearchParams({ task, name })}`;
  const isImage = IMAGE_TYPE.test(type);
  async function show() {
    if (preview !== undefined) return setPreview(undefined);
    if (isImage) return setPreview(<img src={address} alt={name} />);
    if (MARKDOWN.test(type) || MARKDOWN.test(name)) {
      const { text: nodes } = await fetchAnswer("/api/task-file", { task, name, as: "formatted" });
      return setPreview(
        <div class="formatted" dir="auto">
          <Rich nodes={nodes} />
        </div>,
      );
    }
    const text = (await fetchText(address)).slice(0, MAX_PREVIEW_UNITS).toWellFormed();
    setPreview(<pre dir="auto">{text}</pre>);
  }
  return (
    <li>
      <div class="line">
        <bdi>{name}</bdi> <small>{formatBytes(size)}</small>
        <a class="go" href={address} download={name} target="_self">
          {translate("task.download")}
          <span class="sr"> {name}</span>
        </a>
        {(isImage || ((TEXT_TYPE.test(type) || MARKDOWN.test(name)) && size <= MAX_PREVIEW_BYTES)) && (
          <Button class="go" subject={name} isExpanded={preview !== undefined} onPress={show}>
            {translate("task.preview")}
          </Button>
        )}
      </div>
      {preview}
    </li>
  );
}

function Saying({ by, at, children }: { by: string; at: string; children: ComponentChildren }) {
  return (
    <>
      <b>
        <bdi>{by}</bdi>
      </b>{" "}
      <small>
        <Moment at={at} />
      </small>
      <div class="formatted" dir="auto">
        {children}
      </div>
    </>
  );
}

/** A comment for its agents, the stop of their work, and another agent. */
function TaskActions({ task: { key, claim, agents, owners } }: { task: TaskPageAnswer }) {
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState(owners[0] ?? agents[0] ?? "");
  const [told, setTold] = useState("");
  const { attempt, isBusy, problem } = useAttempt();
  async function send(name: "remarks" | "actions", body: object) {
    setTold("");
    await sendJson(fillPath("/api/tasks/:key/:name", { key, name }), body);
    if (name === "remarks") setWords("");
    setTold(translate("task.done"));
    await loadTask();
  }
  const stop = claim && translate("card.stop", { key, who: claim.agent });
  return (
    <form
      class="words"
      onSubmit={(event) => {
        event.preventDefault();
        if (words.trim() !== "") attempt(() => send("remarks", { text: words.trim() }));
      }}
    >
      <label>
        {translate("task.comment")}
        <textarea
          rows={3}
          maxLength={4_096}
          required
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
      </label>
      <span class="actions">
        <button type="submit" class="go" aria-disabled={isBusy}>
          {translate("task.send")}
        </button>
        {stop && (
          <Button class="go" onPress={() => confirm(`${stop}?`) && send("remarks", { text: "stop" })}>
            ⏹ {stop}
          </Button>
        )}
      </span>
      {agents.length > 0 && (
        <span class="actions">
          <select
            aria-label={translate("task.agent")}
            value={chosen}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
          >
            {agents.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <Button class="go" onPress={() => send("actions", { action: "assign", agent: chosen })}>
            {translate("task.assign")}
          </Button>
        </span>
      )}
      <p role="status">{told}</p>
      <Problem text={problem} />
    </form>
  );
}
