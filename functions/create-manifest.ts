import type { Manifest } from "../shared/app/deps.ts";
import { auditRoute } from "./agent/audit.ts";
import { downloadRoute } from "./agent/download-route.ts";
import { agentHttpRoute } from "./agent/http-route.ts";
import { mcpRoute } from "./agent/mcp-route.ts";
import { uploadRoute } from "./agent/upload-route.ts";
import { canaryTick } from "./canary/canary-tick.ts";
import { agentsRoute } from "./dashboard/agents-route.ts";
import { boardRoute } from "./dashboard/board-route.ts";
import { chatRoute } from "./dashboard/chat-route.ts";
import { chatWriteRoute } from "./dashboard/chat-write-route.ts";
import { decisionLogRoute } from "./dashboard/decision-log-route.ts";
import { eventsRoute } from "./dashboard/events-route.ts";
import { holdsRoute } from "./dashboard/holds-route.ts";
import { createPageRoute } from "./dashboard/page/page-route.ts";
import { planRoute } from "./dashboard/plan-route.ts";
import { sessionRoute } from "./dashboard/session-route.ts";
import { teamRoute } from "./dashboard/team-route.ts";
import { trimTick } from "./dashboard/trim-tick.ts";
import { deadLettersRoute } from "./dead-letters.ts";
import { figuresTick } from "./figures-tick.ts";
import { forwardHandler } from "./forward/forward-handler.ts";
import { createForwardRules } from "./forward/rules.ts";
import { healthRoute } from "./health.ts";
import { holdsTick } from "./holds-tick.ts";
import { metricsRoute } from "./metrics.ts";
import { planeTick } from "./plane-tick.ts";
import { cyclesTick } from "./poll/cycles-tick.ts";
import { jobsTick } from "./poll/jobs-tick.ts";
import { observeHandler } from "./poll/observe-handler.ts";
import { pollTick } from "./poll/poll-tick.ts";
import { readyRoute } from "./ready.ts";
import { storeCopyRoute } from "./store-copy.ts";
import { storeTick } from "./store-tick.ts";
import { digestTick } from "./telegram/digest/digest-tick.ts";
import { createLiveMessageRules } from "./telegram/live-messages/live-message-rules.ts";
import { createNotificationRules } from "./telegram/notification-rules.ts";
import { createOutboxHandler } from "./telegram/outbox-handler.ts";
import { updatesHandler } from "./telegram/updates/updates-handler.ts";
import { ticksRoute } from "./ticks.ts";
import { timeCsvRoute } from "./time-csv.ts";
import { createWakeRules } from "./wake/rules.ts";
import { wakeHandler } from "./wake/wake-handler.ts";
import { inboxHandler } from "./webhooks/inbox-handler.ts";
import { planeWebhookRoute } from "./webhooks/plane-webhook.ts";
import { telegramWebhookRoute } from "./webhooks/telegram-webhook.ts";
import { claimsTick } from "./work/claims-tick.ts";
import { workHandler } from "./work/work-handler.ts";
import { createWorkRules } from "./work/work-rules.ts";

/** What only a machine needs: tickets, which need a ticket runner, and services, which need a process that keeps running. */
type MachineParts = Pick<Manifest, "routes" | "ticks" | "services" | "ruleSets">;

/**
 * Creates the list of all routes, scheduled ticks, job handlers, services and rule sets of the product. Without the
 * parts for machines, which a Worker's bundle then does not contain, the page offers no view of tickets.
 */
export function createManifest(machine?: MachineParts): Manifest {
  return {
    routes: [
      healthRoute,
      readyRoute,
      metricsRoute,
      timeCsvRoute,
      planeWebhookRoute,
      telegramWebhookRoute,
      ticksRoute,
      deadLettersRoute,
      sessionRoute,
      boardRoute,
      teamRoute,
      planRoute,
      decisionLogRoute,
      chatRoute,
      chatWriteRoute,
      agentsRoute,
      holdsRoute,
      storeCopyRoute,
      ...(machine?.routes ?? []),
      eventsRoute,
      createPageRoute({ tickets: machine !== undefined }),
      mcpRoute,
      agentHttpRoute,
      uploadRoute,
      downloadRoute,
      auditRoute,
    ],
    ticks: [
      pollTick,
      jobsTick,
      claimsTick,
      ...(machine?.ticks ?? []),
      cyclesTick,
      canaryTick,
      holdsTick,
      storeTick,
      planeTick,
      trimTick,
      digestTick,
      figuresTick,
    ],
    jobHandlers: [
      inboxHandler,
      observeHandler,
      createOutboxHandler(),
      forwardHandler,
      workHandler,
      wakeHandler,
      updatesHandler,
    ],
    ...(machine?.services ? { services: machine.services } : {}),
    ruleSets: (settings) => [
      createNotificationRules(settings.notifications, settings.telegram?.chat),
      createLiveMessageRules(settings.notifications, settings.telegram?.chat),
      createForwardRules(settings.forward),
      createWorkRules(settings.agents),
      createWakeRules(settings.agents),
      ...(machine?.ruleSets(settings) ?? []),
    ],
  };
}
