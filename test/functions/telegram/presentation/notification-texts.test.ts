import fc from "fast-check";
import { expect, test } from "vitest";
import { addNotification, EMPTY_BURST, renderBurst } from "../../../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../../../functions/telegram/presentation/presentation.ts";
import { createNotificationAction, outboxBodySchema } from "../../../../shared/jobs/outgoing-jobs.ts";
import { type AnyEvent, WORK_EVENT_KINDS, type WorkEvent } from "../../../../shared/task/events.ts";
import type { ActionBody, EventFacts } from "../../../../shared/task/rule-set.ts";
import { addDetectedEntities } from "../../../../simulators/telegram/detect-entities.ts";
import { findMessageProblem } from "../../../../simulators/telegram/message-payload.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { createNotice, createNotices, PLANE_BASE_URL, PROJECT } from "../outbox-setup.ts";

const EUROS = { budget: { currency: "EUR" as const } };
const en = createPresentation({ locale: "en", plane: { url: PLANE_BASE_URL }, ...EUROS });
const fr = createPresentation({ locale: "fr", plane: { url: PLANE_BASE_URL }, ...EUROS });

const render = (bodies: ActionBody[], presentation = en) =>
  renderBurst(bodies.reduce(addNotification, EMPTY_BURST), presentation);
const renderText = (bodies: ActionBody[], presentation = en) => toPlainText(render(bodies, presentation));

function withProject(body: ActionBody, change: Partial<typeof PROJECT>, more: Partial<EventFacts> = {}): ActionBody {
  return { ...body, facts: { ...body.facts, project: { ...PROJECT, ...change }, ...more } };
}

test("NOTIF-04 a single notification shows project, agent, task with link, status, time spent, assignees, blockers and actor", () => {
  const notice = createNotice(12, {
    title: "Write the welcome mail",
    agent: "Builder",
    assignees: ["Ada", "Builder"],
    timeSpentMs: 2 * 3_600_000 + 5 * 60_000,
    blockers: [{ key: "ONB-3", title: "Choose a host" }],
  });
  notice.facts.actor = { id: "a", name: "Ada", isAgent: false };
  const { text, entities } = render([notice]);
  expect(renderText([notice]).split("\n")).toEqual([
    "✅ Completed: ONB-12 Write the welcome mail",
    "Project: Onboarding (ONB)",
    "Status: ✅ done",
    "Agent: Builder",
    "Time spent: 2 hr 5 min",
    "Blocked by: ONB-3 Choose a host",
    "By: Ada",
  ]);
  expect(entities.map(({ offset, length, type }) => [type, text.slice(offset, offset + length)])).toEqual([
    ["bold", "Completed"],
    ["text_link", "ONB-12 Write the welcome mail"],
    ["text_link", "Onboarding (ONB)"],
  ]);
});

test("NOTIF-04: a notification tells what was before, what agents report and why", () => {
  const rows: [AnyEvent, string[]][] = [
    [{ kind: "due", from: null, to: "2026-12-03" }, ["Due date: none → Dec 3, 2026"]],
    [{ kind: "priority", from: "low", to: "urgent" }, ["Priority: low → urgent"]],
    [{ kind: "renamed", from: "Old name" }, ["Previous title: Old name"]],
    [
      { kind: "answered", question: "q1", agent: "Thot", text: "Red", by: "Ada" },
      ["💡 Question answered (Thot): ONB-12 Mail", "Answer: Red", "By: Ada"],
    ],
    [
      { kind: "critical", comment: "c", agent: "Thot", text: "The disk is full" },
      ["🚨 Critical comment from Thot: ONB-12 Mail", "The disk is full"],
    ],
    [
      { kind: "claim_lost", agent: "Thot", why: "expired", since: "2026-11-21T08:00:00Z" },
      ["💤 Claim lost (Thot): ONB-12 Mail", "No activity for 15 minutes: the task was released."],
    ],
    [
      { kind: "sent_back", agent: "Thot", by: "Ada", reason: "Too short" },
      ["↩️ Sent back (Thot): ONB-12 Mail", "Reason: Too short", "By: Ada"],
    ],
    [
      { kind: "failed", agent: "Thot", text: "Plane does not let Thot do it" },
      ["⚠️ Failed (Thot): ONB-12 Mail", "Plane does not let Thot do it"],
    ],
    [
      { kind: "stuck", blocker: "ONB-3", why: "cancelled" },
      ["🧱 Blocked by a dependency: ONB-12 Mail", "Depends on: ONB-3 (cancelled)"],
    ],
    [
      { kind: "circle", path: ["ONB-1", "ONB-2", "ONB-1"] },
      ["🔁 Dependency cycle: ONB-12 Mail", "ONB-1 → ONB-2 → ONB-1"],
    ],
  ];
  for (const [event, lines] of rows) {
    const shown = renderText([createNotice(12, { title: "Mail", agent: "Thot" }, event)]).split("\n");
    expect(shown.filter((line) => lines.includes(line))).toEqual(lines);
  }
});

