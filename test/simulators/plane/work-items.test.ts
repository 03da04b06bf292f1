import { expect, test } from "vitest";
import { createPlaneFixture, EPOCH } from "./plane-fixture.ts";

test("lists of work items ignore filters but apply fields, expand and order_by", async () => {
  const { plane, project, api, root, imhotep } = await createPlaneFixture();
  plane.addItem(project, { name: "a", priority: "low", assignees: [imhotep] });
  plane.addItem(project, { name: "b", priority: "urgent" });
  const filters = `assignees=${imhotep.id}&state=x&updated_at__gte=2030-01-01&pql=priority&priority=low`;
  expect((await api("GET", `${root}/work-items/?${filters}`)).body.total_count).toBe(2);
  const { body } = await api("GET", `${root}/work-items/?fields=name,assignees&expand=assignees&order_by=-priority`);
  expect(body.results.map((each: object) => Object.keys(each))).toEqual(Array(2).fill(["name", "assignees"]));
  expect(body.results[0]).toMatchObject({ name: "a", assignees: [{ display_name: "imhotep" }] });
});

test("pages of a list follow the cursor, and per_page above 1,000 is refused", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  for (let n = 1; n <= 6; n += 1) plane.addItem(project, { name: `${n}` });
  const names: string[] = [];
  let cursor = "2:0:0";
  for (let more = true; more; ) {
    const { body } = await api("GET", `${root}/work-items/?per_page=2&cursor=${cursor}&order_by=sequence_id`);
    expect(body.total_count).toBe(6);
    names.push(...body.results.map((each: { name: string }) => each.name));
    cursor = body.next_cursor;
    more = body.next_page_results;
  }
  expect(names).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(cursor).toBe("2:3:0");
  const refused = await api("GET", `${root}/work-items/?per_page=1001`);
  expect(refused).toMatchObject({ status: 400, body: { detail: "Invalid per_page value. Cannot exceed 1000." } });
});

test("a created item has later times when it is read again, and the worker changes updated_at once more", async () => {
  const { plane, api, root } = await createPlaneFixture();
  const { body: answer } = await api("POST", `${root}/work-items/`, { name: "x" });
  const { body: read } = await api("GET", `${root}/work-items/${answer.id}/`);
  plane.runWorker();
  const { body: later } = await api("GET", `${root}/work-items/${answer.id}/`);
  expect(read.created_at > answer.created_at).toBe(true);
  expect(read.updated_at).toBe(answer.updated_at);
  expect(later.created_at).toBe(read.created_at);
  expect(later.updated_at > read.updated_at).toBe(true);
});

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

test("a relation `A blocking B` changes only A's updated_at, and deleting the blocker removes the relation", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  const a = plane.addItem(project, { name: "a" });
  const b = plane.addItem(project, { name: "b" });
  plane.runWorker();
  const before = [plane.item(a)?.updated_at, plane.item(b)?.updated_at];
  await api("POST", `${root}/work-items/${a.id}/relations/`, { relation_type: "blocking", issues: [b.id] });
  plane.runWorker();
  expect(plane.item(a)?.updated_at).toBeGreaterThan(before[0] ?? 0);
  expect(plane.item(b)?.updated_at).toBe(before[1]);
  const getRelations = async (id: string) => (await api("GET", `${root}/work-items/${id}/relations/`)).body;
  expect((await getRelations(b.id)).blocked_by).toEqual([{ project_id: project.id, issue_id: a.id }]);
  expect(plane.blockers(b)).toEqual([a.id]);
  plane.deleteItem(a);
  expect((await getRelations(b.id)).blocked_by).toEqual([]);
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

test("a webhook written during an edit of assignees contains none", async () => {
  const { plane, project, imhotep } = await createPlaneFixture();
  const item = plane.addItem(project, { name: "x", assignees: [imhotep] });
  plane.runWorker();
  plane.addWebhook("http://127.0.0.1:9/hook");
  plane.editItem(item, { name: "y" });
  const edit = plane.beginEdit(item, { assignees: [imhotep] });
  plane.runWorker();
  edit.finish();
  expect(JSON.parse(plane.deliveries.pending[0]?.body ?? "{}").data.assignees).toEqual([]);
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

test("the Date header shows Plane's clock", async () => {
  const { api, advanceClock, root } = await createPlaneFixture();
  advanceClock(60_000);
  const { headers } = await api("GET", `${root}/work-items/`);
  expect(headers.get("date")).toBe(new Date(EPOCH + 60_000).toUTCString());
});

test("a second item or comment with the same external id is refused with 409 and the first one's id", async () => {
  const { api, root } = await createPlaneFixture();
  const pair = { external_source: "bridge", external_id: "1" };
  const { body: item } = await api("POST", `${root}/work-items/`, { name: "x", ...pair });
  expect(await api("POST", `${root}/work-items/`, { name: "again", ...pair })).toMatchObject({
    status: 409,
    body: { id: item.id },
  });
  const comments = `${root}/work-items/${item.id}/comments/`;
  const { body: comment } = await api("POST", comments, { comment_html: "<script>alert(1)</script>", ...pair });
  expect(comment.comment_html).toBe("<script>alert(1)</script>");
  expect(await api("POST", comments, { comment_html: "y", ...pair })).toMatchObject({
    status: 409,
    body: { id: comment.id },
  });
});

test("a work item's title may contain any 255 characters, a project's name no special ones", async () => {
  const { api, root } = await createPlaneFixture();
  const title = `<b>\u202e\u0007${"😀".repeat(250)}`;
  expect((await api("POST", `${root}/work-items/`, { name: title })).body.name).toBe(title);
  const name = { name: "R & D", identifier: "RND" };
  expect(await api("POST", "/projects/", name)).toMatchObject({
    status: 400,
    body: { non_field_errors: ["Project name cannot contain special characters."] },
  });
});

test("the history of a work item shows who changed which field", async () => {
  const { plane, project, imhotep, api, root } = await createPlaneFixture();
  const item = plane.addItem(project, { name: "x" });
  plane.editItem(item, { state: "In Progress", priority: "high" }, { by: imhotep });
  plane.runWorker();
  const { body } = await api("GET", `${root}/work-items/${item.id}/activities/`);
  const changes = body.results.map((each: Record<string, unknown>) => [
    each["field"],
    each["old_value"],
    each["new_value"],
    each["actor"],
  ]);
  expect(changes.slice(1)).toEqual([
    ["priority", "none", "high", imhotep.id],
    ["state", "Backlog", "In Progress", imhotep.id],
  ]);
});
