/** The view Plan: a project's picture or table, and the detail of one task. */

import type { PlanGraphAnswer, PlanProject } from "../../plan-route.ts";
import { fetchAnswer } from "./api.ts";
import { Lines, listPlan } from "./board.tsx";
import { Button, drawPart, type Fact, Facts, TableHead, UserText } from "./elements.tsx";
import { findElement, findElements, focusFirstVisible, getElement } from "./find-elements.ts";
import { formatCount, formatDuration, formatMoney, translate } from "./language.ts";
import { formatWorkLeft, Graph, keepTabStop, type LinkedTask, linkTasks, NodeList } from "./plan-graph.tsx";
import { Card, describeStatus } from "./task-card.tsx";
import { getView, isTableChosen, openPlace, place } from "./views.ts";

let plan: PlanGraphAnswer | undefined;

/** Id of the task whose card is open. */
let openId: string | undefined;

const TASK_HEADS = ["step", "task", "status", "agent", "after", "left"] as const;

/** Loads the plan of the chosen project, and shows it. */
export async function loadPlan(): Promise<void> {
  const { project, plan: named } = place;
  const answer = await fetchAnswer("/api/plan", { project, plan: named });
  if (project !== place.project || named !== place.plan) return;
  if (plan?.project?.identifier !== answer.project?.identifier) openId = undefined;
  plan = answer;
  drawPlan(plan);
}

/** Draws the plan, and the open card, which is closed when its task is not part of the plan any more. */
function drawPlan(shown: PlanGraphAnswer): void {
  const { project } = shown;
  const linked = linkTasks(shown.tasks, shown.lines);
  const independent = linkTasks(shown.independent, []);
  const open = [...linked, ...independent].find(({ card }) => card.id === openId);
  if (!open && openId !== undefined) return void closeDetail();
  getElement("plan-of").textContent = project ? describeProject(project) : translate("graph");
  getElement("plan-closed").textContent = project ? translate("graph.closed", { ...project }) : "";
  const isEmpty = !project || project.total === 0;
  const root = drawPart(
    "plan-view",
    <>
      {shown.plan && (
        <ul class="progress">
          <Lines lines={[listPlan(shown.plan)]} />
        </ul>
      )}
      {isEmpty ? <Choices plan={shown} /> : <Plan plan={shown} linked={linked} independent={independent} />}
    </>,
  );
  for (const list of findElements(root, ".graph, .loose-nodes")) keepTabStop(list);
  getElement("plan-detail").hidden = !open;
  if (open) drawDetail(open);
}

function describeProject({ name, identifier }: PlanProject): string {
  return `${name.slice(0, 80)} (${identifier})`;
}

