import { formatTemplate } from "../../../shared/i18n/template.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import { escapeHtml } from "../../../shared/markdown/escape-html.ts";
import { GROUNDCREW_SOURCE } from "../../../shared/observe/comments.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { PlaneConflictError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { relationsApi } from "../../../shared/plane/relations.ts";
import { statesApi } from "../../../shared/plane/states-labels.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import type { ProvisionContext } from "../context.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { getSampleTasks, type SampleTask } from "../sample-tasks.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import { isBeforeRelations, readWorkspacePeople, requireFound } from "./plane-state.ts";
import { findFirstProject, requireProject } from "./project.ts";

type ProjectParams = { project: string };
type SampleState =
  /** There is no project for the tasks. */
  | { kind: "no project" }
  /** An earlier run created them all. */
  | { kind: "complete" }
  | {
      kind: "open";
      project: Awaited<ReturnType<typeof findFirstProject>>;
      /** Ids of the existing tasks in Plane, by the id of the sample. */
      found: Map<string, string>;
      /** Whether the second task is already blocked by the first. */
      isRelated: boolean;
      /** Whether this version of Plane supports relations. */
      hasRelations: boolean;
    };
type SampleAction =
  | { is: "created"; detail: string; do: "task"; sample: SampleTask }
  | { is: "created"; detail: string; do: "relation"; sample: SampleTask; blocker: string }
  | { is: "changed"; detail: string; do: "note" };

const toExternalId = ({ id }: SampleTask) => ({
  external_source: GROUNDCREW_SOURCE,
  external_id: `provision:sample-${id}`,
});

/**
 * Creates three sample tasks, only once, because people may change and delete them. For the same reason the step waits
 * for the accounts of their owners (`owners` are the names of those steps). On v1.2.x, whose API has no relations, a
 * line in the description of the second task names its blocker.
 */
export function createSampleTasksStep(owners: readonly string[]): ProvisionStep {
  return createStep({
    name: "sample tasks",
    needs: ["project", "project members", ...owners],
    async readState(context): Promise<SampleState> {
      const project = await findFirstProject(context);
      const found = new Map<string, string>();
      if (project.kind === "unused") return { kind: "no project" };
      if (project.kind === "pending")
        return { kind: "open", project, found, isRelated: false, hasRelations: !(await isBeforeRelations(context)) };
      const { client, params } = project;
      if (context.vault.getNotes().samples === params.project) return { kind: "complete" };
      const samples = getSampleTasks(context.settings.language);
      for (const sample of samples) {
        const id = await findSampleId(client, params, sample);
        if (id) found.set(sample.id, id);
      }
      const blockedSample = samples.find(({ after }) => after);
      const item = blockedSample && found.get(blockedSample.id);
      const isCapable = !(await isBeforeRelations(context));
      const related =
        isCapable && item
          ? await isBlockedBy(client, { ...params, item }, found.get(blockedSample.after ?? ""))
          : false;
      return {
        kind: "open",
        project,
        found,
        isRelated: related === true,
        hasRelations: isCapable && related !== undefined,
      };
    },
    decide(state, { language }): { actions: SampleAction[]; note?: string } {
      if (state.kind === "no project") return { actions: [], note: "no project to create them in" };
      if (state.kind === "complete")
        return { actions: [], note: "created by an earlier run; people may change and delete them" };
      const samples = getSampleTasks(language);
      const taskActions = samples
        .filter(({ id }) => !state.found.has(id))
        .map((sample) => ({ is: "created" as const, detail: sample.title, do: "task" as const, sample }));
      const blockedSamples = samples.flatMap((sample) =>
        state.hasRelations && sample.after && !state.isRelated ? [{ sample, blocker: sample.after }] : [],
      );
      const relationActions = blockedSamples.map(({ sample, blocker }) => {
        const detail = `${sample.title} is blocked by ${samples.find(({ id }) => id === blocker)?.title}`;
        return { is: "created" as const, detail, do: "relation" as const, sample, blocker };
      });
      const noteAction = { is: "changed" as const, detail: "record that they were created", do: "note" as const };
      const note =
        'the dependency is a line "Blocked by: …" in the description: the API of this version of Plane has no relations (v1.3.0 introduced them)';
      return {
        actions: [...taskActions, ...relationActions, noteAction],
        ...omitUndefined({ note: !state.hasRelations ? note : undefined }),
      };
    },
    async applyAction(context, action, state) {
      if (state.kind !== "open") return;
      const { client, params } = requireProject(state.project);
      if (action.do === "note") return context.vault.updateNotes(() => ({ samples: params.project }));
      const { sample } = action;
      if (action.do === "task") {
        const line = state.hasRelations
          ? ""
          : await renderBlockerLine(client, params, state.found.get(sample.after ?? ""), context.settings.language);
        state.found.set(sample.id, await createSampleTask(context, client, params, sample, line));
        return;
      }
      const item = requireFound(state.found.get(sample.id), sample.title);
      const json = {
        relation_type: "blocked_by",
        issues: [requireFound(state.found.get(action.blocker), "The blocking sample task")],
      };
      await client
        .call(ignoreResponse(relationsApi.create), { params: { ...params, item }, json })
        .catch(ignoreMissingRoute);
    },
  });
}

