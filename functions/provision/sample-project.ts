import { z } from "zod";
import type { PlaneClient } from "../../shared/plane/client.ts";
import { commentsApi } from "../../shared/plane/comments.ts";
import { projectsApi } from "../../shared/plane/projects.ts";
import { createPageSchema, planeIdSchema } from "../../shared/plane/schema.ts";
import { membersApi } from "../../shared/plane/users-members.ts";
import { workItemsApi } from "../../shared/plane/work-items.ts";

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
export type SampleProject = z.output<typeof candidateSchema>;

const candidatesEndpoint = { ...projectsApi.list, answer: createPageSchema(candidateSchema) };
const itemsEndpoint = {
  ...workItemsApi.list,
  answer: createPageSchema(
    z.object({ id: planeIdSchema, created_by: planeIdSchema.nullable(), updated_by: planeIdSchema.nullable() }),
  ),
};

/** Beginning of the description (Plane v1.2 and v1.3). */
const SAMPLE_DESCRIPTION = "Welcome to the Plane Demo Project!";
/** Plane creates two cycles and three modules in it, and its only member is the creator of the workspace. */
const SAMPLE_CONTENT = { total_members: 1, total_cycles: 2, total_modules: 3 } as const;
/** Limit of items that are examined: 50. Plane creates fewer, so a project with more has been used. */
const MAX_ITEMS = 50;

/**
 * Finds the sample project that Plane's own bot creates in every new workspace. Undefined when there is none, or when
 * people have changed what the list of projects shows of it.
 */
export async function findSampleProject(client: PlaneClient): Promise<SampleProject | undefined> {
  const candidates: SampleProject[] = [];
  for await (const { data } of client.pages(candidatesEndpoint))
    candidates.push(...data.results.filter(looksLikeSample));
  if (candidates.length === 0) return undefined;
  const { data: members } = await client.call(membersApi.list);
  return candidates.find(({ created_by, workspace }) =>
    members.some(({ id, email }) => id === created_by && email?.startsWith(`bot_user_${workspace}@`)),
  );
}

function looksLikeSample(project: SampleProject): boolean {
  const { description, archived_at, external_id, updated_by = null, created_by } = project;
  return (
    (description ?? "").startsWith(SAMPLE_DESCRIPTION) &&
    archived_at === null &&
    external_id === null &&
    (updated_by === null || updated_by === created_by) &&
    project.total_members === SAMPLE_CONTENT.total_members &&
    project.total_cycles === SAMPLE_CONTENT.total_cycles &&
    project.total_modules === SAMPLE_CONTENT.total_modules
  );
}

/** Whether everything in the project is by Plane's bot: no item or comment is by a person, and none was edited. */
export async function isUntouched(
  client: PlaneClient,
  { id: project, created_by: bot }: SampleProject,
): Promise<boolean> {
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
