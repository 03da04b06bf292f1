import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { inboxBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import { formatWebhookHead, openConnection } from "../../support/raw-connection.ts";
import { postWebhook, startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY, WEBHOOK_SECRET } from "../../support/webhook-signature.ts";

const recordedDeliveries = z
  .object({
    secret: z.string(),
    deliveries: z.array(
      z.object({ name: z.string(), headers: z.record(z.string(), z.string()), raw_body: z.string() }),
    ),
  })
  .parse(JSON.parse(readFileSync("test/fixtures/plane-contract/webhook-deliveries.json", "utf8")));

/** The subject of a delivery, from its whole body. */
function getItemId(body: string): string {
  const { event, data } = aboutSchema.parse(JSON.parse(body));
  return event === "issue_comment" ? (data.issue ?? "") : data.id;
}
const aboutSchema = z.object({ event: z.string(), data: z.object({ id: z.string(), issue: z.string().optional() }) });

test("A delivery that Plane signed (NOTIF-02) is stored also when the configured address ends in a slash", async () => {
  const { url, store } = await startTestRuntime();
  const answer = await fetch(`${url}/webhooks/plane/`, {
    method: "POST",
    headers: createWebhookHeaders(SHORT_DELIVERY),
    body: SHORT_DELIVERY,
  });
  expect(answer.status).toBe(200);
  expect(await store.take("inbox", 1000, 10)).toHaveLength(1);
});

test("A delivery that Plane signed (NOTIF-02) is stored once, unchanged, with a correlation id, and answered with 200", async () => {
  const { url, store } = await startTestRuntime();
  const first = await postWebhook(url, SHORT_DELIVERY);
  expect([first.status, await first.json()]).toEqual([200, { ok: true }]);
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  const jobs = await store.take("inbox", 1000, 10);
  expect(jobs).toHaveLength(1);
  expect(jobs[0]).toMatchObject({
    id: createHash("sha256").update(SHORT_DELIVERY).digest("hex"),
    lane: "525a36c6-0000-4000-8000-000000000001",
    body: { raw: SHORT_DELIVERY, correlation: expect.any(String) },
  });
  expect(inboxBodySchema.safeParse(jobs[0]?.body).success).toBe(true);
});

test("A delivery that Plane signed (NOTIF-02) of a comment is stored in the lane of its work item", async () => {
  const { url, store } = await startTestRuntime();
  await postWebhook(url, JSON.stringify({ event: "issue_comment", data: { id: "comment-1", issue: "item-1" } }));
  expect((await store.take("people", 1000, 10))[0]?.lane).toBe("item-1");
});

test.each([
  ["without data", {}],
  ["with an id that is no text", { data: { id: 7 } }],
  ["with an id that is too long", { data: { id: "x".repeat(65) } }],
  ["with an id of control characters", { data: { id: "\u0000\n" } }],
])("A delivery that Plane signed (NOTIF-02): %s has its own lane", async (_, body) => {
  const { url, store } = await startTestRuntime();
  expect((await postWebhook(url, JSON.stringify(body))).status).toBe(200);
  const [job] = await store.take("inbox", 1000, 10);
  expect(job?.lane).toBe(job?.id);
});

test("A delivery that Plane signed (NOTIF-02) of an unknown kind is stored as well", async () => {
  const { url, store } = await startTestRuntime();
  const body = JSON.stringify({ event: "intake", data: { id: "1" } });
  expect((await postWebhook(url, body, { ...createWebhookHeaders(body), "x-plane-event": "intake" })).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

test("A delivery that Plane signed (NOTIF-02) is accepted for every recorded body with its real signature", async () => {
  const { url, store } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: recordedDeliveries.secret } });
  expect(recordedDeliveries.deliveries).toHaveLength(30);
  for (const { headers, raw_body } of recordedDeliveries.deliveries)
    expect((await postWebhook(url, raw_body, headers)).status).toBe(200);
  const bodies = recordedDeliveries.deliveries.map((delivery) => delivery.raw_body);
  const distinct = new Set(bodies).size;
  // Those of comments have a queue of their own.
  const countStored = async () => {
    const { inbox, people } = (await store.stats()).queues;
    return inbox.pending + people.pending;
  };
  expect(await countStored()).toBe(distinct);
  for (const { headers, raw_body } of recordedDeliveries.deliveries) {
    const again = { ...headers, "x-plane-delivery": crypto.randomUUID() };
    expect((await postWebhook(url, raw_body, again)).status).toBe(200);
  }
  expect(await countStored()).toBe(distinct);
  const stored = new Set<string>();
  const lanes = new Map<string, string>();
  const take = async () => [...(await store.take("inbox", 1000, 100)), ...(await store.take("people", 1000, 100))];
  for (let jobs = await take(); jobs.length > 0; jobs = await take()) {
    for (const job of jobs) {
      const { raw } = inboxBodySchema.parse(job.body);
      stored.add(raw);
      lanes.set(raw, job.lane);
      await store.acknowledge(job, { done: true });
    }
  }
  expect(stored).toEqual(new Set(bodies));
  expect(lanes).toEqual(new Map(bodies.map((body) => [body, getItemId(body)])));
});

test("A delivery that Plane signed (NOTIF-02) with the usual beginning is stored whatever follows, so that its job reports the error", async () => {
  const { url, store } = await startTestRuntime();
  const [begun = ""] = recordedDeliveries.deliveries
    .filter(({ name }) => name.startsWith("issue."))
    .map((one) => one.raw_body);
  const broken = `${begun.slice(0, -2)}`;
  expect((await postWebhook(url, broken)).status).toBe(200);
  expect((await store.take("inbox", 1000, 10))[0]).toMatchObject({ lane: getItemId(begun), body: { raw: broken } });
});

test("A delivery that Plane signed (NOTIF-02) needs no allowed Host or Origin, because its signature is verified", async () => {
  const { url } = await startTestRuntime();
  const sent = await openConnection(url);
  const headers = {
    ...createWebhookHeaders(SHORT_DELIVERY),
    host: "elsewhere.example",
    origin: "https://elsewhere.example",
  };
  const all = { ...headers, connection: "close", "content-length": `${SHORT_DELIVERY.length}` };
  sent.socket.write(formatWebhookHead(all) + SHORT_DELIVERY);
  expect((await sent.ended).status).toBe(200);
});

test("A delivery that Plane signed (NOTIF-02) is accepted under the old and the new secret while both are valid", async () => {
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "the-new-secret,the-old-secret" } });
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "the-new-secret"))).status).toBe(
    200,
  );
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "the-old-secret"))).status).toBe(
    200,
  );
});

test("A report on webhooks counts them by outcome and logs them with the correlation id of the job", async () => {
  const { url, deps, lines, store } = await startTestRuntime();
  await postWebhook(url, SHORT_DELIVERY);
  await postWebhook(url, SHORT_DELIVERY, {});
  const text = (await deps.scrape?.())?.text;
  expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="kept"} 1');
  expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="unauthorized"} 1');
  const [job] = await store.take("inbox", 1000, 1);
  const { correlation } = inboxBodySchema.parse(job?.body);
  const about = lines.filter((line) => line["correlation"] === correlation);
  expect(about).toEqual([
    expect.objectContaining({ message: "request", status: 200, job: job?.id, event: "issue", action: "updated" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(WEBHOOK_SECRET);
});
