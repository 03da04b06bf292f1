/**
 * Steps about samples: the removal of the project that Plane adds to a new workspace, if nobody has changed it, and
 * the three sample tasks, which are created only once.
 */

import { z } from "zod";
import { formatTemplate } from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { escapeHtml } from "../../../shared/markdown/plain-text.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import {
  createPageSchema,
  GROUNDCREW_SOURCE,
  type PlaneClient,
  planeIdSchema,
  readList,
} from "../../../shared/plane/endpoint.ts";
import { createOnce, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { membersApi, projectsApi, statesApi } from "../../../shared/plane/projects.ts";
import { commentsApi, relationsApi, workItemsApi } from "../../../shared/plane/work-items.ts";
import {
  findOwnClient,
  findOwnWorkspace,
  getInstance,
  getOwnClient,
  getOwnWorkspace,
  type ProvisionContext,
  readWorkspacePeople,
  requireFound,
  sendChange,
} from "../context.ts";
import { createStepRefusal, isVersionBeforeRelations } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep } from "../step.ts";
import { createProjectStep, type FirstProject } from "./project.ts";
import { type ApiKeySpec, createApiToken, deleteOldTokens } from "./tokens.ts";

/** The sample tasks in their order; the second is blocked by the first. */
const SAMPLES = ["hello", "report", "look"] as const;

type SampleName = (typeof SAMPLES)[number];

const PROJECT_ADMIN = 20;

/** What tells Plane's own sample project from others; a version of Plane without these fields has none to remove. */
const candidateSchema = z.object({
  id: planeIdSchema,
  workspace: planeIdSchema,
  name: z.string(),
  identifier: z.string(),
  description: z.string().nullable(),
  archived_at: z.string().nullable(),
  member_role: z.int().nullable(),
  total_members: z.int().optional(),
  total_cycles: z.int().optional(),
  total_modules: z.int().optional(),
  external_id: z.string().nullable(),
  created_by: planeIdSchema.nullable(),
  updated_by: planeIdSchema.nullable().optional(),
});

type SampleProject = z.output<typeof candidateSchema>;

const candidatesEndpoint = { ...projectsApi.list, answer: createPageSchema(candidateSchema) };

/** Beginning of the description (Plane v1.2 and v1.3). */
const SAMPLE_DESCRIPTION = "Welcome to the Plane Demo Project!";

/** Entry of provision's notes with the id of the temporary key, so that an interrupted run leaves no key behind. */
const TEMPORARY_KEY = "SAMPLE_PROJECT";

const formatLabel = ({ name, identifier }: SampleProject) => `${name} (${identifier})`;

const someone = planeIdSchema.nullable();

const itemSchema = z.object({ id: planeIdSchema, created_by: someone, updated_by: someone });

const itemsEndpoint = { ...workItemsApi.list, answer: createPageSchema(itemSchema) };

/** Limit of items that are examined: 50. Plane creates fewer, so a project with more has been used. */
const MAX_ITEMS = 50;

/**
 * Removes the sample project that Plane adds to every new workspace, if a person has chosen that and nobody has changed
 * it.
 */
export const sampleProjectStep = createStep("plane's sample project", ["groundcrew's API key"], async (context) => {
  const key = { name: TEMPORARY_KEY, email: context.settings.admin.email, label: "groundcrew sample project" };
  const cleanUp =
    context.vault.getTokenEntries(TEMPORARY_KEY).length > 0 &&
    change("delete the temporary API key of an interrupted run", async () =>
      deleteOldTokens(context, (await getOwnWorkspace(context)).session, key, []),
    );
  const found = await findRemovableSample(context);
  if (!found) return [cleanUp, "none, or people have changed it"];
  const { label, sample } = found;
  if (!context.removeSampleProject) return [cleanUp, `${label}: left unchanged; --remove-sample-project removes it`];
  const removal = change(`remove ${label}, if nobody has changed it`, async () => {
    const { session } = await getOwnWorkspace(context);
    const present = requireFound(sample, "Plane's sample project");
    if (present.member_role === PROJECT_ADMIN) return removeSample(await getOwnClient(context), present);
    // Only members can read and delete the project: of the accounts here, the one that created the workspace.
    await withTemporaryKey(context, session, key, (client) => removeSample(client, present));
  });
  return [cleanUp, removal];
});

