import { createWorkCrew } from "../../work-crew.ts";

/** A crew with a task for Imhotep and one for Thot. */
export async function crewWith(options: Parameters<typeof createWorkCrew>[0] = {}) {
  const crew = await createWorkCrew(options);
  const item = crew.task("Write the guide", "Imhotep");
  const other = crew.task("Print it", "Thot");
  await crew.begin();
  const set = (change: Parameters<ReturnType<typeof crew.work>["setStatus"]>[1], by = "Imhotep", key = "ONB-1") =>
    crew.work(by).setStatus(key, change);
  const ours = () => crew.comments(item).filter((comment) => !comment.includes("card"));
  return { crew, item, other, set, ours };
}
