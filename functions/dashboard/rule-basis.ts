import { DEFAULT_NOTIFICATION_RULES } from "../../shared/config/notification-rules.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { RequestedAction } from "../../shared/decision-log/decision-log.ts";
import { WAITS_FOR_PERSON } from "../../shared/task/rule-set.ts";

/**
 * Where a rule comes from: `settings`, an entry of the settings file; `default`, one of the default notification rules;
 * `always`, a rule of Groundcrew itself that no setting changes.
 */
export type RuleBasis = "settings" | "default" | "always";

/**
 * Finds where a rule of the decision log comes from. An entry of the settings that was removed since counts as one of
 * the settings.
 */
export function findRuleBasis(
  { notifications }: Pick<Settings, "notifications">,
  { rule, queue }: Pick<RequestedAction, "rule" | "queue">,
): RuleBasis {
  if (queue === "forward") return "settings";
  if (queue !== "outbox" || rule === WAITS_FOR_PERSON) return "always";
  if (notifications.some(({ name }, i) => rule === (name ?? `notifications[${i}]`))) return "settings";
  return DEFAULT_NOTIFICATION_RULES.some(({ name }) => name === rule) ? "default" : "settings";
}
