import { expect, test } from "vitest";
import { z } from "zod";
import { manifest } from "../../../functions/index.ts";
import { createWakeRules } from "../../../functions/wake/rules.ts";
import { inboxHandler } from "../../../functions/webhooks/webhook-routes.ts";
import { createWorkRules } from "../../../functions/work.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { JobHandler } from "../../../shared/app/deps.ts";
import { inboxBodySchema, storedUpdateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import type { Endpoint, PlaneCallOptions, PlaneClient, PlanePage } from "../../../shared/plane/endpoint.ts";
import { PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import type { Queue, Store } from "../../../shared/store/port.ts";
import { DAY, MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { readRecordedDeliveries } from "../../support/plane-replay-server.ts";
import { TELEGRAM_ENV } from "../../support/settings.ts";
import { createTestApp } from "../../support/test-app.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { updatesHandler } from "../../support/updates-handler.ts";

async function createKnownItems() {
  const app = await createTestApp();
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.plane.addItem(project, { name: "Other" });
  await app.runFirstPoll(MINUTE);
  return { app, plane: app.plane, project, item };
}

test("reliability 5: an invalid body becomes a dead letter at once with its reason and requests a poll, and other webhooks are handled", async () => {
  const { app, plane, item } = await createKnownItems();
  const pollReasons: string[] = [];
  app.deps.requestPoll = (reason) => pollReasons.push(reason);
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const incomplete = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  delete incomplete.data.updated_at;
  incomplete.data.priority = "whatever";
  const poison: [string, RegExp][] = [
    ["{}", /event: /],
    ["[]", /the body: /],
    ['{"event":"issue","action":"updated"}', /workspace_id: /],
    ["not JSON at all", /not JSON: /],
    ["[".repeat(10_000), /not JSON: /],
    [JSON.stringify(incomplete), /^not a valid Plane webhook \(data\.\w+: .*; data\.\w+: /],
  ];
  for (const [body] of poison) await app.enqueueWebhook(body);
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
  const reasons = (await app.store.listDeadJobs("inbox")).map(({ reason }) => reason);
  expect(reasons).toHaveLength(poison.length);
  for (const [, reason] of poison) expect(reasons).toContainEqual(expect.stringMatching(reason));
  expect(new Set(pollReasons)).toEqual(new Set(["a webhook could not be parsed"]));
});

test("a delivery whose activity is missing or has another form still causes an event", async () => {
  const { app, plane, project } = await createKnownItems();
  const activities = [undefined, null, "updated", {}, { field: "state", new_value: "x", actor: { id: 7 } }];
  for (const activity of activities) {
    const item = plane.addItem(project, { name: "One" });
    await app.deliverUntilIdle();
    app.takeEvents();
    plane.editItem(item, { priority: "high" });
    plane.runWorker();
    const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
    plane.deliveries.dropAll();
    await app.enqueueWebhook(JSON.stringify({ ...body, activity }));
    await app.runUntilIdle();
    expect(app.takeEvents()).toEqual([`ONB-${item.sequence_id} priority`]);
  }
});

test("reliability 5: a job that keeps failing becomes a dead letter and can be requeued once when the cause is fixed", async () => {
  const { app, plane, item } = await createKnownItems();
  const { ruleSets } = app.deps;
  const decide = () => {
    throw new Error("a rule that cannot decide");
  };
  app.deps.ruleSets = [{ name: "broken", needsActor: () => false, decide }];
  plane.editItem(item, { state: "Done" });
  await app.deliverUntilIdle();
  const [dead] = await app.store.listDeadJobs("inbox");
  expect(dead?.reason).toBe("a rule that cannot decide");
  app.deps.ruleSets = ruleSets;
  expect(await app.store.replay("inbox", dead?.id ?? "")).toBe(true);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
  expect(await app.store.replay("inbox", dead?.id ?? "")).toBe(false);
});

test("reliability 6: a repeated old body has no effect: not at once, not after its id is forgotten, not after a restart", async () => {
  const { app, plane, project, item } = await createKnownItems();
  const bodies: string[] = [];
  for (const state of ["In Progress", "Done", "Todo"]) {
    plane.editItem(item, { state });
    bodies.push(...(await app.deliverWebhooks()));
  }
  const deletedItem = plane.addItem(project, { name: "Deleted soon" });
  const comment = plane.addComment(deletedItem, "<p>Words</p>");
  bodies.push(...(await app.deliverWebhooks()));
  plane.deleteComment(comment);
  plane.deleteItem(deletedItem);
  await app.pollUntilIdle();
  app.takeEvents();
  const replayAll = async () => {
    for (const body of bodies) await app.enqueueWebhook(body);
    await app.runUntilIdle();
    await app.poll();
    return app.takeEvents();
  };
  expect(bodies.length).toBeGreaterThanOrEqual(5);
  expect(await replayAll()).toEqual([]);
  app.advance(3 * DAY);
  expect(await replayAll()).toEqual([]);
  await app.restart({ store: "lost" });
  expect(await replayAll()).toEqual([]);
});

test("a repeated delivery, and several deliveries of one edit, cause one event", async () => {
  const { app, plane, item } = await createKnownItems();
  plane.editItem(item, { name: "Manual", state: "Done", priority: "high", target_date: "2026-12-24" });
  plane.runWorker();
  for (const { id } of plane.deliveries.pending) plane.deliveries.duplicate(id);
  expect(await app.deliverWebhooks()).toHaveLength(8);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 due", "ONB-1 priority", "ONB-1 completed"]);
});

test("webhooks of another workspace and of a deletion, and of a comment on a deleted item, cause no event and no failed job", async () => {
  const { app, plane, item } = await createKnownItems();
  const takeBody = () => {
    plane.runWorker();
    const body = JSON.parse(plane.deliveries.pending.at(-1)?.body ?? "");
    plane.deliveries.dropAll();
    return body;
  };
  plane.editItem(item, { state: "In Progress" });
  const edit = takeBody();
  await app.enqueueWebhook(JSON.stringify({ ...edit, workspace_id: crypto.randomUUID() }));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  await app.poll();
  plane.addComment(item, "<p>Words</p>");
  const comment = takeBody();
  plane.deleteItem(item);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 started", "ONB-1 removed"]);
  for (const body of [comment, { ...edit, action: "deleted", data: { id: item.id } }])
    await app.enqueueWebhook(JSON.stringify(body));
  await app.runUntilIdle();
  expect([app.takeEvents(), await app.store.listDeadJobs("inbox")]).toEqual([[], []]);
});

test("a comment before its item, and the first webhooks of a new project, cause reads of the items", async () => {
  const { app, plane, project } = await createKnownItems();
  const item = plane.addItem(project, { name: "New" });
  plane.addComment(item, "<p>Words</p>");
  plane.runWorker();
  plane.deliveries.reorder(plane.deliveries.pending.map(({ id }) => id).reverse());
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-3 created", 'ONB-3 comment_added "Words"']);
  plane.addItem(app.addProject("Born", "BORN"), { name: "First" });
  await app.deliverUntilIdle();
  expect(app.takeEvents().sort()).toEqual(["BORN project_created", "BORN-1 created"]);
});

test("webhooks that arrive before the baseline wait for it and cause no events for existing items", async () => {
  const app = await createTestApp();
  const item = app.plane.addItem(app.addProject(), { name: "Guide" });
  app.plane.editItem(item, { state: "In Progress" });
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("in_progress");
});

const SECRET = "a-secret-of-these-tests_0123456789";
const UPDATES_ENV = { ...TELEGRAM_ENV, TELEGRAM_API_ROOT: "http://127.0.0.1:1", TELEGRAM_WEBHOOK_SECRET: SECRET };

const toBytes = (text: string) => new TextEncoder().encode(text);
const NOT_UTF8 = Uint8Array.from([...toBytes('{"event":"issue","text":"'), 0xff, 0xfe, 0xc0, 0x00, ...toBytes('"}')]);

/** Bodies that cannot be read: cut off, empty, with a byte order mark, a NUL byte, bytes that are not UTF-8, too deep. */
const BODIES: Uint8Array<ArrayBuffer>[] = [
  ...["event=issue", '{"event":"issue","data":{"id":"1"', "", "[]", "\ufeff{}", '{"event":"issue\u0000"}'].map(toBytes),
  NOT_UTF8,
  toBytes(`{"event":${"[".repeat(100_000)}`),
  toBytes('{"event":7,"action":"updated","data":{"id":"1"}}'),
];

/** Starts the product with only one job handler. */
function start(store: Store, handler: JobHandler, env = {}) {
  const only = { ...manifest, ticks: [], services: [], jobHandlers: [handler], ruleSets: () => [] };
  return startTestRuntime({ store, manifest: only, env });
}

const readBytes = ({ raw, encoding }: { raw: string; encoding?: "base64" }) => Buffer.from(raw, encoding ?? "utf8");

async function listDead(store: Store, queue: Queue, read: (body: unknown) => Buffer) {
  await expect.poll(async () => (await store.stats()).queues[queue].dead, { timeout: 20_000 }).toBe(BODIES.length);
  const dead = await store.listDeadJobs(queue);
  const bytes = dead.map(({ body }) => read(body).toString("hex"));
  expect(bytes.sort()).toEqual(BODIES.map((body) => Buffer.from(body).toString("hex")).sort());
  return dead;
}

test("reliability 5: a signed webhook that cannot be read becomes a failed job with its bytes and one line in the log, and does not come back once it is discarded", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const { url, lines } = await start(store, inboxHandler);
  for (const body of BODIES) expect((await postWebhook(url, body)).status).toBe(200);
  const dead = await listDead(store, "inbox", (body) => readBytes(inboxBodySchema.parse(body)));
  for (const { reason } of dead) expect(reason).toMatch(/^not (?:JSON|UTF-8|a valid Plane webhook)/);
  const readLines = () => lines.filter(({ message }) => message === "job moved to dead letters");
  await expect.poll(readLines).toHaveLength(BODIES.length);
  const headers = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  for (const { id } of dead) await fetch(`${url}/dead-letters/inbox/${id}`, { method: "DELETE", ...headers });
  for (const body of BODIES) expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.stats()).queues.inbox).toMatchObject({ pending: 0, dead: 0 });
});

test("reliability 5: an update from Telegram that cannot be read becomes a failed job with its bytes", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const { url } = await start(store, updatesHandler, UPDATES_ENV);
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET };
  for (const body of BODIES)
    expect((await fetch(`${url}/webhooks/telegram`, { method: "POST", headers, body })).status).toBe(200);
  const dead = await listDead(store, "updates", (stored) => {
    const body = storedUpdateBodySchema.parse(stored);
    return body.type === "unread_update" ? readBytes(body) : Buffer.from("read");
  });
  for (const { reason } of dead) expect(reason).toMatch(/^not (?:JSON|UTF-8|a valid Telegram update)/);
});

