import type { Deps } from "../../../../shared/app/deps.ts";
import type { ProjectRecord } from "../../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createTestApp, type TestApp, type TestAppOptions } from "../../../support/test-app.ts";

/** A project with one item, and a comment on it, that were there before us. */
export async function createObservedProject(options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const thot = app.addPerson("Thot");
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide", assignees: [app.human] });
  app.plane.addComment(item, "<p>An old comment</p>");
  await app.runFirstPoll(MINUTE);
  return { app, plane: app.plane, project, item, thot };
}

export async function readChangeSource(app: TestApp, project: { id: string }) {
  const [keptProject] = await app.store.read<ProjectRecord>([observedKeys.project(project.id)]);
  if (!keptProject) throw new Error("the project is not kept");
  return { project: keptProject.value, correlation: "test", cause: "test" };
}

/** The same parts, but Plane's answers arrive only after `then`. */
export function delayPlaneAnswers(deps: Deps, then: () => Promise<void>): Deps {
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
