/** The view of recurring work: what recurs when, what came of it last, and what a person changes about it. */

import { useState } from "preact/hooks";
import type { ScheduleView } from "../../../../shared/schedules/list-schedules.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, type Fact, Facts, Moment, Problem, Time, UserText, useAttempt } from "./elements.tsx";
import { formatCount, getLanguage, translate, translateName } from "./language.ts";
import { getProject, getView } from "./views.ts";

/** Number of next times that are shown. */
const NEXT_TIMES = 3;

/** What a person has deleted here since the page was opened, which can be undone. */
const deleted = new Map<string, ScheduleView>();

/** Loads the schedules while their view is shown. */
export async function loadSchedules(): Promise<void> {
  if (getView() !== "schedules") return;
  const { schedules } = await fetchAnswer("/api/schedules", { language: getLanguage() });
  for (const { id } of schedules) deleted.delete(id);
  const project = getProject();
  const shown = [...schedules, ...deleted.values()].filter((one) => project === "" || one.project === project);
  drawPart(
    "schedules-view",
    shown.length === 0 ? (
      <p class="empty">{translate("schedules.empty")}</p>
    ) : (
      <ul class="list">
        {shown.map((view) =>
          deleted.has(view.id) ? <Deleted key={view.id} view={view} /> : <Schedule key={view.id} view={view} />,
        )}
      </ul>
    ),
  );
}

async function change(id: string, body: object | undefined, method = "PATCH"): Promise<void> {
  await sendJson(fillPath("/api/schedules/:id", { id }), body, method);
  await loadSchedules();
}

function Schedule({ view }: { view: ScheduleView }) {
  const [isEditing, setIsEditing] = useState(false);
  const { id, name, text, origin, key, project, paused, ended } = view;
  const isTemplate = origin === "plane";
  async function remove() {
    await sendJson(fillPath("/api/schedules/:id", { id }), undefined, "DELETE");
    deleted.set(id, view);
    await loadSchedules();
  }
  return (
    <li data-key={id} data-schedule={name}>
      <div class="line">
        <h3>
          {key ? (
            <a class="written" href={fillPath("/task/:key", { key })}>
              <UserText text={name} />
            </a>
          ) : (
            <UserText text={name} />
          )}
        </h3>
        <span class="muted">{[project, !isTemplate && translate("schedules.file")].filter(Boolean).join(" · ")}</span>
        {paused && (
          <span class="dot" data-is={paused.by ? "unknown" : "bad"}>
            {describePause(paused)}
          </span>
        )}
        {ended && <span class="dot">{translate("schedules.ended")}</span>}
      </div>
      <p class="when">{text}</p>
      <dl>
        <Facts facts={listFacts(view)} />
      </dl>
      {isEditing ? (
        <EditForm view={view} onClose={() => setIsEditing(false)} />
      ) : (
        <div class="actions">
          <Button class="go" subject={name} onPress={() => change(id, { paused: !paused })}>
            {translate(paused ? "schedules.resume" : "schedules.pause")}
          </Button>
          <Button class="go" subject={name} onPress={() => change(id, { run: true })}>
            {translate("schedules.run")}
          </Button>
          {isTemplate && (
            <Button class="go" subject={name} onPress={() => setIsEditing(true)}>
              {translate("schedules.edit")}
            </Button>
          )}
          {isTemplate && (
            <Button class="go" subject={name} onPress={remove}>
              {translate("schedules.delete")}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

/** What is left of a deleted schedule: that it can be undone. */
function Deleted({ view: { id, name } }: { view: ScheduleView }) {
  return (
    <li data-key={id} data-schedule={name}>
      <div class="line">
        <span class="muted">
          {translate("schedules.deleted")} <UserText text={name} />
        </span>
        <Button class="go" subject={name} onPress={() => change(id, { deleted: false })}>
          {translate("schedules.undo")}
        </Button>
      </div>
    </li>
  );
}

function describePause({ by, reason }: NonNullable<ScheduleView["paused"]>): string {
  if (by) return translate("schedules.paused_by", { by });
  return reason ? translate("schedules.stopped", { reason }) : translate("schedules.paused");
}

function listFacts({ next, last, skipped }: ScheduleView): Fact[] {
  const times = next.slice(0, NEXT_TIMES).flatMap((at, i) => [i > 0 && " · ", <Time key={at} at={Date.parse(at)} />]);
  return [
    [translate("schedules.next"), times.length > 0 && <>{times}</>, "next"],
    [translate("schedules.last"), last ? <LastOccurrence last={last} /> : translate("schedules.never"), "last"],
    [translate("schedules.skipped"), skipped && formatCount(skipped.length), "skipped"],
  ];
}

/** The last occurrence: when it was due, and what has become of its tasks. */
function LastOccurrence({ last: { time, late, tasks } }: { last: NonNullable<ScheduleView["last"]> }) {
  return (
    <>
      <Moment at={time} />
      {late && ` (${translate("schedules.late")})`}
      {tasks.map(({ key, status, owners }) => (
        <span key={key}>
          {" · "}
          <a class="key" href={fillPath("/task/:key", { key })}>
            {key}
          </a>{" "}
          {[translateName("status", status), ...owners].join(", ")}
        </span>
      ))}
    </>
  );
}

/** Changes when it recurs. What recurs is changed in Plane. */
function EditForm({ view, onClose }: { view: ScheduleView; onClose: () => void }) {
  const { id, name, text, time_zone } = view;
  const zone = ` (${time_zone})`;
  const [words, setWords] = useState(text.endsWith(zone) ? text.slice(0, -zone.length) : text);
  const { attempt, isBusy, problem } = useAttempt();
  function save(event: SubmitEvent) {
    event.preventDefault();
    return attempt(async () => {
      await change(id, { when: words });
      onClose();
    });
  }
  return (
    <form class="actions" onSubmit={save}>
      <label>
        {translate("schedules.when")}
        <span class="sr"> {name}</span>
        <input
          type="text"
          value={words}
          maxLength={200}
          required
          autocomplete="off"
          aria-describedby={`when-${id}`}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
      </label>
      <button type="submit" class="go" aria-disabled={isBusy}>
        {translate("schedules.save")}
      </button>
      <Button class="go" onPress={onClose}>
        {translate("schedules.cancel")}
      </Button>
      <p id={`when-${id}`} class="hint">
        {translate("schedules.forms")}
      </p>
      <Problem text={problem} />
    </form>
  );
}