const readBodies = (file?: string) => readRecordedDeliveries(file).deliveries.map(({ raw_body }) => raw_body);
const bodies = readBodies();

const rowSchema = z.looseObject({
  id: z.string(),
  project: z.string().optional(),
  issue: z.string().optional(),
  updated_at: z.string(),
});
type Row = z.infer<typeof rowSchema>;
const deliverySchema = z.object({ event: z.string(), data: rowSchema });

/**
 * A simulated Plane that answers reads with the state that the deliveries so far have reported. It also knows an old
 * project and others, which have the fields of the first project, and these members.
 */
function createToldPlane(
  firstProject = "",
  projects: { id: string; identifier: string; name?: string }[] = [],
  members: Record<string, unknown>[] = [],
) {
  const known = new Map<string, Map<string, Row>>();
  const of = (event: string) => [...(known.get(event)?.values() ?? [])];
  const old = { id: "00000000-0000-4000-8000-000000000001", identifier: "OLD", created_at: "2026-01-01T00:00:00Z" };
  const { data: fields } = deliverySchema.parse(JSON.parse(firstProject));
  const existing = [old, ...projects].map((project) => ({ ...fields, created_at: old.created_at, ...project }));
  const rowsOf: Record<string, (item: string) => { project?: string | undefined }[]> = {
    projects_list: () =>
      [...existing, ...of("project")].map((one) => ({ ...one, is_member: true, member_role: 20, total_members: 1 })),
    work_items_list: () => of("issue").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)),
    work_items_ids: () => of("issue"),
    comments_list: (item) => of("issue_comment").filter(({ issue }) => issue === item),
  };
  const date = "2026-11-21T04:33:00.000Z";
  const client: PlaneClient = {
    async call<A>({ operation, answer }: Endpoint<A>, { params = {} }: PlaneCallOptions = {}) {
      if (operation === "members_list") return { data: answer.parse(members), date };
      const found = of("issue").find(({ id }) => id === params["item"]);
      if (operation !== "work_items_get" || !found) throw new PlaneNotFoundError({ operation, noRoute: false }, "gone");
      return { data: answer.parse(found), date };
    },
    async *pages<R>({ operation, answer }: Endpoint<PlanePage<R>>, { params = {} }: PlaneCallOptions = {}) {
      const all = rowsOf[operation]?.(params["item"] ?? "") ?? [];
      const mine = all.filter((one) => operation === "projects_list" || one.project === params["project"]);
      const page = { results: mine, total_count: mine.length, next_cursor: "", next_page_results: false };
      yield { data: answer.parse(page), date };
    },
    capabilities: async () => ({ version: "1.2.2", relations: false }),
  };
  function learn(body: string) {
    const { event, data } = deliverySchema.parse(JSON.parse(body));
    const rows = known.get(event) ?? new Map<string, Row>();
    known.set(event, rows);
    const before = rows.get(data.id);
    if (!before || before.updated_at <= data.updated_at) rows.set(data.id, data);
  }
  return { client, learn };
}

