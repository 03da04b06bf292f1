import fc from "fast-check";
import { expect, test } from "vitest";
import { LOCALES } from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { STATUSES } from "../../../shared/task/snapshot.ts";
import {
  type AgentFacts,
  explainTask,
  type RemedyAction,
  renderWhy,
  type TaskFacts,
} from "../../../shared/tasks/why.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");

const key = fc.constantFrom("WEB-1", "WEB-2", "PLAT-1");
const name = fc.constantFrom("Thot", "Imhotep", "Mery");
const percent = fc.integer({ min: 0, max: 100 });
const at = fc.integer({ min: NOW - 10 ** 9, max: NOW });
const trouble = fc.record({ since: at, reason: fc.constantFrom("invalid API key", "{key}", "ECONNREFUSED") });
/** Most facts are absent, so that each is the reason of some examples. */
const maybe = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });
const rarely = maybe(fc.constant(true)).map((value) => value === true);
/** The same examples each time: together they have every reason and every remedy. */
const RUNS = { numRuns: 4_000, seed: 1 };

const agentFacts: fc.Arbitrary<AgentFacts> = fc
  .record({
    name,
    polls: rarely,
    isBraked: maybe(fc.constant(true as const)),
    keyRefused: maybe(trouble),
    gatewayAway: maybe(trouble),
    busyWith: maybe(fc.uniqueArray(key, { maxLength: 2 })).map((keys = []) => keys),
    isBeingWoken: rarely,
    woken: fc.option(fc.record({ at, times: fc.integer({ min: 0, max: 3 }) }), { nil: undefined }),
    lastCallAt: fc.option(at, { nil: undefined }),
  })
  .map(omitUndefined);

const taskFacts: fc.Arbitrary<TaskFacts> = fc
  .record({
    key: fc.constant("WEB-9"),
    status: fc.constantFrom(...STATUSES),
    backlog: maybe(fc.constant({ state: "Backlog", ready: "Todo" })),
    isUnread: rarely,
    isHidden: rarely,
    isInReview: rarely,
    template: maybe(
      fc.constantFrom<TaskFacts["template"] & {}>({}, { isPaused: true }, { next: NOW + 600_000 }, { next: NOW * 1.1 }),
    ),
    stopped: maybe(fc.record({ by: fc.constant("Ada"), at })),
    blockers: maybe(
      fc.array(fc.record({ key, agent: maybe(name), percent: maybe(percent) }).map(omitUndefined), { maxLength: 2 }),
    ).map((blockers = []) => blockers),
    cycle: maybe(fc.constant<string[]>(["WEB-9", "WEB-1", "WEB-9"])),
    request: maybe(
      fc.record({
        id: fc.uuid(),
        kind: fc.constantFrom("question", "review", "plan", "ticket", "permission", "result", "budget", "agent"),
        from: name,
        at,
      }),
    ),
    claim: maybe(fc.record({ agent: name, since: at, percent: maybe(percent) }).map(omitUndefined)),
    session: maybe(fc.record({ isWaiting: fc.boolean() })),
    agents: fc.option(fc.array(agentFacts, { maxLength: 3 }), { nil: undefined, freq: 10 }),
    people: maybe(name),
    candidate: fc.option(name, { nil: undefined }),
    budgetRequest: maybe(fc.uuid()),
    plane: fc
      .record({
        refused: maybe(trouble),
        unreachable: maybe(trouble),
        pausedUntil: maybe(fc.constant(NOW + 600_000)),
        webhookOff: fc.option(trouble, { nil: undefined }),
      })
      .map(omitUndefined),
  })
  .map(({ agents, ...facts }) => ({ agents, ...omitUndefined(facts) }));

test("every task has a sentence in each language, whatever the facts, and no placeholder is left in it", () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(taskFacts, fc.constantFrom(...LOCALES), (facts, locale) => {
      const { kind, text, remedy } = renderWhy(explainTask(facts), { locale, timezone: "Europe/Paris" }, NOW);
      kinds.add(kind);
      expect(text).toMatch(/^\S.{8,}\.$/);
      expect(text.replaceAll("{key}", "")).not.toMatch(/[{}]|undefined|NaN/);
      expect(remedy?.label ?? "-").toMatch(/^[^{}]+$/);
    }),
    RUNS,
  );
  expect([...kinds].sort()).toEqual(Object.keys(getTexts("en").why.reasons).sort());
});

test("what a remedy does leads to another sentence", () => {
  const labels = new Set<string>();
  fc.assert(
    fc.property(taskFacts, (facts) => {
      const before = explainTask(facts);
      const { action, label } = before.remedy ?? {};
      if (!action || action.method === "GET") return;
      labels.add(label ?? "");
      expect(explainTask(applyAction(facts, action))).not.toEqual(before);
    }),
    RUNS,
  );
  expect([...labels].sort()).toEqual(["assign", "move", "resume", "try_now", "unblock", "wake", "wake_again"]);
});

/** The facts after an action of the API; the routes' own test shows that each does this. */
function applyAction(facts: TaskFacts, { path, body = {} }: RemedyAction): TaskFacts {
  const { stopped: _, ...resumed } = facts;
  const { backlog: __, ...started } = facts;
  const { pausedUntil: ___, ...plane } = facts.plane;
  if (path === "/api/holds/plane") return { ...facts, plane };
  if (path.endsWith("/remarks")) return resumed;
  switch (body["action"]) {
    case "start":
      return { ...started, status: "todo" };
    case "assign":
      return { ...facts, agents: [{ name: body["agent"] ?? "", polls: true, busyWith: [], isBeingWoken: false }] };
    case "wake": {
      const agents = facts.agents?.map((agent) => ({ ...agent, isBeingWoken: agent.name === body["agent"] }));
      return { ...facts, agents };
    }
    default:
      throw new Error(`no model of ${path} ${JSON.stringify(body)}`);
  }
}
