import { z } from "zod";
import { EVENT_KINDS, type EventKind } from "../task/events.ts";
import { PRIORITIES } from "../task/snapshot.ts";

/** A chat's number, or `@name` of a public group or channel. */
export const chatIdSchema = z.union([
  z.number().int(),
  z.string().regex(/^@[A-Za-z]\w{3,31}$/, "want @name or a number"),
]);

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
 * One entry of `notifications` in the settings file. Everything given must fit; what is left out does not matter.
 * Labels and priorities are those of a work item: an entry that names them never fits a project or a cycle.
 */
export const notificationRuleSchema = z.strictObject({
  /** For the log and the page: which entry decided. */
  name: z.string().min(1).optional(),
  events: z.array(eventNameSchema).min(1),
  /** Project identifiers, such as ONB. */
  projects: z.array(z.string().min(1)).min(1).optional(),
  priorities: z.array(z.enum(PRIORITIES)).min(1).optional(),
  /** One of them is enough. */
  labels: z.array(z.string().min(1)).min(1).optional(),
  /** Who did it. Someone unknown counts as people, so that nothing is missed. */
  by: z.enum(["anyone", "people", "agents"]).default("anyone"),
  /** Where it goes; left out: TELEGRAM_CHAT_ID (and with `mute`: every chat). */
  chat: chatIdSchema.optional(),
  /** What fits this entry is not told, whatever the others say. */
  mute: z.boolean().default(false),
});

/** `notifications` in the settings file. Entries that are not `mute` take the place of the default ones. */
export const notificationRulesSchema = z.array(notificationRuleSchema);

export type NotificationRule = z.infer<typeof notificationRuleSchema>;

/** What is told when the settings say nothing else (NOTIF-05): only what matters. */
export const DEFAULT_NOTIFICATION_RULES: readonly NotificationRule[] = notificationRulesSchema.parse([
  { name: "completed tasks", events: ["completed"] },
  { name: "critical blockers", events: ["blocked"], priorities: ["urgent", "high"] },
  { name: "projects", events: ["project_created", "project_completed"] },
  { name: "cycles", events: ["cycle_started", "cycle_completed"] },
  { name: "questions", events: ["asked"] },
  { name: "reviews", events: ["review"] },
  { name: "trouble", events: ["critical", "claim_lost", "stuck", "circle", "failed"] },
]);
