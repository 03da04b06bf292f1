import type { Deps } from "../../../../shared/deps.ts";
import type { KeptProject } from "../../../../shared/observe/kept.ts";
import { keys } from "../../../../shared/observe/keys.ts";
import { type Crew, type CrewOptions, createCrew } from "../../../crew.ts";

export const MINUTE = 60_000;

/** A project with one item that was there before us. */
export async function known(options: CrewOptions = {}) {
  const crew = await createCrew(options);
  const thot = crew.person("Thot");
  const project = crew.project();
  const item = crew.plane.addItem(project, { name: "Guide", assignees: [crew.human] });
  crew.pass(MINUTE);
  await crew.begin();
  return { crew, plane: crew.plane, project, item, thot };
}

export async function sourceOf(crew: Crew, project: { id: string }) {
  const [kept] = await crew.store.read<KeptProject>([keys.project(project.id)]);
  if (!kept) throw new Error("the project is not kept");
  return { project: kept.value, correlation: "test", cause: "test" };
}

/** The same parts, but Plane's answers arrive only after `then`. */
export function slowly(deps: Deps, then: () => Promise<void>): Deps {
  const call: Deps["plane"]["call"] = async (endpoint, options) => {
    const answer = await deps.plane.call(endpoint, options);
    await then();
    return answer;
  };
  const pages: Deps["plane"]["pages"] = async function* (endpoint, options) {
    for await (const page of deps.plane.pages(endpoint, options)) {
      await then();
      yield page;
    }
  };
  return { ...deps, plane: { ...deps.plane, call, pages } };
}
