import { cleanedText } from "../clean.ts";
import { sha256Hex } from "../digest.ts";
import { GroundcrewError } from "../errors.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { projectsJob } from "../observe/jobs.ts";
import type { KeptProject } from "../observe/kept.ts";
import { keys } from "../observe/keys.ts";
import { personByEmail } from "../observe/names.ts";
import { readProjects } from "../observe/projects.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { type Project, projects } from "../plane/projects.ts";
import type { Acting } from "./acting.ts";
import { alone } from "./alone.ts";
import { workKeys } from "./keys.ts";
import { ADMIN, letIn, ourselves } from "./people.ts";
import { identifierFor, nameProblem, plainName } from "./project-name.ts";
import { addStates } from "./project-states.ts";

export interface NewProject {
  name: string;
  description?: string | undefined;
  /** At most 12 letters and digits, the `ONB` of `ONB-12`; absent: made from the name. */
  identifier?: string | undefined;
}

/** Plane may have more projects than we see: so often another identifier is tried. */
const TRIES = 5;

/**
 * Makes a project as the caller: states (Blocked too), cycles and modules switched on, all agents and Groundcrew itself
 * as members; from then on it is followed. Called again, cut off or not, it is the same project. Throws `bad_request`
 * for a name Plane does not take, `conflict` for one that somebody else's project has.
 */
export async function createProject(acting: Acting, given: NewProject): Promise<KeptProject> {
  const name = plainName(given.name);
  const wrong = nameProblem(name) ?? identifierProblem(acting, given.identifier);
  if (wrong) throw new GroundcrewError("bad_request", wrong);
  return alone(acting, `project:${name.toLowerCase()}`, async (renew) => {
    const { deps, main, correlation } = acting;
    const making = await makingOf(name);
    const project = await findOrMake(acting, { ...given, name }, making);
    await renew();
    await setUp(acting, project);
    await renew();
    const queued = await deps.store.now();
    await readProjects({ ...deps, plane: main }, correlation);
    const [kept] = await deps.store.read<KeptProject>([keys.project(project.id)]);
    if (!kept) throw new GroundcrewError("internal", `The project ${name} was made, but Plane does not list it.`);
    const cause = `made:${project.id}:${correlation}`;
    await deps.store.commit({
      put: [{ key: workKeys.making(making), value: undefined }],
      jobs: [projectsJob({ correlation, cause }, queued)],
    });
    deps.kick();
    return kept.value;
  });
}

/** Whether a project of this name was begun and not finished: making it again finishes it. */
export async function isHalfMade({ deps }: Acting, name: string): Promise<boolean> {
  const [kept] = await deps.store.read([workKeys.making(await makingOf(plainName(name)))]);
  return kept !== undefined;
}

/** Why a project cannot have this identifier, for people; undefined when it can, or when one is to be made. */
export function identifierProblem({ deps }: Acting, identifier: string | undefined): string | undefined {
  const followed = deps.settings.plane?.projects ?? [];
  const isFollowed = followed.some((other) => other.toUpperCase() === identifier?.trim().toUpperCase());
  if (followed.length > 0 && !isFollowed)
    return `Groundcrew follows only ${followed.join(", ")} (PLANE_PROJECTS): give one of these as identifier, or a person must add the new one there first.`;
  if (identifier === undefined || /^[A-Z0-9]{1,12}$/i.test(identifier.trim())) return undefined;
  return `"${identifier.slice(0, 40)}" is no identifier: it has 1 to 12 letters A to Z and digits, such as ONB.`;
}

async function findOrMake(acting: Acting, given: NewProject & { name: string }, making: string): Promise<Project> {
  for (let tries = 1; ; tries += 1) {
    const listed = await listProjects(acting);
    const found = listed.find((project) => project.name === given.name);
    if (found) return mustBeOurs(acting, found, making);
    const taken = new Set(listed.map((project) => project.identifier));
    const identifier = given.identifier?.trim().toUpperCase() ?? identifierFor(given.name, taken, tries);
    try {
      return await make(acting, given, identifier, making);
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
      const another = /identifier/.test(thrown.message) && given.identifier === undefined;
      const seen = (await listProjects(acting)).find((project) => project.name === given.name);
      if (seen) return mustBeOurs(acting, seen, making);
      if (another && tries < TRIES) continue;
      const what = /identifier/.test(thrown.message) ? `identifier ${identifier}` : `name "${given.name}"`;
      throw new GroundcrewError("conflict", `Another project in Plane has the ${what}: choose another one.`, {
        cause: thrown,
      });
    }
  }
}

async function make(
  { deps, plane }: Acting,
  { name, description = "" }: NewProject,
  identifier: string,
  making: string,
): Promise<Project> {
  await deps.store.commit({ put: [{ key: workKeys.making(making), value: { name } }] });
  const features = { cycle_view: true, module_view: true };
  const ours = { external_source: OUR_SOURCE, external_id: `project:${making}` };
  const text = cleanedText(description, Number.POSITIVE_INFINITY);
  const json = { name, identifier, description: text, ...features, ...ours };
  return (await plane.call(projects.create, { json })).data;
}

/** Everything a project needs, each only where it is missing. */
async function setUp(acting: Acting, project: Project): Promise<void> {
  const { deps, plane, main } = acting;
  const params = { project: project.id };
  if (!project.cycle_view || !project.module_view)
    await plane.call(projects.update, { params, json: { cycle_view: true, module_view: true } });
  await letIn(acting, project, [await ourselves(acting)], { anew: true, role: ADMIN, by: plane });
  const agents = await Promise.all(
    deps.settings.agents.map(({ email }) => personByEmail({ ...deps, plane: main }, email)),
  );
  await letIn(
    acting,
    project,
    agents.filter((id) => id !== undefined),
  );
  await addStates(acting, project.id);
}

async function mustBeOurs({ deps }: Acting, project: Project, making: string): Promise<Project> {
  const { name, identifier } = project;
  const ours = project.external_source === OUR_SOURCE && project.external_id === `project:${making}`;
  if (ours && project.archived_at === null) return project;
  // Nothing of ours is half made under this name: from now on it names that project.
  if (!ours) await deps.store.commit({ put: [{ key: workKeys.making(making), value: undefined }] });
  throw new GroundcrewError(
    "conflict",
    project.archived_at === null
      ? `There is a project "${name}" (${identifier}) that was not made here: use it as it is, or choose another name.`
      : `There is a project "${name}" (${identifier}) in Plane's archive: a person must restore it, or choose another name.`,
  );
}

async function listProjects({ main }: Acting): Promise<Project[]> {
  const listed: Project[] = [];
  for await (const { data } of main.pages(projects.list, {})) listed.push(...data.results);
  return listed;
}

async function makingOf(name: string): Promise<string> {
  return (await sha256Hex(name)).slice(0, 32);
}
