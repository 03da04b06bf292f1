import { DEFAULT_POLL_CRON } from "../../shared/config/environment.ts";
import type { Settings } from "../../shared/config/settings.ts";

/**
 * When Plane is polled: POLL_CRON. Without it, tickets poll every `tickets.poll_seconds`, because people wait for them
 * where webhooks do not arrive.
 */
export function getPollCron({ pollCron, tickets }: Pick<Settings, "pollCron" | "tickets">): string {
  if (!tickets || pollCron !== DEFAULT_POLL_CRON) return pollCron;
  const seconds = tickets.poll_seconds;
  return seconds < 60 ? `*/${seconds} * * * * *` : `*/${seconds / 60} * * * *`;
}
