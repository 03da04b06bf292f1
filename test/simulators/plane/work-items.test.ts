import { expect, test } from "vitest";
import { webhooksApi } from "../../../shared/plane/app/session.ts";
import { signInToPlane } from "../../support/plane-api.ts";
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

test("a user outside a project sees the project but not its items; any workspace member can create a project and is its admin", async () => {
  const { plane, ada, api, imhotepKey } = await createPlaneFixture();
  const closed = plane.addProject({ name: "Closed", identifier: "CLO", by: ada, members: [] });
  const item = plane.addItem(closed, { name: "x" });
  expect((await api("GET", `/projects/${closed.id}/work-items/`, undefined, imhotepKey)).status).toBe(403);
  expect((await api("GET", `/projects/${closed.id}/work-items/${item.id}/`, undefined, imhotepKey)).status).toBe(403);
  const { body } = await api("GET", "/projects/", undefined, imhotepKey);
  expect(body.results.find((each: { id: string }) => each.id === closed.id)).toMatchObject({ is_member: false });
  const created = await api("POST", "/projects/", { name: "Mine", identifier: "MINE" }, imhotepKey);
  expect(created).toMatchObject({ status: 201, body: { member_role: 20 } });
});

test("a webhook address with a private or own host is refused unless listed, and names need a dot; v1.2.2 refuses only loopback", async () => {
  for (const [version, expected] of [
    ["1.3.1", [400, 400, 400, 201, 201]],
    ["1.2.2", [201, 400, 201, 201, 400]],
  ] as const) {
    const { plane, ada } = await createPlaneFixture({ version, webhookAllowedHosts: ["127.0.0.2"] });
    plane.setPassword(ada, "Groundcrew 4ever!");
    const session = await signInToPlane(plane.url, ada.email, "Groundcrew 4ever!");
    const statuses: number[] = [];
    for (const host of ["10.1.2.3", "127.0.0.1", "bridge", "bridge.test", "127.0.0.2"]) {
      const json = { url: `http://${host}:8787/webhooks/plane`, issue: true };
      await session.call(webhooksApi.create, { params: { workspace: "javisi" }, json }).catch(() => {});
      statuses.push(plane.ledger.requests.at(-1)?.status ?? 0);
    }
    expect(statuses).toEqual(expected);
  }
});

test("a relation moves updated_at of the item on whose page it is added or removed, and of no other", async () => {
  const { plane, project, advanceClock } = await createPlaneFixture();
  const blocked = plane.addItem(project, { name: "Tour" });
  const blocker = plane.addItem(project, { name: "Guide" });
  plane.runWorker();
  const readTimes = () => [blocked, blocker].map((item) => plane.item(item)?.updated_at ?? 0);
  for (const change of ["relate", "unrelate"] as const) {
    const [blockedAt, blockerAt = 0] = readTimes();
    advanceClock(1_000);
    plane[change](blocked, blocker, { onto: "blocker" });
    plane.runWorker();
    expect(readTimes()[0]).toBe(blockedAt);
    expect(readTimes()[1]).toBeGreaterThan(blockerAt);
  }
});

test("a removed member of a project stays listed over an API key, is not added again, and has no access", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  plane.addProjectMember(project, imhotep);
  plane.removeProjectMember(project, imhotep.email);
  const { body } = await api("GET", `${root}/members/`);
  expect(JSON.stringify(body)).toContain(imhotep.email);
  expect((await api("POST", `${root}/members/`, { member: imhotep.id, role: 15 })).status).toBe(400);
  expect((await api("GET", `${root}/work-items/`, undefined, imhotepKey)).status).toBe(403);
});
