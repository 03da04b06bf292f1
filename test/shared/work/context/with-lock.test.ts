import { expect, test } from "vitest";
import { PlaneRateLimitedError } from "../../../../shared/plane/errors.ts";
import { projectsApi } from "../../../../shared/plane/projects.ts";
import { createTaskOperations, type TaskOperations } from "../../../../shared/work/task-operations.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAtStep } from "../../../support/crash-at-step.ts";

/** An app in which the Concierge's call was interrupted a moment ago by the end of its process. */
async function interruptCall<T>(call: (work: TaskOperations) => Promise<T>, nth: number) {
  const crew = await createAgentTestApp();
  crew.advance(60_000);
  await crew.runFirstPoll();
  const mortal = crashAtStep(crew.deps, nth, "after");
  const first = mortal.orCrash(call(createTaskOperations(mortal.deps, crew.getCaller("Concierge"))));
  await expect(first).rejects.toThrow("The process ended.");
  await crew.restart();
  return { crew, retry: () => call(crew.actAs("Concierge")) };
}

test("a call repeated right after a restart that interrupted it is told by create_task when to retry, and then creates one task", async () => {
  const { crew, retry: again } = await interruptCall((work) => work.create({ project: "ONB", title: "Tour" }), 2);
  const refused = await again().catch((thrown: unknown) => thrown);
  if (!(refused instanceof PlaneRateLimitedError)) throw refused;
  expect(refused.message).toContain("nothing is created twice");
  expect(refused.retryAfter).toBeLessThanOrEqual(60_000);
  crew.advance(refused.retryAfter);
  expect(await again()).toMatchObject({ key: "ONB-1" });
  expect(crew.plane.items(crew.onb)).toHaveLength(1);
});

test.each(["ONB", "Website"])(
  "a call repeated right after a restart that interrupted it gets from plan_project the progress and when to retry (%s)",
  async (project) => {
    const tasks = [
      { id: "1", title: "Tour" },
      { id: "2", title: "Map", blocked_by: ["1"] },
    ];
    const { crew, retry: again } = await interruptCall((work) => work.plan({ project, tasks }), 4);
    let answer = await again();
    expect(answer.retry_after).toBeGreaterThan(0);
    for (let calls = 0; answer.remaining > 0 && calls < 9; calls += 1) {
      crew.advance((answer.retry_after ?? 0) * 1000);
      answer = await again();
    }
    expect(answer).toMatchObject({ remaining: 0, problems: [] });
    expect(answer.done).toHaveLength(2);
    const { data } = await crew.deps.plane.call(projectsApi.list);
    const names = data.results.flatMap(({ id }) => crew.plane.items(id).map(({ name }) => name));
    expect(names.sort()).toEqual(["Map", "Tour"]);
  },
);
