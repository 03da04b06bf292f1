import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { createTestApp } from "../../support/test-app.ts";
import { createToldPlane } from "./told-plane.ts";

const deliveriesUrl = new URL("../../fixtures/plane-contract/webhook-deliveries.json", import.meta.url);
const bodies = z
  .object({ deliveries: z.array(z.object({ raw_body: z.string() })) })
  .parse(JSON.parse(readFileSync(deliveriesUrl, "utf8")))
  .deliveries.map(({ raw_body }) => raw_body);

async function createRecordedSetup() {
  const app = await createTestApp();
  const toldPlane = createToldPlane(bodies);
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
