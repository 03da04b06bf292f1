import { expect, test } from "vitest";
import { forwardBodySchema, upgradeForwardBody } from "../../../shared/jobs/forward-jobs.ts";
import { inboxBodySchema, upgradeInboxBody } from "../../../shared/jobs/inbox-jobs.ts";
import { observeBodySchema } from "../../../shared/jobs/observe-jobs.ts";
import { outboxBodySchema, upgradeOutboxBody } from "../../../shared/jobs/outbox-jobs.ts";
import { updateBodySchema, upgradeUpdateBody } from "../../../shared/jobs/updates-jobs.ts";
import { upgradeWakeBody, wakeBodySchema } from "../../../shared/jobs/wake-jobs.ts";
import { workJobBodySchema } from "../../../shared/jobs/work-jobs.ts";
import { type LeasedJob, QUEUES, type Queue } from "../../../shared/store/job-operations.ts";
import { createMemoryStore } from "../../../shared/store/memory/memory-store.ts";
import { findRecordedJob, RECORDED_JOBS } from "./recorded-jobs.ts";

type ReceivedJob = Pick<LeasedJob, "id" | "lane" | "body">;

/** As each queue's handler reads a body. */
const READERS: Record<Queue, (job: ReceivedJob) => unknown> = {
  inbox: (job) => inboxBodySchema.parse(upgradeInboxBody(job)),
  observe: (job) => observeBodySchema.parse(job.body),
  outbox: (job) => outboxBodySchema.parse(upgradeOutboxBody(job)),
  forward: (job) => forwardBodySchema.parse(upgradeForwardBody(job)),
  work: (job) => workJobBodySchema.parse(job.body),
  wake: (job) => wakeBodySchema.parse(upgradeWakeBody(job)),
  updates: (job) => updateBodySchema.parse(upgradeUpdateBody(job)),
};

const ITEM = "5f1c2a52-0000-4000-8000-000000000012";
const ASSIGNED = `item:${ITEM}:7:assigned.77aa2c10-0000-4000-8000-000000000003`;

test.each(RECORDED_JOBS.map((job) => [`${job.queue} ${job.id}`, job] as const))(
  "a job of the previous version is parsed: %s",
  (_, job) => {
    const body = READERS[job.queue](job);
    const { correlation: _correlation, ...fields } = { ...(job.body as object), correlation: "" };
    expect(body).toMatchObject(fields);
  },
);

test.each([
  [`${ASSIGNED}:telegram:-100123`, { type: "notification", chat: -100123 }],
  ["question:q1:3:asked.q1.0:telegram:-100123", { type: "notification", chat: -100123 }],
  [`item:${ITEM}:9:completed:telegram:-100123:live`, { type: "live_refresh", chat: -100123, item: ITEM }],
  [`look:-100123:${ITEM}:heard.update:41`, { type: "live_refresh", chat: -100123, item: ITEM }],
  ["refresh:@crew:12:3", { type: "burst_refresh", chat: "@crew" }],
  ["answer:update:41", { type: "reply", chat: -100123 }],
  ["show:update:42", { type: "replacement", chat: -100123 }],
  ["canary:silent:1795000000000", { type: "announcement", chat: 42 }],
  ["digest:2026-11-21:1", { type: "announcement", chat: -100123 }],
  [`${ASSIGNED}:forward:https://example.com/hooks?to=ops`, { type: "event", url: "https://example.com/hooks?to=ops" }],
  [`${ASSIGNED}:wake:Thot`, { type: "event", agent: "Thot", itemRev: 7 }],
  ["go:Thot:1795000002000", { type: "deliver", go: "Thot" }],
  ["watch:wake-1", { type: "check", watch: "Thot", sent: "wake-1" }],
  ["update:41", { type: "telegram_update" }],
  ["page:a1", { type: "page_input" }],
  ["page:a2", { type: "page_input" }],
  ["c0ffee", { type: "plane_webhook" }],
])(
  "a job of the previous version gets its type and the fields that only its lane or id contained: %s",
  (id, expected) => {
    const job = findRecordedJob(id);
    expect(READERS[job.queue](job)).toMatchObject(expected);
  },
);

test("a job of the previous version that wakes for an event of another record has no item revision", () => {
  const job = findRecordedJob("question:q1:4:answered.q1:wake:Thot");
  expect(READERS.wake(job)).not.toHaveProperty("itemRev");
});

test("a job of the previous version is parsed in the same way when it is requeued from the dead letters", async () => {
  const store = createMemoryStore({ clock: () => Date.parse("2027-01-01T00:00:00Z") });
  await store.commit({ jobs: [...RECORDED_JOBS] });
  let replayedCount = 0;
  for (const queue of QUEUES) {
    for (let jobs = await takeAll(queue); jobs.length > 0; jobs = await takeAll(queue))
      for (const job of jobs) await store.settle(job, { dead: "the other version did not know it" });
    for (const { id } of await store.listDeadJobs(queue)) expect(await store.replay(queue, id)).toBe(true);
    for (let jobs = await takeAll(queue); jobs.length > 0; jobs = await takeAll(queue))
      for (const job of jobs) {
        expect(READERS[queue](job)).toEqual(READERS[queue](findRecordedJob(job.id)));
        await store.settle(job, { done: true });
        replayedCount += 1;
      }
  }
  expect(replayedCount).toBe(RECORDED_JOBS.length);

  function takeAll(queue: Queue) {
    return store.take(queue, 60_000, 100);
  }
});

test.each([null, "text", 7, [], {}, { type: "unheard_of" }, { event: { kind: "exploded" } }])(
  "a body without a known schema is refused by every queue: %j",
  (body) => {
    for (const queue of QUEUES) expect(() => READERS[queue]({ id: "odd", lane: "odd", body })).toThrow();
  },
);
