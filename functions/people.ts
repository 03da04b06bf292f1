/**
 * The queues of what people write to agents. Their workers do nothing else, so no label, card or read delays a person's
 * words.
 */

import type { JobHandler } from "../shared/app/deps.ts";
import { inboxBodySchema, storedUpdateBodySchema } from "../shared/jobs/incoming-jobs.ts";
import { parseJobBody } from "../shared/jobs/internal-jobs.ts";
import { MINUTE } from "../shared/time.ts";

/** The handlers of other queues for the same bodies. */
type PeopleHandlers = Record<"webhooks" | "updates" | "work", JobHandler>;

const bodySchema = inboxBodySchema.or(storedUpdateBodySchema);

/**
 * Creates the handlers of `people`, which records webhooks of comments, and replies and stops from Telegram and the
 * page, and of `posts`, which writes to Plane what follows from them.
 */
export function createPeopleHandlers({ webhooks, updates, work }: PeopleHandlers): JobHandler[] {
  return [
    {
      queue: "people",
      leaseMs: MINUTE,
      concurrency: 8,
      handle: (deps, job) =>
        (parseJobBody(job, bodySchema).type === "plane_webhook" ? webhooks : updates).handle(deps, job),
    },
    { ...work, queue: "posts" },
  ];
}
