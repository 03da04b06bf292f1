import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { toPythonJson } from "../../../simulators/plane/python-json.ts";
import type { Json } from "../../../simulators/plane/rows.ts";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";
import { isObject, readRecordedDeliveries } from "./recording.ts";

const hmac = (secret: string, body: string) => createHmac("sha256", secret).update(body).digest("hex");

test("the 30 recorded bodies come out byte for byte when written again, and their signatures fit", () => {
  const { secret, deliveries } = readRecordedDeliveries();
  expect(deliveries).toHaveLength(30);
  for (const { raw_body, headers } of deliveries) {
    expect(toPythonJson(JSON.parse(raw_body))).toBe(raw_body);
    expect(headers["x-plane-signature"]).toBe(hmac(secret, raw_body));
  }
});

test("what is not ASCII is escaped as Python does it", () => {
  expect(toPythonJson({ a: 'é\u2019😀\u007f\n\u0001"\\' })).toBe(
    '{"a": "\\u00e9\\u2019\\ud83d\\ude00\\u007f\\n\\u0001\\"\\\\"}',
  );
});

/** Where two values differ in keys, their order, or types. What is null or empty on one side is not compared further. */
function differs(recorded: Json, live: Json | undefined, path: string): string[] {
  if (recorded === null || live === null) return [];
  if (Array.isArray(recorded) && Array.isArray(live)) {
    const [one, other] = [recorded[0], live[0]];
    return one === undefined || other === undefined ? [] : differs(one, other, `${path}[0]`);
  }
  if (isObject(recorded) && isObject(live)) {
    const [keys, others] = [Object.keys(recorded).join(), Object.keys(live).join()];
    if (keys !== others) return [`${path}: recorded ${keys}, here ${others}`];
    return Object.entries(recorded).flatMap(([key, value]) => differs(value ?? null, live[key], `${path}.${key}`));
  }
  return typeof recorded === typeof live ? [] : [`${path}: recorded a ${typeof recorded}, here a ${typeof live}`];
}

test("each recorded kind of event is sent with the same keys in the same order, types and headers", async () => {
  const { plane, project, ada, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  const receiver = await createWebhookReceiver();
  const { secret } = plane.addWebhook(receiver.url);
  const label = plane.addLabel(project, "agent:imhotep");
  await api("POST", "/projects/", { name: "Made", identifier: "MADE", description: "Demo project" });
  await api("PATCH", `${root}/`, { module_view: true, cycle_view: true, page_view: false });
  await api("PATCH", `${root}/`, { external_source: "bridge", external_id: "onboarding" });
  const { body: item } = await api("POST", `${root}/work-items/`, {
    name: "Deploy",
    labels: [label.id],
    external_source: "bridge",
    external_id: "t-1",
  });
  const at = `${root}/work-items/${item.id}`;
  const started = plane.states(project)[2]?.id ?? "";
  await api("POST", `${at}/comments/`, { comment_html: "<p>60 %</p>" }, imhotepKey);
  await api("PATCH", `${at}/`, { state: started });
  await api("PATCH", `${at}/`, { assignees: [imhotep.id], description_html: "<p>new</p>" });
  await api("PATCH", `${at}/`, { priority: "urgent", name: "Deploy (renamed)", target_date: "2026-12-24" });
  plane.editItem(item.id, { state: "Backlog", assignees: [] }, { by: ada, via: "browser" });
  await api("POST", `${root}/cycles/`, { name: "Sprint 1", start_date: "2026-11-21", end_date: "2026-12-05" });
  const { body: cycles } = await api("GET", `${root}/cycles/`);
  await api("PATCH", `${root}/cycles/${cycles.results[0].id}/`, { name: "Sprint 1a" });
  await api("POST", `${root}/modules/`, { name: "Infra", status: "in-progress" });
  await plane.deliverAll();

  const kind = (body: Json) =>
    isObject(body) && isObject(body["activity"])
      ? [body["event"], body["action"], body["activity"]["field"]].join(".")
      : "";
  const live = new Map(receiver.received.map(({ body }) => [kind(JSON.parse(body)), JSON.parse(body)] as const));
  for (const { name, raw_body } of readRecordedDeliveries().deliveries) {
    const recorded: Json = JSON.parse(raw_body);
    const found = live.get(kind(recorded));
    expect(found, name).toBeDefined();
    expect(differs(recorded, found, name)).toEqual([]);
  }
  for (const { headers, body } of receiver.received) {
    expect(headers["user-agent"]).toBe("Autopilot");
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["x-plane-event"]).toBe(JSON.parse(body).event);
    expect(headers["x-plane-signature"]).toBe(hmac(secret, body));
  }
});

test("one edit of three fields sends three deliveries, a field set to what it was none", async () => {
  const { plane, api, root, project } = await createPlaneFixture();
  plane.addWebhook("http://127.0.0.1:9/hook");
  const item = plane.addItem(project, { name: "x", priority: "low" });
  plane.runWorker();
  plane.deliveries.dropAll();
  await api("PATCH", `${root}/work-items/${item.id}/`, {
    name: "y",
    priority: "low",
    target_date: "2026-12-24",
    labels: [],
  });
  plane.runWorker();
  expect(plane.deliveries.pending.map((each) => each.field)).toEqual(["name", "target_date"]);
  expect(plane.deliveries.pending.every((each) => each.action === "updated")).toBe(true);
});