/** What may be removed: the sample project found, or the one that Plane adds to a workspace yet to be created. */
export async function findRemovableSample(
  context: ProvisionContext,
): Promise<{ label: string; sample?: SampleProject } | undefined> {
  if (!(await findOwnWorkspace(context))) return { label: "the one that Plane adds to a new workspace" };
  const client = await findOwnClient(context);
  const sample = client && (await context.readOnce("sample project", () => findSampleProject(client)));
  return sample && { label: formatLabel(sample), sample };
}

/**
 * Finds the sample project that Plane's own bot creates in every new workspace. Undefined when there is none, or when
 * people have changed what the list of projects shows of it.
 */
export async function findSampleProject(client: PlaneClient): Promise<SampleProject | undefined> {
  const candidates = (await readList(client, candidatesEndpoint)).rows.filter(looksLikeSample);
  if (candidates.length === 0) return undefined;
  const { data: members } = await client.call(membersApi.list);
  return candidates.find(({ created_by, workspace }) =>
    members.some(({ id, email }) => id === created_by && email?.startsWith(`bot_user_${workspace}@`)),
  );
}

function looksLikeSample(project: SampleProject): boolean {
  const { description, archived_at, external_id, updated_by, created_by } = project;
  const { total_members, total_cycles, total_modules } = project;
  const isAsCreated = archived_at === null && external_id === null && (updated_by ?? created_by) === created_by;
  // Plane creates two cycles and three modules in it, and its only member is the creator of the workspace.
  const hasOwnContent = total_members === 1 && total_cycles === 2 && total_modules === 3;
  return isAsCreated && hasOwnContent && (description ?? "").startsWith(SAMPLE_DESCRIPTION);
}

async function withTemporaryKey(
  context: ProvisionContext,
  session: Parameters<typeof createApiToken>[1],
  key: ApiKeySpec,
  use: (client: PlaneClient) => Promise<void>,
) {
  // Recorded before the key exists, so that the next run deletes it even if this one ends before it knows its id.
  await context.vault.storeTokenEntries(key.name, [{ id: "", hash: "" }]);
  try {
    await use(await context.getClient(await createApiToken(context, session, key)));
  } finally {
    await deleteOldTokens(context, session, key, []);
  }
}

async function removeSample(client: PlaneClient, sample: SampleProject) {
  if (!(await isUntouched(client, sample)))
    throw createStepRefusal(
      `${formatLabel(sample)} was not removed: people have added or changed work items or comments. Delete it in Plane, or run the same command with --keep-sample-project.`,
    );
  const endpoint = { ...projectsApi.get, operation: "projects_delete", method: "DELETE" } as const;
  await sendChange(client, endpoint, { params: { project: sample.id } });
}

/** Whether everything in the project is by Plane's bot: no item or comment is by a person, and none was edited. */
async function isUntouched(client: PlaneClient, { id: project, created_by: bot }: SampleProject): Promise<boolean> {
  const isBot = (user: string | null) => user === null || user === bot;
  const items: string[] = [];
  for await (const { data } of client.pages(itemsEndpoint, { params: { project } })) {
    if (data.results.some((item) => item.created_by !== bot || !isBot(item.updated_by))) return false;
    items.push(...data.results.map((item) => item.id));
    if (items.length > MAX_ITEMS) return false;
  }
  for (const item of items) {
    for await (const { data } of client.pages(commentsApi.list, { params: { project, item } }))
      if (data.results.some(({ actor, created_by }) => !isBot(actor) || !isBot(created_by))) return false;
  }
  return true;
}

/**
 * Creates three sample tasks, only once, because people may change and delete them. For the same reason the step waits
 * for the accounts of their owners (`owners` are the names of those steps). On v1.2.x, whose API has no relations, a
 * line in the description of the second task names its blocker.
 */