/** The projects to choose from, or that there is nothing to show. */
function Choices({ plan: { project, projects } }: { plan: PlanGraphAnswer }) {
  const text = project ? "graph.empty" : projects.length > 0 ? "graph.choose" : "empty.board";
  return (
    <>
      <p class="empty">{translate(text)}</p>
      <ul class="tiles">
        {(project ? [] : projects).map((choice) => (
          <li key={choice.identifier}>
            <Button class="go" onPress={() => openPlace({ project: choice.identifier })}>
              <b>{describeProject(choice)}</b>
              <span class="muted">{translate("graph.closed", { ...choice })}</span>
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}

interface PlanProps {
  plan: PlanGraphAnswer;
  linked: LinkedTask[];
  independent: LinkedTask[];
}

/** The plan as a picture, or as a table that says the same. */
function Plan({ plan: shown, linked, independent }: PlanProps) {
  const nodes = { openId, onOpen: openDetail };
  return (
    <>
      <Forecast {...shown.forecast} />
      {isTableChosen() && <Table linked={linked} independent={independent} />}
      {!isTableChosen() && (
        <div class="plan-picture">
          {linked.length > 0 && <Graph plan={shown} tasks={linked} {...nodes} />}
          {independent.length > 0 && (
            <div class="loose">
              <h3 id="loose-head">{translate("graph.independent")}</h3>
              <NodeList headId="loose-head" tasks={independent} {...nodes} />
            </div>
          )}
        </div>
      )}
      <Notes plan={shown} />
    </>
  );
}

function Table({ linked, independent }: Omit<PlanProps, "plan">) {
  const rows = linked.map((task) => <TableRow key={task.card.id} task={task} step={String(task.layer + 1)} />);
  const others = independent.map((task) => <TableRow key={task.card.id} task={task} step="–" />);
  return (
    <div class="figures">
      <table>
        <caption class="sr">{translate("graph.label")}</caption>
        <TableHead names={TASK_HEADS.map((name) => translate(`graph.head.${name}`))} />
        <tbody>
          {rows}
          {others}
        </tbody>
      </table>
    </div>
  );
}

function Forecast({ open, ms, cost, path, earliest_ms }: PlanGraphAnswer["forecast"]) {
  const length = path.ms > 0 ? ` · ${formatDuration(path.ms)}` : "";
  const chain = path.tasks > 0 && translate("graph.fact.tasks", { n: formatCount(path.tasks) }) + length;
  const duration = earliest_ms === undefined ? "" : formatDuration(earliest_ms);
  const facts: Fact[] = [
    [translate("graph.fact.open"), formatCount(open)],
    [translate("graph.fact.path"), chain],
    [translate("graph.fact.ms"), ms !== undefined && formatDuration(ms)],
    [translate("graph.fact.earliest"), duration && translate("graph.fact.in", { duration })],
    [translate("graph.fact.cost"), cost !== undefined && formatMoney(cost)],
  ];
  return <Facts class="facts" facts={facts} />;
}

/** Says what is not shown and what the forecast rests on. */
function Notes({ plan: { left_out, unread, forecast, tasks } }: { plan: PlanGraphAnswer }) {
  const names = (["open", "finished", "dependencies"] as const).filter((name) => left_out[name] > 0);
  const parts = names.map((name) => translate(`graph.left_out.${name}`, { n: formatCount(left_out[name]) }));
  const notes = [
    tasks.length === 0 && translate("graph.none"),
    parts.length > 0 && `${translate("graph.left_out.label")} ${parts.join(", ")}.`,
    unread > 0 && translate("graph.unread", { n: formatCount(unread) }),
    forecast.ms !== undefined && translate("graph.note.basis"),
    forecast.unknown > 0 && translate("graph.note.unknown", { n: formatCount(forecast.unknown) }),
  ];
  return <div class="notes muted">{notes.map((text) => text && <p key={text}>{text}</p>)}</div>;
}

function TableRow({ task, step }: { task: LinkedTask; step: string }) {
  const { card, critical, before } = task;
  return (
    <tr data-key={card.id} data-critical={critical && "yes"}>
      <td>{step}</td>
      <th scope="row">
        <Button class="key" text={card.key} onPress={() => openDetail(task)} /> <UserText text={card.title} max={140} />
      </th>
      <td>{describeMarks(describeStatus(card), task)}</td>
      <td>{card.agent ?? card.assignees.join(", ").slice(0, 80)}</td>
      <td class="keys">{before.join(", ")}</td>
      <td>{formatWorkLeft(task)}</td>
    </tr>
  );
}

function describeMarks(first: string, { critical, cycle }: LinkedTask): string {
  const marks = [critical && translate("graph.mark.critical"), cycle && translate("graph.mark.cycle")];
  return [first, ...marks].filter(Boolean).join(" · ");
}

/** Opens the card of a task beside the graph. */
function openDetail({ card }: LinkedTask): void {
  openId = card.id;
  if (plan) drawPlan(plan);
  focusFirstVisible(findElement(getElement("plan-detail"), ".card > button"));
}

function drawDetail(task: LinkedTask): void {
  const { card, layer, before, after } = task;
  const isLinked = before.length + after.length > 0;
  const where = isLinked ? translate("graph.step", { n: layer + 1 }) : describeStatus(card);
  const facts: Fact[] = [
    [translate("detail.left"), formatWorkLeft(task)],
    [translate("detail.after"), before.join(", ")],
    [translate("detail.before"), after.join(", ")],
  ];
  getElement("plan-detail").ariaLabel = translate("detail.label", { key: card.key });
  drawPart(
    "plan-detail",
    <>
      <div class="line">
        <p class="muted">{describeMarks(where, task)}</p>
        <Button class="quiet" text="✕" label={translate("detail.close")} onPress={closeDetail} />
      </div>
      <ul>
        <Card card={card} />
      </ul>
      <Facts class="pairs" facts={facts} />
    </>,
  );
}

/** Closes the open card. */
function closeDetail(): void {
  const wasInside = getElement("plan-detail").contains(document.activeElement);
  const buttons = findElements(getElement("plan-view"), `[data-key="${CSS.escape(openId ?? "")}"] button`);
  openId = undefined;
  if (plan) drawPlan(plan);
  if (wasInside) focusFirstVisible(...buttons, getElement("plan"));
}

addEventListener("resize", () => {
  if (plan && getView() === "plan") drawPlan(plan);
});

getElement("plan").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || openId === undefined) return;
  // The page would also give up the chosen task.
  event.stopPropagation();
  closeDetail();
});
