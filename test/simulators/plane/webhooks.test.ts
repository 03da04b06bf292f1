import { expect, test } from "vitest";
import { toPythonJson } from "../../../simulators/plane/python-json.ts";
import type { Json } from "../../../simulators/plane/rows.ts";
import { readRecordedDeliveries } from "../../support/plane-replay-server.ts";
import { signBody } from "../../support/webhook-signature.ts";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";
import { isObject } from "./replay.ts";

test("the 30 recorded webhook bodies are reproduced byte for byte, and their signatures match", () => {
  const { secret, deliveries } = readRecordedDeliveries();
  expect(deliveries).toHaveLength(30);
  for (const { raw_body, headers } of deliveries) {
    expect(toPythonJson(JSON.parse(raw_body))).toBe(raw_body);
    expect(headers["x-plane-signature"]).toBe(signBody(raw_body, secret));
  }
});

/** Returns where two values differ in keys, their order, or types. A value that is null or empty on one side is skipped. */
function findShapeDifferences(recorded: Json, live: Json | undefined, path: string): string[] {
  if (recorded === null || live === null) return [];
  if (Array.isArray(recorded) && Array.isArray(live)) {
    const [first, liveFirst] = [recorded[0], live[0]];
    return first === undefined || liveFirst === undefined ? [] : findShapeDifferences(first, liveFirst, `${path}[0]`);
  }
  if (isObject(recorded) && isObject(live)) {
    const [keys, liveKeys] = [Object.keys(recorded).join(), Object.keys(live).join()];
    if (keys !== liveKeys) return [`${path}: recorded ${keys}, here ${liveKeys}`];
    return Object.entries(recorded).flatMap(([key, value]) =>
      findShapeDifferences(value ?? null, live[key], `${path}.${key}`),
    );
  }
  return typeof recorded === typeof live ? [] : [`${path}: recorded a ${typeof recorded}, here a ${typeof live}`];
}

test("webhooks of each recorded kind have the recorded keys in the same order, with the same types and headers", async () => {
  const { plane, project, ada, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  const receiver = await createWebhookReceiver();
  const { secret } = plane.addWebhook(receiver.url);
  const label = plane.addLabel(project, "agent:imhotep");
  await api("POST", "/projects/", { name: "Made", identifier: "MADE", description: "Demo project" });
  await api("PATCH", `${root}/`, { module_view: true, cycle_view: true, page_view: false });
  await api("PATCH", `${root}/`, { external_source: "bridge", external_id: "onboarding" });
  const fields = { name: "Deploy", labels: [label.id], external_source: "bridge", external_id: "t-1" };
  const { body: item } = await api("POST", `${root}/work-items/`, fields);
  const itemPath = `${root}/work-items/${item.id}`;
  await api("POST", `${itemPath}/comments/`, { comment_html: "<p>60 %</p>" }, imhotepKey);
  await api("PATCH", `${itemPath}/`, { state: plane.states(project)[2]?.id ?? "" });
  await api("PATCH", `${itemPath}/`, { assignees: [imhotep.id], description_html: "<p>new</p>" });
  await api("PATCH", `${itemPath}/`, { priority: "urgent", name: "Deploy (renamed)", target_date: "2026-12-24" });
  plane.editItem(item.id, { state: "Backlog", assignees: [] }, { by: ada, via: "browser" });
  await api("POST", `${root}/cycles/`, { name: "Sprint 1", start_date: "2026-11-21", end_date: "2026-12-05" });
  const { body: cycles } = await api("GET", `${root}/cycles/`);
  await api("PATCH", `${root}/cycles/${cycles.results[0].id}/`, { name: "Sprint 1a" });
  await api("POST", `${root}/modules/`, { name: "Infra", status: "in-progress" });
  await plane.deliverAll();

  const getKind = (body: Json) =>
    isObject(body) && isObject(body["activity"])
      ? [body["event"], body["action"], body["activity"]["field"]].join(".")
      : "";
  const live = new Map(receiver.received.map(({ body }) => [getKind(JSON.parse(body)), JSON.parse(body)] as const));
  for (const { name, raw_body } of readRecordedDeliveries().deliveries) {
    const recorded: Json = JSON.parse(raw_body);
    const found = live.get(getKind(recorded));
    expect(found, name).toBeDefined();
    expect(findShapeDifferences(recorded, found, name)).toEqual([]);
  }
  for (const { headers, body } of receiver.received) {
    expect(headers["user-agent"]).toBe("Autopilot");
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["x-plane-event"]).toBe(JSON.parse(body).event);
    expect(headers["x-plane-signature"]).toBe(signBody(body, secret));
  }
});

