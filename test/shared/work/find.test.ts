import { expect, test } from "vitest";
import { findTask, readNow } from "../../../shared/work/find.ts";
import { createWorkCrew } from "../../work-crew.ts";

test("a task is found by its key in any case, and by its id, without a request to Plane", async () => {
  const crew = await createWorkCrew();
  const item = crew.task("Write it down", "Thot");
  await crew.begin();
  const asked = await crew.requests(async () => {
    for (const name of ["ONB-1", " onb-1 ", item.id, item.id.toUpperCase()])
      expect((await findTask(crew.acting("Thot"), name)).id).toBe(item.id);
  });
  expect(asked).toEqual([]);
});

test("one made a moment ago, which nobody has told of yet, is read by its key", async () => {
  const crew = await createWorkCrew();
  await crew.begin();
  const item = crew.task("Brand new", "Thot");
  expect(await findTask(crew.acting("Thot"), "ONB-1")).toMatchObject({ id: item.id, item: { owners: ["Thot"] } });
});

test.each(["ONB-7", "NONE-1", "525a36c6-8126-4aad-b630-aaae2a6649ec"])(
  "%s, which is not there, is told as that",
  async (name) => {
    const crew = await createWorkCrew();
    await crew.begin();
    await expect(findTask(crew.acting("Thot"), name)).rejects.toMatchObject({ code: "not_found" });
  },
);

test("what names no task is refused", async () => {
  const crew = await createWorkCrew();
  await crew.begin();
  for (const name of ["", "ONB", "ONB-0", "../x", "ONB-1; rm -rf"])
    await expect(findTask(crew.acting("Thot"), name)).rejects.toMatchObject({ code: "bad_request" });
});

test("a task that was deleted a moment ago is not there when it is read again", async () => {
  const crew = await createWorkCrew();
  const item = crew.task("Write it down", "Thot");
  await crew.begin();
  const task = await findTask(crew.acting("Thot"), "ONB-1");
  crew.plane.deleteItem(item);
  await expect(readNow(crew.acting("Thot"), task)).rejects.toMatchObject({ code: "not_found" });
  await crew.settle();
  await expect(findTask(crew.acting("Thot"), item.id)).rejects.toThrow("ONB-1 was deleted or archived in Plane");
});
