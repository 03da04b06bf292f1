import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundcrewError } from "../../../shared/errors.ts";
import { isActive, isFinal, isRequestOver, type Ticket, type TicketVersion } from "../../../shared/tickets/ticket.ts";
import { applyTicketEvent, type TicketEvent } from "../../../shared/tickets/ticket-machine.ts";

const ITEM = { id: "i", project: "p", identifier: "ONB", priority: "none", url: "" } as const;

const version = fc.tuple(fc.nat(5), fc.nat(2)).map(
  ([cause, content]): TicketVersion => ({
    cause: { trigger: "created", id: `cause-${cause}`, at: 0 },
    content: { title: `Version ${content}`, description: "" },
    hash: `hash-${content}`,
  }),
);
const hash = fc.nat(2).map((content) => `hash-${content}`);
const id = fc.constantFrom("a", "b", "c");
const session = fc.record({
  run: fc.integer({ min: 1, max: 4 }),
  state: fc.constantFrom("starting", "running", "ended"),
  started_at: fc.constantFrom("2026-11-21T08:00:00.000Z", "2026-11-21T09:00:00.000Z"),
  exit: fc.constantFrom({ reason: "killed" }, { reason: "exited", status: 0 }, { reason: "exited", status: 1 }),
  applied: fc.subarray(["a", "b", "c"]),
});
const question = fc.record({
  id,
  text: fc.constant("?"),
  options: fc.constant([]),
  answers: fc.constant(["allow", "deny"]),
  createdAt: fc.constant(0),
  session: fc.record({ run: fc.constant(1), waits: fc.constantFrom("permission", "input"), call: id }),
});

const verdict = fc.record({ answer: fc.constantFrom("allow", "deny", "resume"), by: fc.constant("Ada") });
const summary = fc.constantFrom("", "Done", "Again");
const step = fc.constantFrom("comment", "state");

/** Any event, as often as not one that does not fit. */
const anyEvent: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({ kind: fc.constant("requested"), key: fc.constant("ONB-1"), item: fc.constant(ITEM), version }),
  fc.record({ kind: fc.constant("approved"), by: fc.constant("Ada"), hash, sessionId: fc.uuid(), token: fc.uuid() }),
  fc.record({ kind: fc.constant("rejected"), by: fc.constant("Ada"), text: fc.constant("") }),
  fc.record({ kind: fc.constant("reread"), version, isClosed: fc.boolean() }),
  fc.record({ kind: fc.constant("placed"), runner: fc.constantFrom("one", "two"), plansFirst: fc.boolean() }),
  fc.record({
    kind: fc.constant("observed"),
    runner: fc.constantFrom("one", "two"),
    session,
    minutes: fc.constant(30),
  }),
  fc.record({ kind: fc.constant("asked"), question }),
  fc.record({ kind: fc.constant("answered"), question: id, verdict }),
  fc.record({ kind: fc.constant("settled"), questions: fc.subarray(["a", "b", "c"]) }),
  fc.record({ kind: fc.constantFrom("released", "fetched"), question: id }),
  fc.record({ kind: fc.constant("noticed"), attention: fc.constantFrom(undefined, "silent") }),
  fc.record({
    kind: fc.constant("typed"),
    input: fc.record({ id, kind: fc.constant("text"), text: fc.constant("x") }),
  }),
  fc.record({ kind: fc.constant("completed"), summary, source: fc.constant("file"), by: fc.constant("Claude") }),
  fc.record({ kind: fc.constant("update_requested"), by: fc.constant("Ada") }),
  fc.record({ kind: fc.constant("update_step"), step, problem: fc.constantFrom(undefined, "no") }),
  fc.record({ kind: fc.constant("closed_in_plane"), text: fc.constant("done") }),
  fc.record({ kind: fc.constant("cancelled"), by: fc.constant("Ada") }),
  fc.record({ kind: fc.constant("limit_over"), limit: fc.constantFrom("time", "budget"), spent: fc.constant(5) }),
  fc.record({ kind: fc.constant("extended"), minutes: fc.constant(30), by: fc.constant("Ada") }),
  fc.record({ kind: fc.constant("removal_requested"), by: fc.constant("Ada"), force: fc.boolean() }),
);