/** A simulated Plane with a webhook; `takeDeliveries` runs its worker, and drops the deliveries that it returns. */
async function createWebhookFixture(options: Parameters<typeof createPlaneFixture>[0] = {}) {
  const fixture = await createPlaneFixture(options);
  const { plane } = fixture;
  plane.addWebhook("http://127.0.0.1:9/hook");
  const takeDeliveries = () => {
    plane.runWorker();
    const pending = [...plane.deliveries.pending];
    plane.deliveries.dropAll();
    return pending;
  };
  return { ...fixture, takeDeliveries };
}

test("an edit sends one webhook for each field that changes, and none for a field set to its current value", async () => {
  const { plane, api, root, project, takeDeliveries } = await createWebhookFixture();
  const item = plane.addItem(project, { name: "x", priority: "low" });
  takeDeliveries();
  const patch = { name: "y", priority: "low", target_date: "2026-12-24", labels: [] };
  await api("PATCH", `${root}/work-items/${item.id}/`, patch);
  expect(takeDeliveries()).toMatchObject([
    { field: "name", action: "updated" },
    { field: "target_date", action: "updated" },
  ]);
});

test("a webhook contains the data at the time of the worker: a second edit shows in the first webhook, and a deleted item sends none", async () => {
  const { plane, project, takeDeliveries } = await createWebhookFixture();
  const item = plane.addItem(project, { name: "x" });
  takeDeliveries();
  plane.editItem(item, { priority: "urgent" });
  plane.editItem(item, { name: "renamed" });
  const first = takeDeliveries().find((each) => each.field === "priority");
  expect(JSON.parse(first?.body ?? "{}").data.name).toBe("renamed");
  const short = plane.addItem(project, { name: "short-lived" });
  const comment = plane.addComment(item, "<p>gone</p>");
  plane.deleteComment(comment);
  plane.deleteItem(short);
  expect(takeDeliveries()).toEqual([]);
});

test("Plane sends no webhook for deleted items and comments, archiving, relations, links, and items added to a cycle or module", async () => {
  const { plane, project, api, root, takeDeliveries } = await createWebhookFixture();
  const [a, b, c] = ["a", "b", "c"].map((name) => plane.addItem(project, { name }).id) as [string, string, string];
  const comment = plane.addComment(a, "<p>x</p>");
  const cycle = plane.addCycle(project, { name: "Sprint" });
  const module = plane.addModule(project, { name: "Infra" });
  takeDeliveries();
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
  expect(takeDeliveries()).toEqual([]);
  plane.deleteProject(project);
  expect(takeDeliveries()).toMatchObject([{ event: "project", action: "deleted" }]);
});

test("Plane v1.2.2 sends no webhook for an item edited through the API, but sends those for browser edits, new items and comments", async () => {
  const { plane, project, api, root, takeDeliveries } = await createWebhookFixture({ version: "1.2.2" });
  const { body: item } = await api("POST", `${root}/work-items/`, { name: "x" });
  await api("PATCH", `${root}/work-items/${item.id}/`, { name: "y" });
  plane.editItem(item.id, { priority: "high" }, { via: "browser" });
  await api("POST", `${root}/work-items/${item.id}/comments/`, { comment_html: "<p>x</p>" });
  const kinds = takeDeliveries().map((each) => `${each.event}.${each.action}.${each.field}`);
  expect(kinds.sort()).toEqual(["issue.created.null", "issue.updated.priority", "issue_comment.created.null"]);
  expect(plane.items(project)).toHaveLength(1);
});

test("a webhook whose connection breaks is retried five times within 600 s each, with a new delivery id and the same body; then it is deactivated", async () => {
  const { plane, project, advanceClock } = await createPlaneFixture();
  const receiver = await createWebhookReceiver(0);
  const webhook = plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  await plane.deliverAll();
  const waits: number[] = [];
  for (let retry = 1; retry <= 5; retry += 1) {
    expect(plane.isWebhookActive(webhook)).toBe(true);
    const [pending] = plane.deliveries.pending;
    const before = plane.ledger.deliveries.at(-1)?.at ?? 0;
    waits.push((pending?.due ?? 0) - before);
    expect(await plane.deliveries.sendAll()).toEqual([]);
    advanceClock(600_000);
    await plane.deliverAll();
  }
  expect(receiver.received).toHaveLength(6);
  expect(new Set(receiver.received.map((each) => each.headers["x-plane-delivery"])).size).toBe(6);
  expect(new Set(receiver.received.map((each) => each.body)).size).toBe(1);
  expect(waits.every((wait) => wait >= 0 && wait <= 600_000)).toBe(true);
  expect(new Set(waits).size).toBeGreaterThan(1);
  expect(plane.isWebhookActive(webhook)).toBe(false);
  expect(plane.deliveries.pending).toEqual([]);
  plane.addItem(project, { name: "y" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
});
