import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { inboxBody } from "../../../shared/observe/delivery.ts";
import { planeHeaders, SECRET } from "../../runtime/plane-headers.ts";
import { head, open } from "../../runtime/raw.ts";
import { deliver, started } from "../../runtime/started.ts";
import { BODY } from "./refusal.ts";

const recorded = z
  .object({
    secret: z.string(),
    deliveries: z.array(
      z.object({ name: z.string(), headers: z.record(z.string(), z.string()), raw_body: z.string() }),
    ),
  })
  .parse(JSON.parse(readFileSync("test/fixtures/plane-contract/webhook-deliveries.json", "utf8")));

/** What a delivery is about, by all it says. */
function itemOf(body: string): string {
  const { event, data } = about.parse(JSON.parse(body));
  return event === "issue_comment" ? (data.issue ?? "") : data.id;
}
const about = z.object({ event: z.string(), data: z.object({ id: z.string(), issue: z.string().optional() }) });

describe("A delivery that Plane signed (NOTIF-02)", () => {
  it("is kept too where people typed a slash behind the address", async () => {
    const { url, store } = await started();
    const answer = await fetch(`${url}/webhooks/plane/`, { method: "POST", headers: planeHeaders(BODY), body: BODY });
    expect(answer.status).toBe(200);
    expect(await store.take("inbox", 1000, 10)).toHaveLength(1);
  });

  it("is kept once, whole, with a correlation id, and answered 200", async () => {
    const { url, store } = await started();
    const first = await deliver(url, BODY);
    expect([first.status, await first.json()]).toEqual([200, { ok: true }]);
    expect((await deliver(url, BODY)).status).toBe(200);
    const jobs = await store.take("inbox", 1000, 10);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toMatchObject({
      id: createHash("sha256").update(BODY).digest("hex"),
      lane: "525a36c6-0000-4000-8000-000000000001",
      body: { raw: BODY, correlation: expect.any(String) },
    });
    expect(inboxBody.safeParse(jobs[0]?.body).success).toBe(true);
  });

  it("of a comment waits in its work item's lane", async () => {
    const { url, store } = await started();
    await deliver(url, JSON.stringify({ event: "issue_comment", data: { id: "comment-1", issue: "item-1" } }));
    expect((await store.take("inbox", 1000, 10))[0]?.lane).toBe("item-1");
  });

  it.each([
    ["without data", {}],
    ["with an id that is no text", { data: { id: 7 } }],
    ["with an id that is too long", { data: { id: "x".repeat(65) } }],
    ["with an id of control characters", { data: { id: "\u0000\n" } }],
  ])("%s has a lane of its own", async (_, body) => {
    const { url, store } = await started();
    expect((await deliver(url, JSON.stringify(body))).status).toBe(200);
    const [job] = await store.take("inbox", 1000, 10);
    expect(job?.lane).toBe(job?.id);
  });

  it("of a kind nobody knows is kept all the same", async () => {
    const { url, store } = await started();
    const body = JSON.stringify({ event: "intake", data: { id: "1" } });
    expect((await deliver(url, body, { ...planeHeaders(body), "x-plane-event": "intake" })).status).toBe(200);
    expect((await store.stats()).queues.inbox.pending).toBe(1);
  });

  it("is accepted for every recorded one, byte for byte with its real signature", async () => {
    const { url, store } = await started({ env: { PLANE_WEBHOOK_SECRET: recorded.secret } });
    expect(recorded.deliveries).toHaveLength(30);
    for (const { headers, raw_body } of recorded.deliveries)
      expect((await deliver(url, raw_body, headers)).status).toBe(200);
    const bodies = recorded.deliveries.map((delivery) => delivery.raw_body);
    const distinct = new Set(bodies).size;
    expect((await store.stats()).queues.inbox.pending).toBe(distinct);
    for (const { headers, raw_body } of recorded.deliveries) {
      const again = { ...headers, "x-plane-delivery": crypto.randomUUID() };
      expect((await deliver(url, raw_body, again)).status).toBe(200);
    }
    expect((await store.stats()).queues.inbox.pending).toBe(distinct);
    const kept = new Set<string>();
    const lanes = new Map<string, string>();
    for (
      let jobs = await store.take("inbox", 1000, 100);
      jobs.length > 0;
      jobs = await store.take("inbox", 1000, 100)
    ) {
      for (const job of jobs) {
        const { raw } = inboxBody.parse(job.body);
        kept.add(raw);
        lanes.set(raw, job.lane);
        await store.settle(job, { done: true });
      }
    }
    expect(kept).toEqual(new Set(bodies));
    expect(lanes).toEqual(new Map(bodies.map((body) => [body, itemOf(body)])));
  });

  it("that begins as Plane's do is kept whatever follows, for the one who works it to say what is wrong", async () => {
    const { url, store } = await started();
    const [begun = ""] = recorded.deliveries.filter(({ name }) => name.startsWith("issue.")).map((one) => one.raw_body);
    const broken = `${begun.slice(0, -2)}`;
    expect((await deliver(url, broken)).status).toBe(200);
    expect((await store.take("inbox", 1000, 10))[0]).toMatchObject({ lane: itemOf(begun), body: { raw: broken } });
  });

  it("needs no allowed Host and no own Origin: its signature is its proof", async () => {
    const { url } = await started();
    const sent = await open(url);
    const headers = { ...planeHeaders(BODY), host: "elsewhere.example", origin: "https://elsewhere.example" };
    const all = { ...headers, connection: "close", "content-length": `${BODY.length}` };
    sent.socket.write(head("POST", "/webhooks/plane", all) + BODY);
    expect((await sent.ended).status).toBe(200);
  });

  it("is accepted under the old and the new secret while both are valid", async () => {
    const { url } = await started({ env: { PLANE_WEBHOOK_SECRET: "the-new-secret,the-old-secret" } });
    expect((await deliver(url, BODY, planeHeaders(BODY, "the-new-secret"))).status).toBe(200);
    expect((await deliver(url, BODY, planeHeaders(BODY, "the-old-secret"))).status).toBe(200);
  });
});

describe("What is told of webhooks", () => {
  it("is counted by outcome and logged with the correlation id of the job", async () => {
    const { url, deps, lines, store } = await started();
    await deliver(url, BODY);
    await deliver(url, BODY, {});
    const text = (await deps.scrape?.())?.text;
    expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="kept"} 1');
    expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="unauthorized"} 1');
    const [job] = await store.take("inbox", 1000, 1);
    const { correlation } = inboxBody.parse(job?.body);
    const about = lines.filter((line) => line["correlation"] === correlation);
    expect(about).toEqual([
      expect.objectContaining({ message: "request", status: 200, job: job?.id, event: "issue", action: "updated" }),
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });
});