async function createRecordedSetup() {
  const app = await createTestApp();
  const told = createToldPlane(bodies[0]);
  app.deps.plane = told.client;
  await app.poll();
  app.advance(60_000);
  return { app, told };
}

const IMHOTEP = "be24c429-0550-40ee-aa37-57b3a8fd4ffb";
const THOT = "37161165-d2a7-41bf-9f13-f69c25aae484";
const EVENTS = [
  ...["ONB project_created", "MEM project_created", "ONB-1 created", "ONB-2 created", `ONB-2 assigned ${IMHOTEP}`],
  ...["ONB-3 created", 'ONB-2 comment_added "60% complete: building the image"', 'ONB-2 comment_added "hi x"'],
  ...['ONB-2 comment_added ""', "ONB-2 started", `ONB-2 assigned ${THOT}`, `ONB-2 unassigned ${IMHOTEP}`],
  ...["ONB-1 completed", "ONB-3 cancelled", "ONB-4 created", "ONB-5 created", 'ONB-5 comment_added "two"'],
  // Plane's worker read the item late, so the first of these four deliveries contains all three changes.
  ...["ONB-5 renamed", "ONB-5 due", "ONB-5 priority", "ONB-5 started", `ONB-5 assigned ${IMHOTEP}`, "ONB-6 created"],
];

