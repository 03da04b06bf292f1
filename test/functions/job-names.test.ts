import { expect, test } from "vitest";
import { createForwardRules } from "../../functions/forward/rules.ts";
import { createLiveMessageRules } from "../../functions/telegram/live-messages/live-message-rules.ts";
import { createNotificationRules } from "../../functions/telegram/notification-rules.ts";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { createWorkRules } from "../../functions/work/work-rules.ts";
import type { NotificationRule } from "../../shared/config/notification-rules.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createInboxJob } from "../../shared/jobs/inbox-jobs.ts";
import {
  createAnnouncementJob,
  createBurstRefreshJob,
  createLiveRefreshJob,
  createReplacementJob,
  createReplyJob,
} from "../../shared/jobs/outbox-jobs.ts";
import { createPageUpdateJob, createUpdateJob } from "../../shared/jobs/updates-jobs.ts";
import { createWakeCheckJob, createWakeJob } from "../../shared/jobs/wake-jobs.ts";
import type { Job } from "../../shared/store/job-operations.ts";
import { type AnyEvent, toEventId } from "../../shared/task/events.ts";
import type { EventFacts } from "../../shared/task/rule-set.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";
import { findRecordedJob, RECORDED_JOBS } from "../shared/jobs/recorded-jobs.ts";

const ITEM = "5f1c2a52-0000-4000-8000-000000000012";
const PROJECT = "9a2d7c10-0000-4000-8000-000000000001";
const CHAT = -100123;
const RICH: RichText = { text: "ONB-12 is assigned to Thot", entities: [{ type: "bold", offset: 0, length: 6 }] };

const FACTS: EventFacts = {
  item: {
    id: ITEM,
    key: "ONB-12",
    title: "Write the welcome mail",
    word: "todo",
    priority: "high",
    due: "2026-11-24",
    url: "https://plane.example.com/javisi/browse/ONB-12/",
    assignees: ["Thot"],
    agent: "Thot",
    agents: ["Thot"],
    labels: ["agent:Thot"],
    blockers: [],
    dependants: 1,
  },
  project: {
    id: PROJECT,
    identifier: "ONB",
    name: "Onboarding",
    url: `https://plane.example.com/javisi/projects/${PROJECT}/issues/`,
  },
  at: "2026-11-21T08:00:00.000000Z",
};
const ASKED: AnyEvent = {
  kind: "asked",
  question: "q1",
  agent: "Thot",
  text: "Which tone?",
  choices: ["Warm", "Formal"],
  urgency: "normal",
  reminder: 0,
};

const CHANGES: [record: string, rev: number, event: AnyEvent][] = [
  [`item:${ITEM}`, 7, { kind: "assigned", who: "77aa2c10-0000-4000-8000-000000000003" }],
  [`item:${ITEM}`, 9, { kind: "completed" }],
  ["question:q1", 3, ASKED],
  ["question:q1", 4, { kind: "answered", question: "q1", agent: "Thot", text: "Warm", by: "Ada (Telegram)" }],
];

function createRules() {
  const notifications: NotificationRule[] = [{ events: ["completed", "assigned", "asked"], by: "anyone", mute: false }];
  const secret = "whsec_AAAA";
  const agents: AgentSettings[] = [
    {
      name: "Thot",
      email: "thot@example.com",
      role: "worker",
      wake: { kind: "webhook", url: "http://127.0.0.1:1/wake", secret },
    },
  ];
  return [
    createNotificationRules(notifications, CHAT),
    createLiveMessageRules([], CHAT),
    createForwardRules([
      { url: "https://example.com/hooks?to=ops", secret, events: ["issue.completed", "issue.assigned"] },
    ]),
    createWorkRules(agents),
    createWakeRules(agents),
  ];
}

/** The jobs that the rules ask for today, named as `decideActions` names them. */
function listDecidedJobs(): Job[] {
  return CHANGES.flatMap(([record, rev, event]) =>
    createRules().flatMap((rules) =>
      rules.decide(event, FACTS, "webhook-1f0c", rev).map(({ target, queue, lane, body }) => ({
        id: `${record}:${rev}:${toEventId(event)}:${target}`,
        queue,
        lane,
        body: JSON.parse(JSON.stringify(body)),
      })),
    ),
  );
}

function listBuiltJobs(): (Job | undefined)[] {
  const message = { rich: RICH, language: "en" } as const;
  const buttons = [[{ text: "Yes", data: "pick:abc:0" }]];
  const from = { id: 7, first_name: "Ada" };
  const chatMessage = { message_id: 40, from, chat: { id: CHAT, type: "supergroup" }, text: "/plane status" };
  return [
    createReplyJob(CHAT, { ...message, buttons, topic: 5, replyTo: 40 }, "update:41", "update-41"),
    createReplacementJob(CHAT, { ...message, messageId: 12 }, "update:42", "update-41"),
    createBurstRefreshJob("@crew", 12, "3", 1_795_000_001_250, "webhook-1f0c"),
    createAnnouncementJob("digest:2026-11-21:1", CHAT, message, "digest-1"),
    createLiveRefreshJob(CHAT, ITEM, "heard.update:41", "update-41"),
    createWakeJob("Thot", 1_795_000_002_000),
    createWakeCheckJob("Thot", "wake-1", 1_795_000_600_000),
    createUpdateJob({ update_id: 41, message: chatMessage }, "update-41"),
    createPageUpdateJob("a1", { text: "/plane status" }, { user: 7, chat: CHAT, language: "en" }, "page-1"),
    createPageUpdateJob("a2", { messageId: 12, data: "pick:abc:0" }, { user: 7, chat: "@crew" }, "page-2"),
    createInboxJob("c0ffee", ITEM, JSON.parse(JSON.stringify(findRecordedJob("c0ffee").body)).raw, "webhook-c0ff"),
  ];
}

/** Jobs that write labels have a lane of their own for each item, which the previous version did not have. */
const toPresentLane = (lane: string, target: string) =>
  target === "mirror" ? lane.replace(/^work:/, "labels:") : lane;

test("the rules create the same job ids and lanes as the previous version, and every field of the bodies", () => {
  const decided = listDecidedJobs();
  const recorded = RECORDED_JOBS.filter(({ id }) =>
    CHANGES.some(([record, rev]) => id.startsWith(`${record}:${rev}:`)),
  ).map((job) => ({ ...job, lane: toPresentLane(job.lane, job.id.split(":").at(-1) ?? "") }));
  expect(decided).toMatchObject(recorded);
  expect(decided).toHaveLength(recorded.length);
});

test("the payload sent to other systems has all fields of the previous version", () => {
  const forwarded = listDecidedJobs().filter(({ queue }) => queue === "forward");
  expect(forwarded.length).toBeGreaterThan(0);
  for (const { body } of forwarded) expect(body).not.toHaveProperty("facts.item.agents");
});

test("each job function creates the same id, lane and fields as the previous version", () => {
  for (const job of listBuiltJobs()) expect(job).toMatchObject(findRecordedJob(job?.id ?? ""));
});
