import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addNotification, EMPTY_BURST, renderBurst } from "../../../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../../../functions/telegram/presentation/presentation.ts";
import { createNotificationAction, outboxBodySchema } from "../../../../shared/jobs/outgoing-jobs.ts";
import { WORK_EVENT_KINDS, type WorkEvent } from "../../../../shared/task/events.ts";
import type { ActionBody } from "../../../../shared/task/rule-set.ts";
import { addDetectedEntities } from "../../../../simulators/telegram/detect-entities.ts";
import { findMessageProblem } from "../../../../simulators/telegram/message-payload.ts";
import { createNotice, PLANE_BASE_URL } from "../outbox-setup.ts";

const en = createPresentation({ locale: "en", plane: { url: PLANE_BASE_URL } });
const fr = createPresentation({ locale: "fr", plane: { url: PLANE_BASE_URL } });
const renderRich = (body: ActionBody, presentation = en) =>
  renderBurst(addNotification(EMPTY_BURST, body), presentation);
const normalizeSpaces = (text: string) => text.replace(/[\u00a0\u202f]/g, " ").replaceAll("\u2060", "");
const renderLines = (event: WorkEvent, presentation = en) =>
  normalizeSpaces(
    renderRich(createNotice(12, { title: "Write the mail", agent: "Thot", word: "in_progress" }, event), presentation)
      .text,
  ).split("\n");
const taskLines = ["Project: Onboarding (ONB)", "Status: 🔵 in progress"];

test("why something failed is shown in the language of the message; an unknown reason is shown as the event has it", () => {
  const event = {
    kind: "failed",
    agent: "Thot",
    text: "Thot could not set it to done: Plane refused work_items_update (400: state: Not valid.).",
    refusal: {
      name: "statusNotSet",
      values: { agent: "Thot", status: "done" },
      reason: { name: "planeInvalid", values: { detail: "state: Not valid." } },
    },
  } as const satisfies WorkEvent;
  expect(renderLines(event, fr)[1]).toBe(
    "Thot n’a pas pu passer la tâche au statut « terminée » : Plane a rejeté la modification (state: Not valid.).",
  );
  expect(renderLines(event)[1]).toBe(
    "Thot could not set the task to done: Plane rejected the change (state: Not valid.).",
  );
  expect(renderLines({ ...event, refusal: { name: "ofAnotherVersion" } }, fr)[1]).toBe(event.text);
});

test.each<[WorkEvent, string[]]>([
  [
    { kind: "answered", question: "q1", agent: "Thot", text: "Red", by: "Ada" },
    ["💡 Question answered (Thot): ONB-12 Write the mail", "Answer: Red", "By: Ada"],
  ],
  [
    { kind: "critical", comment: "c", agent: "Thot", text: "The disk is full" },
    ["🚨 Critical comment from Thot: ONB-12 Write the mail", "The disk is full"],
  ],
  [
    { kind: "claim_lost", agent: "Thot", why: "expired", since: "2026-11-21T08:00:00Z" },
    [
      "💤 Claim lost (Thot): ONB-12 Write the mail",
      "No activity for 15 minutes: the task was released.",
      "Held since: Nov 21, 2026 08:00",
    ],
  ],
  [
    { kind: "sent_back", agent: "Thot", by: "Ada", reason: "Too short" },
    ["↩️ Sent back (Thot): ONB-12 Write the mail", "Reason: Too short", "By: Ada"],
  ],
  [
    { kind: "failed", agent: "Thot", text: "Plane does not let Thot do it" },
    ["⚠️ Failed (Thot): ONB-12 Write the mail", "Plane does not let Thot do it"],
  ],
  [
    { kind: "stuck", blocker: "ONB-3", why: "cancelled" },
    ["🧱 Blocked by a dependency: ONB-12 Write the mail", "Depends on: ONB-3 (cancelled)"],
  ],
  [
    { kind: "circle", path: ["ONB-1", "ONB-2", "ONB-1"] },
    ["🔁 Dependency cycle: ONB-12 Write the mail", "ONB-1 → ONB-2 → ONB-1"],
  ],
])("NOTIF-04: notifications of questions and reports of agents: %o", (event, lines) => {
  const isOfAgent = "agent" in event;
  expect(renderLines(event)).toEqual([...lines, ...taskLines, ...(isOfAgent ? [] : ["Agent: Thot"])]);
});

test("NOTIF-04: the time since which a lost task was held is in TIMEZONE", () => {
  const kolkata = createPresentation({ locale: "en", timezone: "Asia/Kolkata" });
  const lost: WorkEvent = { kind: "claim_lost", agent: "Thot", why: "expired", since: "2026-11-21T20:00:00Z" };
  expect(renderLines(lost, kolkata)).toContain("Held since: Nov 22, 2026 01:30");
});

describe("reliability 18: texts of agents", () => {
  const foreign = fc.oneof(
    fc.constantFrom(
      "✅ Completed: ONB-1\nfrom Groundcrew",
      "<b>x</b> [y](https://evil.example) `z`",
      "\u202egnp\u202c @durov /start evil.com",
      "\ud83d",
      "x".repeat(5_000),
    ),
    fc.string({ unit: "binary", maxLength: 200 }),
  );
  const event = fc
    .record({ kind: fc.constantFrom(...WORK_EVENT_KINDS), agent: foreign, text: foreign, choice: foreign })
    .map(
      ({ kind, agent, text, choice }) =>
        ({
          kind,
          agent,
          text,
          question: "q",
          request: "r",
          choices: [choice, choice],
          urgency: "normal",
          reminder: 1,
          by: choice,
          comment: "c",
          remark: "c",
          since: "2026-11-21T08:00:00Z",
          confidence: 0.5,
          reason: text,
          why: kind === "claim_lost" ? "moved" : "blocked",
          blocker: choice,
          path: [choice, text],
          ticket: choice,
          run: 1,
          from: text,
          state: text,
        }) as unknown as WorkEvent,
    );

  test("stay text, on lines of their own below our headline", () => {
    fc.assert(
      fc.property(event, (hostileEvent) => {
        const body = createNotice(1, { agent: "Thot" }, hostileEvent);
        const written = JSON.parse(JSON.stringify(createNotificationAction(42, body).body));
        expect(outboxBodySchema.safeParse(written).success).toBe(true);
        const { text, entities } = renderRich(body);
        expect(findMessageProblem(text, entities)).toBeUndefined();
        expect(addDetectedEntities(text, entities)).toEqual(entities);
        expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
        expect(text.split("\n").length).toBeLessThanOrEqual(7);
        expect(entities.filter(({ type }) => type === "bold")).toHaveLength(1);
        expect(entities[0]).toMatchObject({ type: "bold", offset: text.indexOf(" ") + 1 });
      }),
      { numRuns: process.env["FULL"] ? 3_000 : 200 },
    );
  });
});
