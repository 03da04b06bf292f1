import fc from "fast-check";
import { expect, test } from "vitest";
import { addNotification, EMPTY_BURST, renderBurst } from "../../../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../../../functions/telegram/presentation/presentation.ts";
import type { AnyEvent } from "../../../../shared/task/events.ts";
import type { ActionBody } from "../../../../shared/task/rule-set.ts";
import { addDetectedEntities } from "../../../../simulators/telegram/detect-entities.ts";
import { findMessageProblem } from "../../../../simulators/telegram/message-payload.ts";
import { createNotice, createNotices, PLANE_BASE_URL, PROJECT } from "../outbox-setup.ts";

const en = createPresentation({ locale: "en", plane: { url: PLANE_BASE_URL } });
const fr = createPresentation({ locale: "fr", plane: { url: PLANE_BASE_URL } });
const createBurstContent = (bodies: ActionBody[]) => bodies.reduce(addNotification, EMPTY_BURST);
const renderText = (bodies: ActionBody[], presentation = en) =>
  renderBurst(createBurstContent(bodies), presentation).text;
const normalizeSpaces = (text: string) => text.replace(/[\u00a0\u202f]/g, " ").replaceAll("\u2060", "");

const richNotice = createNotice(12, {
  title: "Write the welcome mail",
  agent: "Builder",
  assignees: ["Ada", "Builder"],
  timeSpentMs: 2 * 3_600_000 + 5 * 60_000,
  blockers: [{ key: "ONB-3", title: "Choose a host" }],
});
richNotice.facts.actor = { id: "a", name: "Ada", isAgent: false };

test("NOTIF-04 a single notification shows project, agent, task with link, status, time spent, assignees, blockers and actor", () => {
  const { text, entities } = renderBurst(createBurstContent([richNotice]), en);
  expect(normalizeSpaces(text)).toBe(
    [
      "✅ Completed: ONB-12 Write the welcome mail",
      "Project: Onboarding (ONB)",
      "Status: ✅ done",
      "Agent: Builder",
      "Time spent: 2 hr 5 min",
      "Blocked by: ONB-3 Choose a host",
      "By: Ada",
    ].join("\n"),
  );
  const formattedTexts = entities.map(({ offset, length, type }) => [type, text.slice(offset, offset + length)]);
  expect(formattedTexts).toEqual([
    ["bold", "Completed"],
    ["text_link", "ONB-12 Write the welcome mail"],
    ["text_link", "Onboarding (ONB)"],
  ]);
});

test.each<[AnyEvent, string]>([
  [{ kind: "due", from: null, to: "2026-12-03" }, "Due date: none → Dec 3, 2026"],
  [{ kind: "priority", from: "low", to: "urgent" }, "Priority: low → urgent"],
  [{ kind: "renamed", from: "Old name" }, "Previous title: Old name"],
])("a single notification tells what was before: %o", (event, line) => {
  expect(renderText([createNotice(1, {}, event)]).split("\n")).toContain(line);
});

test("a single notification of a cycle shows its dates and progress", () => {
  const cycle = { id: "c", name: "Sprint 3", start: "2026-11-02", end: "2026-11-15", done: 9, total: 12 };
  const body: ActionBody = {
    event: { kind: "cycle_completed" },
    facts: { project: PROJECT, cycle, at: "" },
    correlation: "c",
  };
  expect(renderText([body])).toBe(
    "🏆 Cycle completed: Sprint 3\nProject: Onboarding (ONB)\nDates: Nov 2, 2026 – Nov 15, 2026\n9 of 12 done",
  );
  expect(normalizeSpaces(renderText([body], fr))).toContain("Dates : 2 nov. 2026 – 15 nov. 2026\n9 sur 12 terminées");
});

test("several notifications: up to ten get a line each, with the agent and the blockers of a blocked task", () => {
  const blockers = [{ key: "ONB-3", title: "Choose a host" }];
  const blocked = createNotice(2, { agent: "Builder", blockers }, { kind: "blocked" });
  expect(renderText([createNotice(1), blocked])).toBe(
    "✅ Completed: ONB-1 Task 1\n⛔ Blocked: ONB-2 Task 2 (Builder, ONB-3)",
  );
  expect(renderText(createNotices(1, 10)).split("\n")).toHaveLength(10);
});

