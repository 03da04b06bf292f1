import { z } from "zod";
import { type AnyEvent, EVENT_KINDS, PLAN_EVENT_KINDS, TICKET_WAIT_KINDS, WORK_EVENT_KINDS } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import { PRIORITIES, STATUSES } from "../task/snapshot.ts";

const nameSchema = z.string();
const prioritySchema = z.enum(PRIORITIES);
const statusSchema = z.enum(STATUSES);
const dateSchema = z.string().nullable();

/** Events without fields besides `kind`. The type check fails when a kind with more fields is not excluded here. */
const bareKindSchema = z
  .enum(EVENT_KINDS)
  .exclude([
    "assigned",
    "unassigned",
    "renamed",
    "due",
    "priority",
    "comment_added",
    "comment_edited",
    ...WORK_EVENT_KINDS,
    ...PLAN_EVENT_KINDS,
  ]);

const refusalFields = {
  name: z.string(),
  values: z.record(z.string(), z.string()).exactOptional(),
};
const refusalSchema = z.object({ ...refusalFields, reason: z.object(refusalFields).exactOptional() });

const planFields = { plan: z.string(), agent: nameSchema, title: z.string() };

/** An event as stored in a job body. */
export const eventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: bareKindSchema }),
  z.object({ kind: z.enum(["assigned", "unassigned"]), who: nameSchema }),
  z.object({ kind: z.literal("renamed"), from: z.string() }),
  z.object({ kind: z.literal("due"), from: dateSchema, to: dateSchema }),
  z.object({ kind: z.literal("priority"), from: prioritySchema, to: prioritySchema }),
  z.object({ kind: z.enum(["comment_added", "comment_edited"]), comment: z.string(), author: nameSchema.nullable() }),
  z.object({
    kind: z.literal("asked"),
    question: z.string(),
    agent: nameSchema,
    text: z.string(),
    choices: z.array(z.string()),
    urgency: z.enum(["low", "normal", "high"]),
    reminder: z.number(),
  }),
  z.object({ kind: z.literal("answered"), question: z.string(), agent: nameSchema, text: z.string(), by: nameSchema }),
  z.object({ kind: z.literal("critical"), comment: z.string(), agent: nameSchema, text: z.string() }),
  z.object({
    kind: z.literal("claim_lost"),
    agent: nameSchema,
    why: z.enum(["expired", "reassigned", "moved", "stopped"]),
    since: z.string(),
    minutes: z.number().exactOptional(),
    by: nameSchema.exactOptional(),
  }),
  z.object({
    kind: z.literal("addressed"),
    agent: nameSchema,
    remark: z.string(),
    by: nameSchema,
    text: z.string(),
  }),
  z.object({ kind: z.literal("review"), agent: nameSchema, confidence: z.number(), text: z.string() }),
  z.object({
    kind: z.literal("sent_back"),
    agent: nameSchema,
    by: nameSchema.nullable(),
    reason: z.string().nullable(),
  }),
  z.object({ kind: z.literal("stuck"), blocker: z.string(), why: z.enum(["cancelled", "blocked"]) }),
  z.object({ kind: z.literal("circle"), path: z.array(z.string()) }),
  z.object({ kind: z.literal("failed"), agent: nameSchema, text: z.string(), refusal: refusalSchema.exactOptional() }),
  z.object({
    kind: z.literal("ticket"),
    ticket: z.string(),
    run: z.number(),
    from: z.string().nullable(),
    state: z.string(),
    reason: z.string(),
    text: z.string(),
    by: nameSchema.nullable(),
    wait: z.object({ kind: z.enum(TICKET_WAIT_KINDS), id: z.string() }).exactOptional(),
  }),
  z.object({ kind: z.literal("plan_proposed"), ...planFields, hash: z.string(), tasks: z.number() }),
  z.object({ kind: z.literal("plan_approved"), ...planFields, by: nameSchema }),
  z.object({
    kind: z.literal("plan_rejected"),
    ...planFields,
    by: nameSchema,
    reason: z.string().nullable(),
    cancelled: z.literal(true).exactOptional(),
  }),
  z.object({ kind: z.literal("plan_failed"), ...planFields, text: z.string(), refusal: refusalSchema.exactOptional() }),
  z.object({ kind: z.literal("plan_completed"), ...planFields, tasks: z.number() }),
]) satisfies z.ZodType<AnyEvent>;

/** The facts of an event as stored in a job body. */
export const factsSchema = z.object({
  item: z
    .object({
      id: z.string(),
      key: z.string(),
      title: z.string(),
      word: statusSchema,
      priority: prioritySchema,
      due: dateSchema,
      url: z.string(),
      assignees: z.array(z.string()),
      agent: z.string().exactOptional(),
      labels: z.array(z.string()),
      blockers: z.array(z.object({ key: z.string(), title: z.string() })),
      timeSpentMs: z.number().exactOptional(),
      cost: z.number().exactOptional(),
      result: z
        .object({
          text: z.string().exactOptional(),
          files: z.array(z.object({ name: z.string(), url: z.string() })),
          count: z.number(),
        })
        .exactOptional(),
      dependants: z.number(),
    })
    .exactOptional(),
  project: z.object({ id: z.string(), identifier: z.string(), name: z.string(), url: z.string() }).exactOptional(),
  cycle: z
    .object({
      id: z.string(),
      name: z.string(),
      start: dateSchema,
      end: dateSchema,
      done: z.number(),
      total: z.number(),
    })
    .exactOptional(),
  totals: z
    .object({
      done: z.number(),
      cancelled: z.number(),
      timeSpentMs: z.number().exactOptional(),
      cost: z.number().exactOptional(),
    })
    .exactOptional(),
  comment: z.object({ id: z.string(), text: z.string() }).exactOptional(),
  actor: z.object({ id: z.string(), name: z.string(), isAgent: z.boolean() }).exactOptional(),
  at: z.string(),
}) satisfies z.ZodType<EventFacts>;
