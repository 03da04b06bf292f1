/** The page of a task: what it is, who does it and how far it is, what was delivered, and what a person does about it. */

import { type ComponentChildren, h } from "preact";
import { useState } from "preact/hooks";
import { IMAGE_TYPE } from "../../answers.ts";
import type { FormattedText, TaskPageAnswer } from "../../task-routes.ts";
import { fetchAnswer, fetchText, fillPath, mayUse, sendJson } from "./api.ts";
import { Button, drawPart, Facts, Moment, OutLink, TaskLink, TextForm } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import {
  formatBytes,
  formatCount,
  formatDay,
  formatDuration,
  formatMoney,
  formatTime,
  getLanguage,
  type TextName,
  translate,
  translateName,
  translateParts,
} from "./language.ts";
import { PlaneLink, RemedyButton, StopButton, WhyText } from "./task-card.tsx";
import { place } from "./views.ts";

type TaskFile = TaskPageAnswer["attachments"]["latest"][number];

/** Limit of a text that is shown before it is downloaded: 100 KB; and of what is shown of it, in UTF-16 units. */
const MAX_PREVIEW_BYTES = 100_000;
const MAX_PREVIEW_UNITS = 20_000;

/** Markdown is shown with its formatting. */
const MARKDOWN = /^text\/markdown|\.md$/i;

const TEXT_TYPE = /^(text\/|application\/(json|xml|x-ndjson)$)/;

/** Loads the task of the address, and shows it while its page is shown. */
export async function loadTask(): Promise<void> {
  const { task: key } = place;
  if (key === undefined) return;
  const root = getElement("task-view");
  if (root.dataset["task"] !== key) drawPart("task-view", <p class="empty">{translate("loading")}</p>);
  root.dataset["task"] = key;
  const task = await fetchAnswer("/api/tasks/:key", { key, language: getLanguage() });
  if (key === place.task) drawPart("task-view", <TaskPage key={key} task={task} />);
}

function TaskPage({ task }: { task: TaskPageAnswer }) {
  const { key, title, status, priority, project, url, why, text, due_date, comments, remarks, attachments } = task;
  const facts = [
    translateName("status", status),
    project,
    priority !== "none" && translateName("priority", priority),
    due_date && translate("card.due", { day: formatDay(due_date) }),
  ];
  return (
    <article>
      <div class="line">
        <span class="key">{key}</span>
        <h2 id="task-head" class="written" dir="auto">
          {title}
        </h2>
        <PlaneLink url={url} task={key} />
      </div>
      <p class="muted">{facts.filter(Boolean).join(" · ")}</p>
      {task.open && (
        <div class="line why">
          <span>
            <WhyText why={why} />
          </span>
          <RemedyButton subject={key} remedy={why.remedy} onDone={loadTask} />
        </div>
      )}
      <TaskFacts task={task} />
      <section aria-labelledby="task.description">
        <h3 id="task.description">{translate("task.description")}</h3>
        <div class="formatted" dir="auto">
          {text.length > 0 ? <Rich nodes={text} /> : <p class="muted">{translate("task.empty")}</p>}
        </div>
      </section>
      <List name="task.waits_for" rows={(task.inputs ?? []).map(toLinkRow)} />
      <List name="task.needed_by" rows={task.dependants.map(toLinkRow)} />
      <List
        name="task.files"
        leftOut={attachments.left_out}
        rows={attachments.latest
          .toReversed()
          .map((file) => <FileRow key={file.name + file.at} task={key} file={file} />)}
      />
      <List name="task.remarks" rows={remarks.map(toRemarkRow)} />
      <List name="task.comments" leftOut={comments.left_out} rows={comments.latest.map(toCommentRow)} />
      {task.open && mayUse("POST /api/tasks/:key/remarks") && <TaskActions task={task} />}
    </article>
  );
}

