/** The notification rules: which events are sent to which chat, and the rules that hold when none are set. */

import { z } from "zod";
import { EVENT_KINDS, type EventKind } from "../task/event-kinds.ts";
import { PRIORITIES } from "../task/snapshot.ts";

/** A chat's number, or `@name` of a public group or channel. */
const chatIdSchema = z.union([z.number().int(), z.string().regex(/^@[A-Za-z]\w{3,31}$/, "@name or a number")]);

/**
 * An event by its name, or by another name that the settings file may use for it. Everything that is stored has the
 * event's own name.
 */
const eventNameSchema = z
  .enum([...EVENT_KINDS, "dependency_blocked", "dependency_cycle"])
  .transform((name): EventKind => {
    if (name === "dependency_blocked") return "stuck";
    if (name === "dependency_cycle") return "circle";
    return name;
  });

/**
 * One entry of `notifications` in the settings file. An event matches when every field that is set matches.
 * Labels and priorities belong to work items: a rule that names them never matches a project or a cycle.
 */
const notificationRuleSchema = z.strictObject({
  name: z.string().min(1).optional().meta({ meaning: "Name of the rule, for the log and the page." }),
  events: z.array(eventNameSchema).min(1).meta({ meaning: "Events that the rule matches." }),
  projects: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ meaning: "Identifiers of projects, such as ONB. Default: all." }),
  priorities: z.array(z.enum(PRIORITIES)).min(1).optional().meta({ meaning: "Priorities. Default: all." }),
  labels: z.array(z.string().min(1)).min(1).optional().meta({ meaning: "Labels, of which the task has at least one." }),
  by: z
    .enum(["anyone", "people", "agents"])
    .default("anyone")
    .meta({ meaning: "Who caused the event. An unknown actor counts as people, so that nothing is missed." }),
  chat: chatIdSchema.optional().meta({ meaning: "Chat to send to. Default: TELEGRAM_CHAT_ID; with mute: every chat." }),
  mute: z.boolean().default(false).meta({ meaning: "Events that match are not sent, whatever the other rules say." }),
});

export type NotificationRule = z.infer<typeof notificationRuleSchema>;

/** `notifications` in the settings file. Rules that are not `mute` replace the default rules. */
export const notificationRulesSchema = z.array(notificationRuleSchema);

/** The default notification rules (NOTIF-05): only events that need attention. */
export const DEFAULT_NOTIFICATION_RULES: readonly NotificationRule[] = notificationRulesSchema.parse([
  { name: "completed tasks", events: ["completed"] },
  { name: "critical blockers", events: ["blocked"], priorities: ["urgent", "high"] },
  { name: "projects", events: ["project_created", "project_completed", "project_deleted"] },
  { name: "cycles", events: ["cycle_started", "cycle_completed"] },
  { name: "questions", events: ["asked"] },
  { name: "reviews", events: ["review"] },
  { name: "plans", events: ["plan_proposed"] },
  { name: "trouble", events: ["critical", "claim_lost", "stuck", "circle", "failed", "plan_failed"] },
]);