/** The line that blocks a task where Plane's API has no relations; "" without a blocker. */
async function renderBlockerLine(
  client: PlaneClient,
  params: ProjectParams,
  blocker: string | undefined,
  language: string,
): Promise<string> {
  if (blocker === undefined) return "";
  const { sequence_id } = (await client.call(workItemsApi.get, { params: { ...params, item: blocker } })).data;
  const { identifier } = (await client.call(projectsApi.get, { params })).data;
  const keys = escapeHtml(`${identifier}-${sequence_id}`);
  return `<p>${formatTemplate(getTexts("auto", language).comments.blockedBy, { keys })}</p>`;
}

/** Returns the new task's id, or the id of the task that an earlier run created. */
async function createSampleTask(
  context: ProvisionContext,
  client: PlaneClient,
  params: ProjectParams,
  sample: SampleTask,
  blockerLine: string,
): Promise<string> {
  const { agents, human } = context.settings;
  const workers = agents.filter(({ role }) => role !== "concierge");
  const owner = {
    "first worker": workers[0]?.email,
    "second worker": (workers[1] ?? workers[0])?.email,
    human: human.email,
  }[sample.owner];
  const member = (await readWorkspacePeople(context)).members.find(({ email }) => email === owner?.toLowerCase());
  const json = {
    name: sample.title,
    description_html: `${sample.description}${blockerLine}`,
    assignees: member ? [member.id] : [],
    ...omitUndefined({ state: await findUnstartedState(client, params) }),
    ...toExternalId(sample),
  };
  try {
    return (await client.call(workItemsApi.create, { params, json })).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}

/** The first state of the group Unstarted: Plane's default is Backlog, for which no agent is woken. */
async function findUnstartedState(client: PlaneClient, params: ProjectParams): Promise<string | undefined> {
  for await (const { data } of client.pages(statesApi.list, { params })) {
    const unstarted = data.results.filter(({ group }) => group === "unstarted");
    const [first] = unstarted.sort((a, b) => a.sequence - b.sequence);
    if (first) return first.id;
  }
  return undefined;
}

async function findSampleId(
  client: PlaneClient,
  params: ProjectParams,
  sample: SampleTask,
): Promise<string | undefined> {
  try {
    return (await client.call(workItemsApi.byExternalId, { params, query: toExternalId(sample) })).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Whether `blocker` blocks the item; undefined when Plane has no route for relations, whatever version it reports. */
async function isBlockedBy(client: PlaneClient, params: ProjectParams & { item: string }, blocker: string | undefined) {
  const relations = await client.call(relationsApi.list, { params }).catch(ignoreMissingRoute);
  return relations?.data.blocked_by.some(({ issue_id }) => issue_id === blocker);
}

function ignoreMissingRoute(thrown: unknown): undefined {
  if (!(thrown instanceof PlaneNotFoundError && thrown.noRoute)) throw thrown;
}
