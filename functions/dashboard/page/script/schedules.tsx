/** The view of recurring work: what recurs when, what came of it last, and what a person changes about it. */

import { useState } from "preact/hooks";
import type { ScheduleView } from "../../../../shared/schedules/list-schedules.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import {
  type Action,
  Actions,
  Button,
  drawPart,
  type Fact,
  Facts,
  Moment,
  TaskLink,
  TextForm,
  Time,
  UserText,
} from "./elements.tsx";
import { formatCount, getLanguage, translate, translateName } from "./language.ts";
import { getView, place } from "./views.ts";

/** Number of next times that are shown. */
const NEXT_TIMES = 3;

/** What a person has deleted here since the page was opened, which can be undone. */
const deleted = new Map<string, ScheduleView>();

/** Loads the schedules while their view is shown. */
export async function loadSchedules(): Promise<void> {
  if (getView() !== "schedules") return;
  const { schedules } = await fetchAnswer("/api/schedules", { language: getLanguage() });
  for (const { id } of schedules) deleted.delete(id);
  const all = [...schedules, ...deleted.values()];
  const shown = all.filter(({ project }) => place.project === "" || project === place.project);
  const rows = shown.map((view) =>
    deleted.has(view.id) ? <Deleted key={view.id} view={view} /> : <Schedule key={view.id} view={view} />,
  );
  const empty = <p class="empty">{translate("schedules.empty")}</p>;
  drawPart("schedules-view", rows.length === 0 ? empty : <ul class="list">{rows}</ul>);
}

async function change(id: string, body: object | undefined, method = "PATCH"): Promise<void> {
  await sendJson(fillPath("/api/schedules/:id", { id }), body, method);
  await loadSchedules();
}

function Schedule({ view }: { view: ScheduleView }) {
  const [isEditing, setIsEditing] = useState(false);
  const { id, name, text, origin, key, project, paused, ended } = view;
  const isTemplate = origin === "plane";
  function remove() {
    deleted.set(id, view);
    return change(id, undefined, "DELETE");
  }
  const actions: (Action | false)[] = [
    [translate(paused ? "schedules.resume" : "schedules.pause"), () => change(id, { paused: !paused })],
    [translate("schedules.run"), () => change(id, { run: true })],
    isTemplate && [translate("schedules.edit"), () => setIsEditing(true)],
    isTemplate && [translate("schedules.delete"), remove],
  ];
  const title = <UserText text={name} />;
  return (
    <li data-key={id} data-schedule={name}>
      <div class="line">
        <h3>{key ? <a href={fillPath("/task/:key", { key })}>{title}</a> : title}</h3>
        <span class="muted">{[project, !isTemplate && translate("schedules.file")].filter(Boolean).join(" · ")}</span>
        {paused && (
          <span class="dot" data-is={paused.by ? "unknown" : "bad"}>
            {describePause(paused)}
          </span>
        )}
        {ended && <span class="dot">{translate("schedules.ended")}</span>}
      </div>
      <p class="when">{text}</p>
      <Facts facts={listFacts(view)} />
      {isEditing && <EditForm view={view} onClose={() => setIsEditing(false)} />}
      {!isEditing && (
        <div class="actions">
          <Actions subject={name} list={actions} />
        </div>
      )}
    </li>
  );
}

/** What is left of a deleted schedule: that it can be undone. */
function Deleted({ view: { id, name } }: { view: ScheduleView }) {
  return (
    <li class="line" data-key={id} data-schedule={name}>
      <span class="muted">
        {translate("schedules.deleted")} <UserText text={name} />
      </span>
      <Button text={translate("schedules.undo")} subject={name} onPress={() => change(id, { deleted: false })} />
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
          <TaskLink task={key} /> {[translateName("status", status), ...owners].join(", ")}
        </span>
      ))}
    </>
  );
}

/** Changes when it recurs. What recurs is changed in Plane. */
function EditForm({ view: { id, name, text, time_zone }, onClose }: { view: ScheduleView; onClose: () => void }) {
  const zone = ` (${time_zone})`;
  const label = (
    <>
      {translate("schedules.when")}
      <span class="sr"> {name}</span> <small class="muted">{translate("schedules.forms")}</small>
    </>
  );
  return (
    <TextForm
      {...{ label, rows: 1, max: 200, isRequired: true }}
      value={text.endsWith(zone) ? text.slice(0, -zone.length) : text}
      submit={translate("schedules.save")}
      close={[translate("schedules.cancel"), onClose]}
      onSubmit={(when) => change(id, { when }).then(onClose)}
    />
  );
}
