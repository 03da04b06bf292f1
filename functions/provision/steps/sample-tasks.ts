import { GROUNDCREW_SOURCE } from "../../../shared/observe/comments.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { PlaneConflictError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { relationsApi } from "../../../shared/plane/relations.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import type { ProvisionContext } from "../context.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { getSampleTasks, type SampleTask } from "../sample-tasks.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import { isBeforeRelations, readWorkspacePeople, requireFound } from "./plane-state.ts";
import { findFirstProject, requireProject } from "./project.ts";

type ProjectParams = { project: string };
type SampleState =
  /** No project to put tasks into, or all was done before. */
  | { kind: "idle" }
  | { kind: "over" }
  | {
      kind: "open";
      there: Awaited<ReturnType<typeof findFirstProject>>;
      /** Tasks by the sample's id. */
      found: Map<string, string>;
      related: boolean;
      /** Whether this Plane has relations. */
      relations: boolean;
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
 * Three sample tasks, once: people may change and delete them, so they are made when those they are for are there
 * (`owners`: their steps). Without relations (v1.2.x) the second waits for nothing.
 */
export function createSampleTasksStep(owners: readonly string[]): ProvisionStep {
  return createStep({
    name: "sample tasks",
    needs: ["project", "project members", ...owners],
    async look(context): Promise<SampleState> {
      const there = await findFirstProject(context);
      const found = new Map<string, string>();
      if (there.kind === "idle") return { kind: "idle" };
      if (there.kind === "coming")
        return { kind: "open", there, found, related: false, relations: !(await isBeforeRelations(context)) };
      const { client, params } = there;
      if (context.vault.notes().samples === params.project) return { kind: "over" };
      const samples = getSampleTasks(context.settings.language);
      for (const sample of samples) {
        const id = await findSampleId(client, params, sample);
        if (id) found.set(sample.id, id);
      }
      const blockedSample = samples.find(({ after }) => after);
      const item = blockedSample && found.get(blockedSample.id);
      const isCapable = !(await isBeforeRelations(context));
      const related =
        isCapable && item ? await isRelated(client, { ...params, item }, found.get(blockedSample.after ?? "")) : false;
      return { kind: "open", there, found, related: related === true, relations: isCapable && related !== undefined };
    },
    decide(state, { language }): { actions: SampleAction[]; note?: string } {
      if (state.kind === "idle") return { actions: [], note: "no project to put any into" };
      if (state.kind === "over") return { actions: [], note: "made before; people may change and delete them" };
      const samples = getSampleTasks(language);
      const taskActions = samples
        .filter(({ id }) => !state.found.has(id))
        .map((sample) => ({ is: "created" as const, detail: sample.title, do: "task" as const, sample }));
      const blockedSamples = samples.flatMap((sample) =>
        state.relations && sample.after && !state.related ? [{ sample, blocker: sample.after }] : [],
      );
      const related = blockedSamples.map(({ sample, blocker }) => {
        const titles = `${sample.title} waits for ${samples.find(({ id }) => id === blocker)?.title}`;
        return { is: "created" as const, detail: titles, do: "relation" as const, sample, blocker };
      });
      const noteAction = { is: "changed" as const, detail: "remember that they were made", do: "note" as const };
      const note = "without the dependency: this version of Plane has no relations (v1.3.0 brought them)";
      return {
        actions: [...taskActions, ...related, noteAction],
        ...omitUndefined({ note: !state.relations ? note : undefined }),
      };
    },
    async act(context, action, state) {
      if (state.kind !== "open") return;
      const { client, params } = requireProject(state.there);
      if (action.do === "note") return context.vault.note(() => ({ samples: params.project }));
      const { sample } = action;
      if (action.do === "task") {
        state.found.set(sample.id, await createSampleTask(context, client, params, sample));
        return;
      }
      const item = requireFound(state.found.get(sample.id), sample.title);
      const json = {
        relation_type: "blocked_by",
        issues: [requireFound(state.found.get(action.blocker), "Its blocker")],
      };
      await client
        .call(ignoreResponse(relationsApi.create), { params: { ...params, item }, json })
        .catch(ignoreMissingRoute);
    },
  });
}

/** Answers the new task's id, or that of the one an earlier run has made. */
async function createSampleTask(
  context: ProvisionContext,
  client: PlaneClient,
  params: ProjectParams,
  sample: SampleTask,
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
    description_html: sample.description,
    assignees: member ? [member.id] : [],
    ...toExternalId(sample),
  };
  try {
    return (await client.call(workItemsApi.create, { params, json })).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
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

/** Undefined where this Plane has no relations, whatever its version says. */
async function isRelated(client: PlaneClient, params: ProjectParams & { item: string }, blocker: string | undefined) {
  const listed = await client.call(relationsApi.list, { params }).catch(ignoreMissingRoute);
  return listed?.data.blocked_by.some(({ issue_id }) => issue_id === blocker);
}

function ignoreMissingRoute(thrown: unknown): undefined {
  if (!(thrown instanceof PlaneNotFoundError && thrown.noRoute)) throw thrown;
}
