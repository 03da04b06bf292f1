import type { PlaneSimulator } from "../../simulators/plane/plane-simulator.ts";
import type { Item, Project, User } from "../../simulators/plane/types.ts";

const TASKS = [
  "Collect the requirements of the sales team",
  "Sketch the start page",
  "Write the texts of the start page",
  "Set up the hosting",
  "Build the start page",
  "Check texts and pictures with the sales team, in both languages",
  "Publish the site",
] as const;
/** Which of these tasks wait for which. */
const DEPENDENCIES = ["1 0", "2 0", "4 1", "4 2", "5 4", "6 5", "6 3"].map((pair) => pair.split(" ").map(Number));

/** Adds to a project a plan: seven tasks that depend on each other, and two that do not. */
export function addPlan(plane: PlaneSimulator, project: Project, thot: User): Item[] {
  const items = TASKS.map((name, i) => plane.addItem(project, { name, assignees: i % 3 === 2 ? [] : [thot] }));
  for (const [blocked = 0, blocker = 0] of DEPENDENCIES) {
    const [one, other] = [items[blocked], items[blocker]];
    if (one && other) plane.relate(one, other);
  }
  plane.addItem(project, { name: "Order business cards" });
  plane.addItem(project, { name: "Renew the domain", priority: "high" });
  return items;
}
