import type { Manifest } from "../shared/deps.ts";
import { board } from "./dashboard/board.ts";
import { chat } from "./dashboard/chat.ts";
import { events } from "./dashboard/events.ts";
import { page } from "./dashboard/page.ts";
import { session } from "./dashboard/session.ts";
import { trim } from "./dashboard/trim.ts";
import { why } from "./dashboard/why.ts";
import { deadLetters } from "./dead-letters.ts";
import { forwardRules } from "./forward/rules.ts";
import { forward } from "./forward/send.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { cycles } from "./poll/cycles.ts";
import { jobs } from "./poll/jobs.ts";
import { observe } from "./poll/observe.ts";
import { poll } from "./poll/project-pass.ts";
import { ready } from "./ready.ts";
import { outbox } from "./telegram/outbox.ts";
import { notifyRules } from "./telegram/rules.ts";
import { ticks } from "./ticks.ts";
import { inbox } from "./webhooks/inbox.ts";
import { planeWebhook } from "./webhooks/plane.ts";

/** Everything the world can call, everything that happens by the clock, everything that works a queue. */
export const manifest: Manifest = {
  routes: [health, ready, metrics, planeWebhook, ticks, deadLetters, session, board, why, chat, events, page],
  ticks: [poll, jobs, cycles, trim],
  workers: [inbox, observe, outbox(), forward],
  consumers: (settings) => [
    notifyRules(settings.notifications, settings.telegram?.chat),
    forwardRules(settings.forward),
  ],
};