test("several notifications: more than ten are counted by event and project", () => {
  const other = createNotices(1, 3).map((body) => ({
    ...body,
    event: { kind: "blocked" } as const,
    facts: { ...body.facts, project: { ...PROJECT, identifier: "WEB", name: "Site" } },
  }));
  expect(renderText([...createNotices(1, 1200), ...other])).toBe(
    "✅ 1,200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, ONB-3, ONB-4, ONB-5, ONB-6, ONB-7, ONB-8, ONB-9, " +
      "ONB-10, … and 1,190 more\n⛔ 3 tasks blocked in Site (WEB): ONB-1, ONB-2, ONB-3",
  );
  expect(normalizeSpaces(renderText([...createNotices(1, 1200), ...other], fr))).toContain(
    "✅ 1 200 tâches terminées dans Onboarding",
  );
});

test("several notifications of many projects have as many links as Telegram accepts in one message", () => {
  const long = "x".repeat(60);
  const url = `${PLANE_BASE_URL}/${long}/browse/ONB-1/`;
  const many = Array.from({ length: 30 }, (_, project) =>
    Array.from({ length: 10 }, (_, n) => {
      const body = createNotice(n + 1, { url });
      return { ...body, facts: { ...body.facts, project: { ...PROJECT, identifier: `P${project}` } } };
    }),
  ).flat();
  const { text, entities } = renderBurst(createBurstContent(many), en);
  expect(findMessageProblem(text, entities)).toBeUndefined();
  expect(entities.length).toBeGreaterThan(20);
  expect(entities.length).toBeLessThanOrEqual(100);
  expect(text).toContain("(P20): ONB-1, ONB-2");
});

test("several notifications of more kinds and projects than fit end in a count of the rest", () => {
  const many = Array.from({ length: 300 }, (_, n) => {
    const body = createNotice(n);
    return { ...body, facts: { ...body.facts, project: { ...PROJECT, identifier: `P${n}`, name: `Project ${n}` } } };
  });
  const text = renderText(many);
  expect(text.length).toBeLessThanOrEqual(4_096);
  const lines = text.split("\n");
  expect(lines.at(-1)).toBe(`… and ${300 - (lines.length - 1)} other changes`);
});

const HOSTILE_TEXTS = [
  "<b>bold</b>",
  "_*[x](https://evil.example)",
  "`code` ```pre```",
  "\u202egnp.exe\u202c \u200f\u2066",
  "a\nb\r\nc\u2028d",
  "$(id); --flag \u001b[31m",
  "@durov #tag $USD /start me@evil.example evil.com http://1.2.3.4/x tg://resolve?domain=x",
  "👩‍👩‍👧‍👦🇫🇷",
  "\ud83d",
  "\udc00",
  "x".repeat(10_000),
  "\u{1f600}".repeat(5_000),
  "",
  "   ",
  "__proto__",
];
const hostileText = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom("\ud83d", "\ude00", "\u202e", "a", "\n", "@", ".", "/", "#", "\u200b", " "),
    maxLength: 300,
  }),
  fc.array(fc.constantFrom(...HOSTILE_TEXTS), { maxLength: 4 }).map((parts) => parts.join("")),
);
const hostileNotice = fc
  .record({
    title: hostileText,
    agent: hostileText,
    assignees: fc.array(hostileText, { maxLength: 8 }),
    blocker: hostileText,
    name: hostileText,
    comment: hostileText,
  })
  .map(({ title, agent, assignees, blocker, name, comment }): ActionBody => {
    const body = createNotice(1, { title, agent, assignees, blockers: [{ key: "ONB-3", title: blocker }] });
    return { ...body, facts: { ...body.facts, project: { ...PROJECT, name }, comment: { id: "c", text: comment } } };
  });

test("hostile text stays text: Telegram accepts every message and detects no entities but ours (reliability 18)", () => {
  const runs = process.env["FULL"] ? 5_000 : 300;
  fc.assert(
    fc.property(fc.array(hostileNotice, { minLength: 1, maxLength: 13 }), fc.boolean(), (bodies, repeat) => {
      const { text, entities } = renderBurst(createBurstContent(bodies), repeat ? fr : en, repeat);
      expect(findMessageProblem(text, entities)).toBeUndefined();
      expect(addDetectedEntities(text, entities)).toEqual(entities);
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
      for (const entity of entities) {
        const part = text.slice(entity.offset, entity.offset + entity.length);
        expect(part.isWellFormed()).toBe(true);
        if (entity.type === "text_link") expect(entity.url.startsWith(PLANE_BASE_URL)).toBe(true);
        if (entity.type === "bold")
          expect([en, fr].some(({ texts }) => Object.values(texts.events).some(({ title }) => title === part))).toBe(
            true,
          );
      }
    }),
    { numRuns: runs },
  );
});
