import { expect, test } from "vitest";
import { seedDemo } from "../../demo/seed.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";

test("the demo's workspace has one human, five agents, two projects, eight tasks and one dependency", async () => {
  const plane = createPlaneSimulator();
  await plane.start();
  try {
    const demo = seedDemo(plane, Date.now());
    expect(plane.workspace.slug).toBe("javisi");
    const tasks = [demo.office, demo.platform].flatMap((project) => plane.items(project));
    expect(tasks).toHaveLength(8);
    expect(plane.blockers(demo.blocked)).toEqual([demo.blocker.id]);
    for (const project of [demo.office, demo.platform]) {
      expect(plane.states(project).map((state) => state.name)).toContain("Blocked");
      expect(plane.labels(project).map((label) => label.name)).toEqual(
        expect.arrayContaining(["agent:concierge", "agent:imhotep", "agent:thot"]),
      );
    }
    for (const [name, key] of Object.entries(demo.keys)) {
      const response = await fetch(`${plane.url}/api/v1/users/me/`, { headers: { "x-api-key": key } });
      expect(await response.json()).toMatchObject({ display_name: name === "human" ? "ada" : name });
    }
  } finally {
    await plane.stop();
  }
});
