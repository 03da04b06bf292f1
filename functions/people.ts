/**
 * The queue of what people write to agents: webhooks of comments, replies and stops from Telegram and the page, and
 * what Plane gets of them afterwards. Its workers do nothing else, so no label, card or read delays a person's words.
 */

import { z } from "zod";
import type { JobHandler } from "../shared/app/deps.ts";
import { parseJobBody } from "../shared/jobs/job-body.ts";
import { MINUTE } from "../shared/time.ts";

/** The handlers of other queues for the same bodies. */
type PeopleHandlers = Record<"webhooks" | "updates" | "work", Pick<JobHandler, "handle">>;

const bodySchema = z.looseObject({ type: z.string() });

const HANDLER_BY_TYPE: Record<string, keyof PeopleHandlers> = {
  plane_webhook: "webhooks",
  telegram_update: "updates",
  page_input: "updates",
};

/** Creates the handler of the queue `people` from those that handle the same bodies in other queues. */
export function createPeopleHandler(handlers: PeopleHandlers): JobHandler {
  return {
    queue: "people",
    // As long as the longest lease of these handlers.
    leaseMs: 2 * MINUTE,
    concurrency: 8,
    handle(deps, job) {
      const { type } = parseJobBody(job, bodySchema);
      return handlers[HANDLER_BY_TYPE[type] ?? "work"].handle(deps, job);
    },
  };
}