interface Step {
  event: TicketEvent;
  before: Ticket | undefined;
  after: Ticket | undefined;
}

/** Events with the time that has passed; `fits`: the event names what the ticket has at that time. */
const anyHistory = fc
  .array(fc.tuple(anyEvent, fc.integer({ min: 1, max: 3_600_000 }), fc.boolean()), { minLength: 20, maxLength: 80 })
  .map(runHistory);

function runHistory(events: [Record<string, unknown>, number, boolean][]): Step[] {
  const steps: Step[] = [];
  let ticket: Ticket | undefined;
  let at = Date.parse("2026-11-21T08:00:00.000Z");
  for (const [fields, passed, fits] of events) {
    at += passed;
    const event = { ...(fits ? adjust(fields, ticket) : fields), at } as unknown as TicketEvent;
    const before = ticket;
    try {
      ticket = applyTicketEvent(before, event).ticket;
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
    }
    steps.push({ event, before, after: ticket });
  }
  return steps;
}

function adjust(fields: Record<string, unknown>, ticket: Ticket | undefined): Record<string, unknown> {
  if (fields["kind"] === "approved") return { ...fields, hash: ticket?.shown.hash };
  if (fields["kind"] !== "observed") return fields;
  return { ...fields, runner: ticket?.placed, session: { ...(fields["session"] as object), run: ticket?.run } };
}

const STATEMENTS: Record<string, (step: Step) => boolean> = {
  "a ticket runs only after an approval that named the hash of what was shown": ({ event, before, after }) =>
    !after ||
    after.run === (before?.run ?? 0) ||
    (event.kind === "approved" && before?.state === "pending" && before.shown.hash === event.hash),
  "a session is wanted only in a run that was approved and is not over": ({ after }) =>
    !after?.wanted || (isActive(after) && after.approval !== undefined && after.run > 0),
  "a session that starts or runs is wanted, so that an exchange names it": ({ after }) =>
    !after || !["starting", "running"].includes(after.state) || after.wanted,
  "a repeated approval keeps the session of the first one": ({ event, before, after }) =>
    event.kind !== "approved" ||
    before === undefined ||
    !isActive(before) ||
    after?.approval?.sessionId === before.approval?.sessionId,
  "only a new request leaves a final state": ({ event, before, after }) =>
    !before || !isFinal(before.state) || after?.state === before.state || event.kind === "requested",
  "a completion is recorded once in each run": ({ before, after }) =>
    before?.completion === undefined || before.run !== after?.run || after.completion?.at === before.completion.at,
  "a step of the update that is done stays done until the next run": ({ before, after }) => {
    if (!before?.update || before.run !== after?.run) return true;
    const steps = ["comment", "state", undefined];
    return steps.indexOf(after.update?.step) >= steps.indexOf(before.update.step);
  },
  "one cause requests a ticket once": ({ event, before, after }) =>
    event.kind !== "requested" || !before?.causes.includes(event.version.cause.id) || after === before,
  "a ticket in no run asks nothing and has no input for a session": ({ after }) =>
    !after || isActive(after) || after.questions.every(isRequestOver),
  "an answer is fetched once, by the request that waits for it, or typed": ({ event, before, after }) => {
    if (event.kind !== "fetched" || after === before) return true;
    const wasAnswered = before?.questions.some(({ session, verdict }) => session.call === event.question && verdict);
    return wasAnswered === true && after?.inputs.length === before?.inputs.length;
  },
};

test("After any event of any history: what runs was approved, what is over stays over, and nothing counts twice", () => {
  fc.assert(
    fc.property(anyHistory, (steps) => {
      for (const step of steps)
        expect(
          Object.keys(STATEMENTS).filter((statement) => !STATEMENTS[statement]?.(step)),
          JSON.stringify(step),
        ).toEqual([]);
    }),
    { numRuns: process.env["FULL"] ? 20_000 : 250 },
  );
}, 300_000);

test("The random histories reach every state", () => {
  const all = fc.sample(anyHistory, { numRuns: 400, seed: 1 }).flat();
  const before = ["pending", "approved", "starting", "running", "waiting"];
  const states = [...new Set(all.map(({ after }) => after?.state))];
  expect(states).toEqual(expect.arrayContaining([...before, "completed", "updating", "rejected", "cancelled"]));
});