/** A part of the page that is a list; nothing without rows. @param leftOut number of those that are not listed */
function List({ name, leftOut, rows }: { name: TextName; leftOut?: number | undefined; rows: ComponentChildren[] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby={name}>
      <h3 id={name}>{translate(name)}</h3>
      <ul>{rows}</ul>
      {leftOut !== undefined && <p class="muted">{translate("task.left_out", { n: formatCount(leftOut) })}</p>}
    </section>
  );
}

function toLinkRow({ key, title, status }: TaskPageAnswer["dependants"][number]) {
  return (
    <li key={key}>
      <TaskLink task={key} /> <bdi>{title}</bdi> <small>{translateName("status", status)}</small>
    </li>
  );
}

function toRemarkRow({ agent, by, at, text, read_at }: TaskPageAnswer["remarks"][number]) {
  const mark =
    read_at === undefined
      ? translate("task.unread", { who: agent })
      : ["✓ ", ...translateParts("task.read", { who: agent, at: <Moment at={read_at} /> })];
  return (
    <li key={agent + at}>
      <Saying by={by} at={at} text={text} />
      <small>{mark}</small>
    </li>
  );
}

function toCommentRow({ by, at, text }: TaskPageAnswer["comments"]["latest"][number], index: number) {
  return (
    <li key={at + index}>
      <Saying by={by} at={at} text={<Rich nodes={text} />} />
    </li>
  );
}

function Saying({ by, at, text }: { by: string; at: number | string; text: ComponentChildren }) {
  return (
    <>
      <b dir="auto">{by}</b> <Moment class="muted" at={at} />
      <div class="formatted" dir="auto">
        {text}
      </div>
    </>
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
  return <Facts facts={facts.map(([name, value]) => [translate(name), value])} />;
}

/** Formatted text as elements of the page. Its headings stand below those of the page. */
function Rich({ nodes }: { nodes: FormattedText }): ComponentChildren {
  return nodes.map((node) => {
    if (typeof node === "string") return node;
    const inner = node.children.length > 0 ? <Rich nodes={node.children} /> : undefined;
    if (node.href === undefined) return h(node.tag.replace(/^h\d$/, "h4"), {}, inner);
    return <OutLink href={node.href}>{inner}</OutLink>;
  });
}

/** A file that can be downloaded; an image or a short text is shown when it is asked for. */
function FileRow({ task, file: { name, type, size } }: { task: string; file: TaskFile }) {
  const [preview, setPreview] = useState<ComponentChildren>();
  const address = `/api/task-file?${new URLSearchParams({ task, name })}`;
  const isImage = IMAGE_TYPE.test(type);
  const isText = (TEXT_TYPE.test(type) || MARKDOWN.test(name)) && size <= MAX_PREVIEW_BYTES;
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
        {(isImage || isText) && (
          <Button text={translate("task.preview")} subject={name} isExpanded={preview !== undefined} onPress={show} />
        )}
      </div>
      {preview}
    </li>
  );
}

/** A comment for its agents, the stop of their work, and another agent. */
function TaskActions({ task: { key, claim, agents, owners } }: { task: TaskPageAnswer }) {
  const [chosen, setChosen] = useState(owners[0] ?? agents[0] ?? "");
  const [told, setTold] = useState("");
  async function send(name: "remarks" | "actions", body: object) {
    setTold("");
    await sendJson(fillPath("/api/tasks/:key/:name", { key, name }), body);
    setTold(translate("task.done"));
    await loadTask();
  }
  const options = agents.map((name) => <option key={name}>{name}</option>);
  const others = (
    <>
      {claim && <StopButton task={key} who={claim.agent} onDone={loadTask} />}
      {agents.length > 0 && (
        <span class="actions">
          <select
            aria-label={translate("task.agent")}
            value={chosen}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
          >
            {options}
          </select>
          <Button
            text={translate("task.assign")}
            onPress={() => send("actions", { action: "assign", agent: chosen })}
          />
        </span>
      )}
      <p role="status">{told}</p>
    </>
  );
  return (
    <TextForm
      label={translate("task.comment")}
      max={4_096}
      isRequired
      submit={translate("task.send")}
      more={others}
      onSubmit={(text) => send("remarks", { text })}
    />
  );
}
