import type { Manifest } from "../shared/app/deps.ts";
import { createAgentHttpRoutes } from "./agent/http-route.ts";
import { createMcpRoute } from "./agent/mcp-route.ts";
import { auditRoute } from "./agent/tool-calls.ts";
import { TOOLS } from "./agent/tools.ts";
import { canaryTick, webhooksTick } from "./canary.ts";
import { agentsRoute, sessionRoute, signInsRoute } from "./dashboard/access-routes.ts";
import { boardRoute } from "./dashboard/board-route.ts";
import { chatRoute, chatWriteRoute } from "./dashboard/chat-routes.ts";
import { decisionLogRoute } from "./dashboard/decision-log-route.ts";
import { eventsRoute } from "./dashboard/events-route.ts";
import { createPageRoute } from "./dashboard/page/page-route.ts";
import { planRoute } from "./dashboard/plan-route.ts";
import { idleTasksRoute, taskFileRoute, taskRoute } from "./dashboard/task-routes.ts";
import { teamRoute } from "./dashboard/team-route.ts";
import { createForwardRules, forwardHandler } from "./forward.ts";
import { healthRoute, metricsRoute, outsideHealthRoute, readyRoute } from "./health.ts";
import { damageTick, figuresTick, storeTick, trimTick } from "./maintenance-ticks.ts";
import { alertsRoute, noticesRoute, noticesTick } from "./notices.ts";
import { deadLettersRoute, holdsRoute, storeCopyRoute, ticksRoute, timeCsvRoute } from "./operations.ts";
import { peopleRoute } from "./people.ts";
import { instanceTick, planeTick } from "./plane-tick.ts";
import { observeHandler } from "./poll/observe-handler.ts";
import { changesTick, cyclesTick, jobsTick, pollTick } from "./poll/poll-tick.ts";
import { REQUEST_KINDS, requestsRoute } from "./requests.ts";
import { schedulesRoute, schedulesTick } from "./schedules.ts";
import { setupRoute } from "./setup.ts";
import { digestTick } from "./telegram/digest/digest.ts";
import { createOutboxHandler } from "./telegram/outbox-handler.ts";
import { createLiveMessageRules, createNotificationRules } from "./telegram/rules.ts";
import { interpretUpdate } from "./telegram/updates/interpret-message.ts";
import { createUpdatesHandler } from "./telegram/updates/updates-handler.ts";
import { usageRoute, usageTick } from "./usage.ts";
import { gatewaysTick } from "./wake/gateway-tick.ts";
import { createWakeRules } from "./wake/rules.ts";
import { wakeHandler } from "./wake/wake-handler.ts";
import { inboxHandler, planeWebhookRoute, telegramWebhookRoute } from "./webhooks/webhook-routes.ts";
import { claimsTick, createPeopleHandlers, createWorkRules, workHandler } from "./work.ts";

/** What only a machine needs: tickets, which need a ticket runner, and services, which need a process that keeps running. */
type MachineParts = Pick<Manifest, "routes" | "ticks" | "services" | "ruleSets">;

/**
 * Creates the list of all routes, scheduled ticks, job handlers, services and rule sets of the product. Without the
 * parts for machines, which a Worker's bundle then does not contain, the page offers no view of tickets.
 */
export function createManifest(machine?: MachineParts): Manifest {
  const updatesHandler = createUpdatesHandler(interpretUpdate);
  return {
    routes: [
      healthRoute,
      readyRoute,
      outsideHealthRoute,
      metricsRoute,
      timeCsvRoute,
      planeWebhookRoute,
      telegramWebhookRoute,
      ticksRoute,
      deadLettersRoute,
      noticesRoute,
      alertsRoute,
      sessionRoute,
      signInsRoute,
      boardRoute,
      teamRoute,
      planRoute,
      decisionLogRoute,
      chatRoute,
      chatWriteRoute,
      taskRoute,
      taskFileRoute,
      idleTasksRoute,
      setupRoute,
      requestsRoute,
      peopleRoute,
      schedulesRoute,
      usageRoute,
      agentsRoute,
      holdsRoute,
      storeCopyRoute,
      ...(machine?.routes ?? []),
      eventsRoute,
      createPageRoute({ tickets: machine !== undefined }),
      createMcpRoute(TOOLS),
      ...createAgentHttpRoutes(TOOLS),
      auditRoute,
    ],
    ticks: [
      pollTick,
      changesTick,
      jobsTick,
      claimsTick,
      ...(machine?.ticks ?? []),
      cyclesTick,
      schedulesTick,
      canaryTick,
      webhooksTick,
      storeTick,
      damageTick,
      planeTick,
      instanceTick,
      noticesTick,
      gatewaysTick,
      usageTick,
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
      ...createPeopleHandlers({ webhooks: inboxHandler, updates: updatesHandler, work: workHandler }),
    ],
    requestKinds: REQUEST_KINDS,
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