test("NOTIF-04 the message about a completed task shows its summary, links to the deliverables, time and cost", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false, budget: { amount: 100, currency: "EUR" } } });
  app.addTask("A task that keeps the project open");
  const key = await app.startTask("Imhotep");
  await app.actAs("Imhotep").startTimer(key);
  app.advance(600_000);
  await app.actAs("Imhotep").deliver({ task: key, name: "mail.md", file: new Blob(["# Hello"]) });
  const text = "The mail is **written**.\n\n- two versions\n- see [the draft](https://evil.example)";
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 1, text, cost: 1.5 });
  await app.advanceAndDrain();
  expect(toPlainText(app.findMessage("Completed")).split("\n")).toEqual([
    `✅ Completed: ${key} Write the mail`,
    "Result: The mail is written. two versions see the draft",
    "Deliverables: mail.md",
    "Project: Onboarding (ONB)",
    "Status: ✅ done",
    "Agent: Imhotep",
    "Time spent: 10 min",
    "Cost: €1.50",
  ]);
  const links = app.findMessage("Completed")?.entities.flatMap(({ url }) => url ?? []) ?? [];
  expect(links.filter((url) => url.includes("/attachments/"))).toHaveLength(1);
  expect(links.some((url) => url.includes("evil"))).toBe(false);
});

function createResultNotice(n: number, text: string, fileCount = 1): ActionBody {
  const files = Array.from({ length: Math.min(5, fileCount) }, (_, i) => ({
    name: `file-${n}-${i}.pdf`,
    url: `${PLANE_BASE_URL}/api/assets/v2/workspaces/javisi/attachments/${n}-${i}/`,
  }));
  const result = { text, files, count: fileCount };
  return createNotice(n, { agent: "Imhotep", timeSpentMs: 3_600_000, cost: 2, result });
}

test("up to ten notifications get a line each, and a completed task a second one with result, link, time and cost", () => {
  const blockers = [{ key: "ONB-3", title: "Choose a host" }];
  const blocked = createNotice(2, { agent: "Builder", blockers }, { kind: "blocked" });
  const bodies = [createResultNotice(1, "The mail is written."), blocked, createResultNotice(3, "All set.", 4)];
  expect(renderText(bodies).split("\n")).toEqual([
    "✅ Completed: ONB-1 Task 1 (Imhotep)",
    "↳ The mail is written. · file-1-0.pdf · 1 hr · €2.00",
    "⛔ Blocked: ONB-2 Task 2 (Builder, ONB-3)",
    "✅ Completed: ONB-3 Task 3 (Imhotep)",
    "↳ All set. · file-3-0.pdf, file-3-1.pdf, … and 2 more · 1 hr · €2.00",
  ]);
  const ten = Array.from({ length: 10 }, (_, n) => createResultNotice(n + 1, "x".repeat(600), 9));
  const { text, entities } = render(ten);
  expect(findMessageProblem(text, entities)).toBeUndefined();
  expect(text.split("\n").filter((line) => line.startsWith("↳ x"))).toHaveLength(10);
});

test("more than ten notifications are counted by event and project, as many as fit, and then the rest", () => {
  const blocked = createNotices(1, 3).map((body) =>
    withProject({ ...body, event: { kind: "blocked" } }, { identifier: "WEB", name: "Site" }),
  );
  const all = [...createNotices(1, 1200), ...blocked];
  expect(renderText(all)).toBe(
    "✅ 1,200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, ONB-3, ONB-4, ONB-5, ONB-6, ONB-7, ONB-8, ONB-9, " +
      "ONB-10, … and 1,190 more\n⛔ 3 tasks blocked in Site (WEB): ONB-1, ONB-2, ONB-3",
  );
  expect(renderText(all, fr)).toContain("✅ 1 200 tâches terminées dans Onboarding");
  const projects = createNotices(1, 12).map((body, n) =>
    withProject(
      { ...body, event: { kind: "project_completed" } },
      { name: `Project ${n}` },
      { totals: { done: n % 2, cancelled: 1 } },
    ),
  );
  expect(renderText(projects)).toMatch(/^✖️ 6 projects closed without result: .*\n🏁 6 projects completed: /);
  const many = createNotices(0, 299).map((body, n) => withProject(body, { identifier: `P${n}`, name: `Project ${n}` }));
  const lines = renderText(many).split("\n");
  expect(lines.join("\n").length).toBeLessThanOrEqual(4_096);
  expect(lines.at(-1)).toBe(`… and ${300 - (lines.length - 1)} other changes`);
});

