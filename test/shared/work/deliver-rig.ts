import { createHash } from "node:crypto";
import type { Item } from "../../../demo/plane/types.ts";
import type { Handed } from "../../../shared/work/deliverable.ts";
import { createWorkCrew, type WorkCrew } from "../../work-crew.ts";

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
export const blob = (text: string) => new Blob([text]);
/** Not a Blob: what streams is read once. */
export const stream = (text: string) => ({ size: text.length, stream: () => new Blob([text]).stream() });

/** A task of Imhotep, and how files are handed in for it: `# Report` as `report.md` unless said otherwise. */
export async function begin(options: Parameters<typeof createWorkCrew>[0] = {}) {
  const crew = await createWorkCrew(options);
  const item = crew.task("Write the report", "Imhotep");
  await crew.begin();
  const task = crew.keyOf(item);
  const hand = (handed: Partial<Handed>, agent = "Imhotep") =>
    crew.work(agent).deliver({ task, name: "report.md", file: blob("# Report"), ...handed });
  return { crew, item, task, hand };
}

/** What Plane and its storage have of an item's deliverables. */
export function attached(crew: WorkCrew, item: Item) {
  return crew.plane.attachments(item).map(({ name, is_uploaded, bytes }) => {
    return { name, is_uploaded, text: new TextDecoder().decode(bytes) };
  });
}

/** The comments that link deliverables, without the agent card. */
export const linking = (crew: WorkCrew, item: Item) =>
  crew.comments(item).filter((text) => text.includes("Deliverable:"));

/** One of them that was uploaded and confirmed. */
export const whole = (name: string, text: string) => ({ name, is_uploaded: true, text });
