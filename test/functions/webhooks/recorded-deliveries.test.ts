import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Endpoint, PlaneCallOptions, PlaneClient, PlanePage } from "../../../shared/plane/client.ts";
import { PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { createTestApp } from "../../support/test-app.ts";

const deliveriesUrl = new URL("../../fixtures/plane-contract/webhook-deliveries.json", import.meta.url);
const bodies = z
  .object({ deliveries: z.array(z.object({ raw_body: z.string() })) })
  .parse(JSON.parse(readFileSync(deliveriesUrl, "utf8")))
  .deliveries.map(({ raw_body }) => raw_body);

const rowSchema = z.looseObject({
  id: z.string(),
  project: z.string().optional(),
  issue: z.string().optional(),
  updated_at: z.string(),
});
type Row = z.infer<typeof rowSchema>;
const deliverySchema = z.object({ event: z.string(), data: rowSchema });

/** A simulated Plane that answers reads with the state that the deliveries so far have reported. */
function createToldPlane() {
  const known = new Map<string, Map<string, Row>>();
  const of = (event: string) => [...(known.get(event)?.values() ?? [])];
  const old = { id: "00000000-0000-4000-8000-000000000001", identifier: "OLD", created_at: "2026-01-01T00:00:00Z" };
  const rowsOf: Record<string, (item: string) => { project?: string | undefined }[]> = {
    projects_list: () => {
      const { data: first } = deliverySchema.parse(JSON.parse(bodies[0] ?? ""));
      return [{ ...first, ...old }, ...of("project")].map((one) => ({ ...one, is_member: true, member_role: 20 }));
    },
    work_items_list: () => of("issue").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)),
    work_items_ids: () => of("issue"),
    comments_list: (item) => of("issue_comment").filter(({ issue }) => issue === item),
    cycles_list: () => of("cycle").map((cycle) => ({ ...cycle, ...NO_ISSUES })),
  };
  const date = "2026-11-21T04:33:00.000Z";
  const client: PlaneClient = {
    async call<A>({ operation, answer }: Endpoint<A>, { params = {} }: PlaneCallOptions = {}) {
      if (operation === "members_list") return { data: answer.parse([]), date };
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

const NO_ISSUES = {
  total_issues: 0,
  completed_issues: 0,
  cancelled_issues: 0,
  started_issues: 0,
  unstarted_issues: 0,
  backlog_issues: 0,
};

async function createRecordedSetup() {
  const app = await createTestApp();
  const toldPlane = createToldPlane();
  app.deps.plane = toldPlane.client;
  await app.poll();
  app.advance(60_000);
  return { app, told: toldPlane };
}

const IMHOTEP = "be24c429-0550-40ee-aa37-57b3a8fd4ffb";
const THOT = "37161165-d2a7-41bf-9f13-f69c25aae484";
const EVENTS = [
  "ONB project_created",
  "MEM project_created",
  "ONB-1 created",
  "ONB-2 created",
  `ONB-2 assigned ${IMHOTEP}`,
  "ONB-3 created",
  'ONB-2 comment_added "60% complete: building the image"',
  'ONB-2 comment_added "hi x"',
  'ONB-2 comment_added ""',
  "ONB-2 started",
  `ONB-2 assigned ${THOT}`,
  `ONB-2 unassigned ${IMHOTEP}`,
  "ONB-1 completed",
  "ONB-3 cancelled",
  "ONB-4 created",
  "ONB-5 created",
  'ONB-5 comment_added "two"',
  // Plane's worker read the item late, so the first of these four deliveries contains all three changes.
  "ONB-5 renamed",
  "ONB-5 due",
  "ONB-5 priority",
  "ONB-5 started",
  `ONB-5 assigned ${IMHOTEP}`,
  "ONB-6 created",
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

test("each recorded delivery repeated with a new delivery id changes nothing, even after its hash is forgotten", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.runUntilIdle();
  }
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  for (const days of [0, 3]) {
    app.advance(days * 86_400_000);
    for (const body of [...bodies, ...bodies.toReversed()]) {
      await app.enqueueWebhook(body);
      await app.runUntilIdle();
    }
    expect(app.takeEvents()).toEqual([]);
  }
});

test("the recorded deliveries sent at once and in reverse order end in the same state", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies.toReversed()) {
    told.learn(body);
    await app.enqueueWebhook(body);
  }
  await app.runUntilIdle();
  await app.poll();
  await app.runUntilIdle();
  // In reverse order, states that were only temporary are not seen; lasting changes cause one event each.
  const events = app.takeEvents();
  const stayed = EVENTS.filter(
    (event) => event !== `ONB-2 unassigned ${IMHOTEP}` && event !== `ONB-2 assigned ${IMHOTEP}`,
  );
  const changes = ["ONB-5 renamed", "ONB-5 due", "ONB-5 priority"];
  expect(events.sort()).toEqual(stayed.filter((event) => !changes.includes(event)).sort());
});