export function createSampleTasksStep(owners: readonly string[]): ProvisionStep {
  return createProjectStep("sample tasks", ["project members", ...owners], async (context, project) => {
    const { settings, vault } = context;
    if (project && vault.getNotes().samples === project.params.project)
      return "created by an earlier run; people may change and delete them";
    const texts = getTexts("auto", settings.language);
    const ids = project ? await findSamples(project) : new Map<SampleName, string>();
    const isBlocked = await readRelation(context, project, ids);
    const tasks = SAMPLES.filter((name) => !ids.has(name)).map((name) =>
      create(texts.sampleTasks[name].title, async () => {
        const target = requireFound(project, "The project");
        const keys = name === "report" && isBlocked === undefined ? await readBlockerKey(target, ids) : undefined;
        const line = keys === undefined ? "" : `<p>${formatTemplate(texts.comments.blockedBy, { keys })}</p>`;
        ids.set(name, await createSample(context, target, name, line));
      }),
    );
    const { hello, report } = texts.sampleTasks;
    return [
      ...tasks,
      isBlocked === false && create(`${report.title} is blocked by ${hello.title}`, () => blockReport(project, ids)),
      change("record that they were created", () => vault.updateNotes({ samples: project?.params.project })),
      isBlocked === undefined
        ? 'the dependency is a line "Blocked by: …" in the description: the API of this version of Plane has no relations (v1.3.0 introduced them)'
        : undefined,
    ];
  });
}

async function findSamples({ client, params }: FirstProject): Promise<Map<SampleName, string>> {
  const ids = new Map<SampleName, string>();
  for (const name of SAMPLES)
    try {
      ids.set(name, (await client.call(workItemsApi.byExternalId, { params, query: toExternalId(name) })).data.id);
    } catch (thrown) {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    }
  return ids;
}

const toExternalId = (name: SampleName) => ({
  external_source: GROUNDCREW_SOURCE,
  external_id: `provision:sample-${name}`,
});

/** Whether the first sample blocks the second; undefined when Plane has no relations, whatever version it reports. */
async function readRelation(
  context: ProvisionContext,
  project: FirstProject | undefined,
  ids: ReadonlyMap<SampleName, string>,
): Promise<boolean | undefined> {
  if (isVersionBeforeRelations((await getInstance(context)).current_version)) return undefined;
  const item = ids.get("report");
  if (!project || item === undefined) return false;
  const { client, params } = project;
  const relations = await client.call(relationsApi.list, { params: { ...params, item } }).catch(ignoreMissingRoute);
  return relations?.data.blocked_by.some(({ issue_id }) => issue_id === ids.get("hello"));
}

async function blockReport(project: FirstProject | undefined, ids: ReadonlyMap<SampleName, string>) {
  const { client, params } = requireFound(project, "The project");
  const item = requireFound(ids.get("report"), "The blocked sample task");
  const blocker = requireFound(ids.get("hello"), "The blocking sample task");
  const options = { params: { ...params, item }, json: { relation_type: "blocked_by", issues: [blocker] } };
  await sendChange(client, relationsApi.create, options).catch(ignoreMissingRoute);
}

function ignoreMissingRoute(thrown: unknown): undefined {
  if (!(thrown instanceof PlaneNotFoundError && thrown.noRoute)) throw thrown;
}

/** The key of the first sample as HTML, for the line that blocks the second where Plane's API has no relations. */
async function readBlockerKey({ client, params }: FirstProject, ids: ReadonlyMap<SampleName, string>) {
  const item = requireFound(ids.get("hello"), "The blocking sample task");
  const { sequence_id } = (await client.call(workItemsApi.get, { params: { ...params, item } })).data;
  const { identifier } = (await client.call(projectsApi.get, { params })).data;
  return escapeHtml(`${identifier}-${sequence_id}`);
}

/** Returns the new task's id, or the id of the task that an earlier run created. */
async function createSample(
  context: ProvisionContext,
  { client, params }: FirstProject,
  name: SampleName,
  blockerLine: string,
): Promise<string> {
  const { agents, human, language } = context.settings;
  const workers = agents.filter(({ role }) => role !== "concierge");
  const owner = { hello: workers[0], report: workers[1] ?? workers[0], look: human }[name]?.email.toLowerCase();
  const member = (await readWorkspacePeople(context)).members.find(({ email }) => email === owner);
  const { title, text } = getTexts("auto", language).sampleTasks[name];
  // Plane's default state is in the group Backlog, for which no agent is woken.
  const { rows: states } = await readList(client, statesApi.list, { params });
  const [first] = states.filter(({ group }) => group === "unstarted").sort((a, b) => a.sequence - b.sequence);
  const json = {
    name: title,
    description_html: `<p>${text}</p>${blockerLine}`,
    assignees: member ? [member.id] : [],
    ...omitUndefined({ state: first?.id }),
    ...toExternalId(name),
  };
  return createOnce(() => client.call(workItemsApi.create, { params, json }));
}