test("an edit through the API names state, assignees, labels; the same edit in the browser state_id, assignee_ids, label_ids", async () => {
  const { plane, project, imhotep } = await createPlaneFixture();
  plane.addWebhook("http://127.0.0.1:9/hook");
  const label = plane.addLabel(project, "review");
  const fields: (string | null)[] = [];
  for (const via of ["api", "browser"] as const) {
    const item = plane.addItem(project, { name: via });
    plane.runWorker();
    plane.deliveries.dropAll();
    plane.editItem(item, { state: "Done", assignees: [imhotep], labels: [label] }, { via });
    plane.runWorker();
    fields.push(...plane.deliveries.pending.map((each) => each.field));
  }
  expect(fields.slice(0, 3).sort()).toEqual(["assignees", "labels", "state"]);
  expect(fields.slice(3).sort()).toEqual(["assignee_ids", "label_ids", "state_id"]);
});

test("data is read late: a second edit shows in the first one's delivery, what is deleted before sends nothing", async () => {
  const { plane, project } = await createPlaneFixture();
  plane.addWebhook("http://127.0.0.1:9/hook");
  const item = plane.addItem(project, { name: "x" });
  plane.runWorker();
  plane.deliveries.dropAll();
  plane.editItem(item, { priority: "urgent" });
  plane.editItem(item, { name: "renamed" });
  plane.runWorker();
  const first = plane.deliveries.pending.find((each) => each.field === "priority");
  expect(JSON.parse(first?.body ?? "{}").data.name).toBe("renamed");
  plane.deliveries.dropAll();
  const short = plane.addItem(project, { name: "short-lived" });
  const comment = plane.addComment(item, "<p>gone</p>");
  plane.deleteComment(comment);
  plane.deleteItem(short);
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
});

test("deleting an item or a comment, archiving, a relation, a link, filling a cycle or module send nothing", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  plane.addWebhook("http://127.0.0.1:9/hook");
  const [a, b, c] = ["a", "b", "c"].map((name) => plane.addItem(project, { name }).id) as [string, string, string];
  const comment = plane.addComment(a, "<p>x</p>");
  const cycle = plane.addCycle(project, { name: "Sprint" });
  const module = plane.addModule(project, { name: "Infra" });
  plane.runWorker();
  plane.deliveries.dropAll();
  plane.relate(a, b);
  plane.unrelate(a, b);
  plane.addLink(a, "https://example.test/pr/1");
  plane.addToCycle(cycle, [a]);
  await api("POST", `${root}/modules/${module.id}/module-issues/`, { issues: [a] });
  plane.deleteComment(comment);
  plane.archiveItem(b);
  plane.restoreItem(b);
  plane.archiveProject(project);
  plane.restoreProject(project);
  plane.deleteItem(c);
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
  plane.deleteProject(project);
  plane.runWorker();
  expect(plane.deliveries.pending.map((each) => [each.event, each.action])).toEqual([["project", "deleted"]]);
});

test("editing a comment sends issue_comment updated with field comment_html", async () => {
  const { plane, project } = await createPlaneFixture();
  plane.addWebhook("http://127.0.0.1:9/hook");
  const comment = plane.addComment(plane.addItem(project, { name: "x" }), "<p>one</p>");
  plane.runWorker();
  plane.deliveries.dropAll();
  plane.editComment(comment, "<p>two</p>");
  plane.runWorker();
  const [only] = plane.deliveries.pending;
  expect(plane.deliveries.pending).toHaveLength(1);
  expect(only).toMatchObject({ event: "issue_comment", action: "updated", field: "comment_html", about: comment.id });
});

test("v1.2.2 is silent about an item edited through the API, not about one edited in the browser, created or commented", async () => {
  const { plane, project, api, root } = await createPlaneFixture({ version: "1.2.2" });
  plane.addWebhook("http://127.0.0.1:9/hook");
  const { body: item } = await api("POST", `${root}/work-items/`, { name: "x" });
  await api("PATCH", `${root}/work-items/${item.id}/`, { name: "y" });
  plane.editItem(item.id, { priority: "high" }, { via: "browser" });
  await api("POST", `${root}/work-items/${item.id}/comments/`, { comment_html: "<p>x</p>" });
  plane.runWorker();
  const kinds = plane.deliveries.pending.map((each) => `${each.event}.${each.action}.${each.field}`);
  expect(kinds.sort()).toEqual(["issue.created.null", "issue.updated.priority", "issue_comment.created.null"]);
  expect(plane.items(project)).toHaveLength(1);
});

test("webhooks are in UTC whoever reads", async () => {
  const { plane, project, ada } = await createPlaneFixture();
  plane.setTimeZone(ada, "Europe/Paris");
  plane.addWebhook("http://127.0.0.1:9/hook");
  plane.addItem(project, { name: "x" }, { by: ada });
  plane.runWorker();
  expect(JSON.parse(plane.deliveries.pending[0]?.body ?? "{}").data.created_at).toMatch(
    /^2026-11-21T04:33:08\.\d{6}Z$/,
  );
});
