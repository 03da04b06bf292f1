import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";

/** Reads the comments of a task in the simulated Plane as HTML, by its key; none when there is no such task. */
export function readComments(plane: PlaneSimulator, key: string): string[] {
  const items = plane.projects().flatMap((project) => plane.items(project).map((item) => ({ project, item })));
  const found = items.find(({ project, item }) => `${project.identifier}-${item.sequence_id}` === key);
  return found ? plane.comments(found.item).map(({ comment_html }) => comment_html) : [];
}