test("each recorded delivery is parsed, and together they cause the expected events", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.runUntilIdle();
  }
  expect(await app.store.listDeadJobs("inbox")).toEqual([]);
  expect(app.takeEvents()).toEqual(EVENTS);
});

test("the recorded deliveries sent at once and in reverse order end in the same state", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies.toReversed()) {
    told.learn(body);
    await app.enqueueWebhook(body);
  }
  await app.runUntilIdle();
  await app.pollUntilIdle();
  // In reverse order, states that were only temporary are not seen; lasting changes cause one event each.
  const events = app.takeEvents();
  const passed = [`ONB-2 unassigned ${IMHOTEP}`, `ONB-2 assigned ${IMHOTEP}`];
  const unseen = [...passed, "ONB-5 renamed", "ONB-5 due", "ONB-5 priority"];
  expect(events.sort()).toEqual(EVENTS.filter((event) => !unseen.includes(event)).sort());
});

const WORKSPACE = "64a45eb8-73bb-4a3d-9beb-c32271b745e8";

test("recorded comments of people wake the agents they concern, comments of agents and programs wake nobody, and stop stops", async () => {
  const wake = { kind: "openclaw", url: "http://127.0.0.1:9" };
  const app = await createAgentTestApp({
    agents: {
      Imhotep: { email: "imhotep@javisi.local", wake },
      Thot: { email: "thot@javisi.local", wake },
    },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  // A recorded delivery of a project, in the workspace of the mentions.
  const firstProject = bodies[0]?.replace(/("workspace": ?)"[^"]+"/g, `$1"${WORKSPACE}"`);
  const member = { first_name: "", last_name: "", avatar: "", avatar_url: null, role: 15, display_name: "Thot" };
  const told = createToldPlane(
    firstProject,
    [{ id: "61d6bb73-9305-4525-b07e-a60b7de349ea", identifier: "ONB", name: "Onboarding" }],
    [{ ...member, id: "d2905826-0730-4652-a39e-ca415cb19210", email: "thot@javisi.local" }],
  );
  app.deps.plane = told.client;
  await app.poll();
  app.advance(60_000);
  const seen = app.actions.length;
  for (const body of readBodies("plane-mentions/mentions-and-threads.json")) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.deps.drain();
  }
  const addressed = app.actions
    .slice(seen)
    .flatMap(({ event }) => (event.kind === "addressed" ? [`${event.agent} ← ${event.text}`] : []));
  expect(addressed).toEqual([
    "Imhotep ← ada: which library do you take?",
    "Thot ← ada: Ask for the text.",
    "Imhotep ← ada: Good.",
  ]);
  const item = await app.readItem({ id: "2e0fbe1c-aa8c-4422-93e5-792a7d063e31" });
  expect(item?.stopped).toMatchObject({ by: "ada" });
});