test.each([0, 60])("notifications of many projects have as many links as a Telegram message takes: %i", (more) => {
  const url = `${PLANE_BASE_URL}/${"x".repeat(more)}/browse/ONB-1/`;
  const many = Array.from({ length: 300 }, (_, n) =>
    withProject(createNotice((n % 10) + 1, { url }), { identifier: `P${Math.floor(n / 10)}` }),
  );
  const { text, entities } = render(many);
  expect(findMessageProblem(text, entities)).toBeUndefined();
  expect(entities.length).toBeGreaterThan(20);
  expect(entities.length).toBeLessThanOrEqual(100);
  expect(text).toContain("(P20): ONB-1, ONB-2");
});

const HOSTILE_TEXTS = [
  ...["<b>bold</b>", "_*[x](https://evil.example)", "`code` ```pre```", "\u202egnp.exe\u202c \u200f\u2066"],
  ...["a\nb\r\nc\u2028d", "$(id); --flag \u001b[31m", "👩‍👩‍👧‍👦🇫🇷", "\ud83d", "\udc00", "x".repeat(10_000), "", "   "],
  "@durov #tag $USD /start me@evil.example evil.com http://1.2.3.4/x tg://resolve?domain=x",
  ...["\u{1f600}".repeat(5_000), "__proto__", "✅ Completed: ONB-1\nfrom Groundcrew"],
];
const hostilePart = fc.constantFrom("\ud83d", "\ude00", "\u202e", "a", "\n", "@", ".", "/", "#", "\u200b", " ");
const hostileText = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: hostilePart, maxLength: 300 }),
  fc.array(fc.constantFrom(...HOSTILE_TEXTS), { maxLength: 4 }).map((parts) => parts.join("")),
);
const hostileNotice = fc
  .record({ title: hostileText, agent: hostileText, assignees: fc.array(hostileText, { maxLength: 8 }) })
  .chain((item) =>
    fc.record({ item: fc.constant(item), blocker: hostileText, name: hostileText, comment: hostileText }),
  )
  .map(({ item, blocker, name, comment }) =>
    withProject(
      createNotice(1, { ...item, blockers: [{ key: "ONB-3", title: blocker }] }),
      { name },
      { comment: { id: "c", text: comment } },
    ),
  );

function expectOnlyText({ text, entities }: ReturnType<typeof render>) {
  expect(findMessageProblem(text, entities)).toBeUndefined();
  expect(addDetectedEntities(text, entities)).toEqual(entities);
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
}

test("hostile text stays text: Telegram accepts every message and detects no entities but ours (reliability 18)", () => {
  const titles = [en, fr].flatMap(({ texts }) => Object.values(texts.events).map(({ title }) => title));
  fc.assert(
    fc.property(fc.array(hostileNotice, { minLength: 1, maxLength: 13 }), fc.boolean(), (bodies, repeat) => {
      const { text, entities } = renderBurst(bodies.reduce(addNotification, EMPTY_BURST), repeat ? fr : en, repeat);
      expectOnlyText({ text, entities });
      for (const entity of entities) {
        const part = text.slice(entity.offset, entity.offset + entity.length);
        expect(part.isWellFormed()).toBe(true);
        if (entity.type === "text_link") expect(entity.url.startsWith(PLANE_BASE_URL)).toBe(true);
        if (entity.type === "bold") expect(titles).toContain(part);
      }
    }),
    { numRuns: pickSize(5_000, 100) },
  );
});

test("texts of agents stay text, on lines of their own below our headline (reliability 18)", () => {
  const event = fc
    .record({ kind: fc.constantFrom(...WORK_EVENT_KINDS), agent: hostileText, text: hostileText, choice: hostileText })
    .map(({ kind, agent, text, choice }) => {
      const ids = { question: "q", request: "r", comment: "c", remark: "c", since: "2026-11-21T08:00:00Z", run: 1 };
      const fixed = { urgency: "normal", confidence: 0.5, why: kind === "claim_lost" ? "moved" : "blocked" };
      const texts = { agent, text, reason: text, from: text, state: text, choices: [choice, choice], by: choice };
      const more = { blocker: choice, path: [choice, text], ticket: choice, reminder: 1 };
      return { kind, ...ids, ...fixed, ...texts, ...more } as unknown as WorkEvent;
    });
  fc.assert(
    fc.property(event, (hostileEvent) => {
      const body = createNotice(1, { agent: "Thot" }, hostileEvent);
      const written = JSON.parse(JSON.stringify(createNotificationAction(42, body).body));
      expect(outboxBodySchema.safeParse(written).success).toBe(true);
      const { text, entities } = render([body]);
      expectOnlyText({ text, entities });
      expect(text.split("\n").length).toBeLessThanOrEqual(7);
      expect(entities.filter(({ type }) => type === "bold")).toHaveLength(1);
      expect(entities[0]).toMatchObject({ type: "bold", offset: text.indexOf(" ") + 1 });
    }),
    { numRuns: pickSize(3_000, 100) },
  );
});
