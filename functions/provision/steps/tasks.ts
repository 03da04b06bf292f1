import { OUR_SOURCE } from "../../../shared/observe/comments.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { PlaneConflictError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { relations } from "../../../shared/plane/relations.ts";
import { workItems } from "../../../shared/plane/work-items.ts";
import type { Context } from "../context.ts";
import { type Sample, samplesIn } from "../samples.ts";
import { type Step, step } from "../step.ts";
import { unread } from "../unread.ts";
import { ourProject, thereOf } from "./project.ts";
import { isOld, needed, people } from "./reading.ts";

type Params = { project: string };
type Seen =
  /** No project to put tasks into, or all was done before. */
  | { kind: "idle" }
  | { kind: "over" }
  | {
      kind: "open";
      there: Awaited<ReturnType<typeof ourProject>>;
      /** Tasks by the sample's id. */
      found: Map<string, string>;
      related: boolean;
      /** Whether this Plane has relations. */
      relations: boolean;
    };
type Action =
  | { is: "created"; detail: string; do: "task"; sample: Sample }
  | { is: "created"; detail: string; do: "relation"; sample: Sample; blocker: string }
  | { is: "changed"; detail: string; do: "note" };

const external = ({ id }: Sample) => ({ external_source: OUR_SOURCE, external_id: `provision:sample-${id}` });

/**
 * Three sample tasks, once: people may change and delete them, so they are made when those they are for are there
 * (`owners`: their steps). Without relations (v1.2.x) the second waits for nothing.
 */
export function tasks(owners: readonly string[]): Step {
  return step({
    name: "sample tasks",
    needs: ["project", "project members", ...owners],
    async look(context): Promise<Seen> {
      const there = await ourProject(context);
      const found = new Map<string, string>();
      if (there.kind === "idle") return { kind: "idle" };
      if (there.kind === "coming")
        return { kind: "open", there, found, related: false, relations: !(await isOld(context)) };
      const { client, params } = there;
      if (context.vault.notes().samples === params.project) return { kind: "over" };
      const samples = samplesIn(context.settings.language);
      for (const sample of samples) {
        const id = await idOf(client, params, sample);
        if (id) found.set(sample.id, id);
      }
      const waits = samples.find(({ after }) => after);
      const item = waits && found.get(waits.id);
      const isCapable = !(await isOld(context));
      const related =
        isCapable && item ? await isRelated(client, { ...params, item }, found.get(waits.after ?? "")) : false;
      return { kind: "open", there, found, related: related === true, relations: isCapable && related !== undefined };
    },
    decide(seen, { language }): { actions: Action[]; note?: string } {
      if (seen.kind === "idle") return { actions: [], note: "no project to put any into" };
      if (seen.kind === "over") return { actions: [], note: "made before; people may change and delete them" };
      const samples = samplesIn(language);
      const made = samples
        .filter(({ id }) => !seen.found.has(id))
        .map((sample) => ({ is: "created" as const, detail: sample.title, do: "task" as const, sample }));
      const waiting = samples.flatMap((sample) =>
        sample.after && !seen.related ? [{ sample, blocker: sample.after }] : [],
      );
      const related = waiting.map(({ sample, blocker }) => {
        const titles = `${sample.title} waits for ${samples.find(({ id }) => id === blocker)?.title}`;
        return { is: "created" as const, detail: titles, do: "relation" as const, sample, blocker };
      });
      const done = { is: "changed" as const, detail: "remember that they were made", do: "note" as const };
      const note = "without the dependency: this version of Plane has no relations (v1.3.0 brought them)";
      return { actions: [...made, ...(seen.relations ? related : []), done], ...(!seen.relations && { note }) };
    },
    async act(context, action, seen) {
      if (seen.kind !== "open") return;
      const { client, params } = thereOf(seen.there);
      if (action.do === "note") return context.vault.note(() => ({ samples: params.project }));
      const { sample } = action;
      if (action.do === "task") {
        seen.found.set(sample.id, await make(context, client, params, sample));
        return;
      }
      const item = needed(seen.found.get(sample.id), sample.title);
      const json = { relation_type: "blocked_by", issues: [needed(seen.found.get(action.blocker), "Its blocker")] };
      await client.call(unread(relations.create), { params: { ...params, item }, json }).catch(unlessNoRoute);
    },
  });
}

/** Answers the new task's id, or that of the one an earlier run has made. */
async function make(context: Context, client: PlaneClient, params: Params, sample: Sample): Promise<string> {
  const { agents, human } = context.settings;
  const workers = agents.filter(({ role }) => role !== "concierge");
  const owner = {
    "first worker": workers[0]?.email,
    "second worker": (workers[1] ?? workers[0])?.email,
    human: human.email,
  }[sample.owner];
  const member = (await people(context)).members.find(({ email }) => email === owner?.toLowerCase());
  const json = {
    name: sample.title,
    description_html: sample.description,
    assignees: member ? [member.id] : [],
    ...external(sample),
  };
  try {
    return (await client.call(workItems.create, { params, json })).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}

async function idOf(client: PlaneClient, params: Params, sample: Sample): Promise<string | undefined> {
  try {
    return (await client.call(workItems.byExternalId, { params, query: external(sample) })).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Undefined where this Plane has no relations, whatever its version says. */
async function isRelated(client: PlaneClient, params: Params & { item: string }, other: string | undefined) {
  const listed = await client.call(relations.list, { params }).catch(unlessNoRoute);
  return listed?.data.blocked_by.some(({ issue_id }) => issue_id === other);
}

function unlessNoRoute(thrown: unknown): undefined {
  if (!(thrown instanceof PlaneNotFoundError && thrown.noRoute)) throw thrown;
}
