import { expect, test } from "vitest";
import { createPlaneFixture } from "./plane-fixture.ts";

test("updated_at changes with the item at once, and with its comments, links and relations when the worker runs, but not with the state of its blocker", async () => {
  const { plane, project, advanceClock } = await createPlaneFixture();
  const item = plane.addItem(project, { name: "x" });
  const blocker = plane.addItem(project, { name: "blocker" });
  plane.runWorker();
  const getUpdatedAt = () => plane.item(item)?.updated_at ?? 0;
  const measureChanges = (change: () => void): [boolean, boolean] => {
    advanceClock(1000);
    const before = getUpdatedAt();
    change();
    const atOnce = getUpdatedAt();
    plane.runWorker();
    return [atOnce > before, getUpdatedAt() > atOnce];
  };
  expect(measureChanges(() => plane.editItem(item, { name: "y" }))).toEqual([true, true]);
  expect(measureChanges(() => plane.relate(item, blocker))).toEqual([false, true]);
  expect(measureChanges(() => plane.addLink(item, "https://example.test/"))).toEqual([false, true]);
  expect(measureChanges(() => plane.unrelate(item, blocker))).toEqual([false, true]);
  const comment = plane.addComment(item, "<p>x</p>");
  expect(measureChanges(() => plane.editComment(comment, "<p>y</p>"))).toEqual([false, true]);
  expect(measureChanges(() => plane.deleteComment(comment))).toEqual([false, true]);
  plane.relate(item, blocker);
  plane.runWorker();
  expect(measureChanges(() => plane.editItem(blocker, { state: "Done" }))).toEqual([false, false]);
  expect(measureChanges(() => plane.addToCycle(plane.addCycle(project, { name: "S" }), [item]))).toEqual([
    false,
    false,
  ]);
});

test("a read during an edit sees none of the assignees and labels that are being replaced", async () => {
  const { plane, project, imhotep, api, root } = await createPlaneFixture();
  const label = plane.addLabel(project, "review");
  const item = plane.addItem(project, { name: "x", assignees: [imhotep], labels: [label] });
  const read = async () => {
    const { body } = await api("GET", `${root}/work-items/${item.id}/`);
    return [body.assignees, body.labels];
  };
  const full = [[imhotep.id], [label.id]];
  expect(await read()).toEqual(full);
  const edit = plane.beginEdit(item, { assignees: [imhotep], labels: ["review"] });
  expect(await read()).toEqual([[], []]);
  edit.finish();
  expect(await read()).toEqual(full);
  let between: unknown;
  plane.faults.duringEdit(async (id) => {
    expect(id).toBe(item.id);
    between = await read();
  });
  await api("PATCH", `${root}/work-items/${item.id}/`, { assignees: [imhotep.id] });
  expect(between).toEqual([[], [label.id]]);
  expect(await read()).toEqual(full);
});

test("archived and draft items are not listed and are answered with 404; lists of an archived project are empty", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  const [stored, archived, draft] = [
    plane.addItem(project, { name: "kept" }),
    plane.addItem(project, { name: "archived" }),
    plane.addItem(project, { name: "draft", is_draft: true }),
  ];
  plane.archiveItem(archived);
  const listNames = async () => {
    const { status, body } = await api("GET", `${root}/work-items/`);
    return [status, body.total_count, body.results.map((each: { name: string }) => each.name)];
  };
  const getStatus = async (id: string) => (await api("GET", `${root}/work-items/${id}/`)).status;
  expect(await listNames()).toEqual([200, 1, ["kept"]]);
  expect(await Promise.all([stored, archived, draft].map((each) => getStatus(each.id)))).toEqual([200, 404, 404]);
  plane.restoreItem(archived);
  expect(await listNames()).toEqual([200, 2, ["archived", "kept"]]);
  plane.archiveProject(project);
  expect(await listNames()).toEqual([200, 0, []]);
  plane.restoreProject(project);
  expect((await listNames())[1]).toBe(2);
});

test("timestamps in answers are in the time zone of the key's owner", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  const item = plane.addItem(project, { name: "x" });
  const path = `${root}/work-items/${item.id}/`;
  const utc = (await api("GET", path)).body.updated_at;
  expect(utc).toMatch(/^2026-11-21T04:33:08\.\d{6}Z$/);
  plane.setTimeZone(imhotep, "Europe/Paris");
  expect((await api("GET", path, undefined, imhotepKey)).body.updated_at).toMatch(
    /^2026-11-21T05:33:08\.\d{6}\+01:00$/,
  );
  plane.setTimeZone(imhotep, "America/St_Johns");
  const there = (await api("GET", path, undefined, imhotepKey)).body.updated_at;
  expect(there).toMatch(/^2026-11-21T01:03:08\.\d{6}-03:30$/);
  expect(Date.parse(there)).toBe(Date.parse(utc));
});
