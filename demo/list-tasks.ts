import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item } from "../simulators/plane/types.ts";

/** Lists the work items of the simulated Plane with their keys. */
export function listTasks(plane: PlaneSimulator): { key: string; item: Item }[] {
  return plane
    .projects()
    .flatMap((project) =>
      plane.items(project).map((item) => ({ key: `${project.identifier}-${item.sequence_id}`, item })),
    );
}

/** Reads the comments of a task as HTML, by its key; none when there is no such task. */
export function readComments(plane: PlaneSimulator, key: string): string[] {
  const found = listTasks(plane).find((task) => task.key === key);
  return found ? plane.comments(found.item).map(({ comment_html }) => comment_html) : [];
}
