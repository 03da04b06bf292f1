import type { Manifest } from "../shared/app/deps.ts";
import { createManifest } from "./create-manifest.ts";
import { terminalRoute, ticketAssetsRoute } from "./dashboard/page/ticket-pages.ts";
import { botSetupService, telegramPollingService } from "./telegram/updates/receive-updates.ts";
import { differencesRoute, exchangeRoute, framesRoute, sessionHooksRoute } from "./tickets/runner-routes.ts";
import { terminalStreamRoute } from "./tickets/terminal-stream.ts";
import { ticketPageRoute } from "./tickets/ticket-page-route.ts";
import { sessionsRoute, ticketRoutes } from "./tickets/ticket-routes.ts";
import { createTicketRules, ticketsTick } from "./tickets/ticket-rules.ts";

/** All routes, scheduled ticks, job handlers, services and rule sets of the product on a machine. */
export const manifest: Manifest = createManifest({
  routes: [
    ...ticketRoutes,
    sessionsRoute,
    ticketPageRoute,
    exchangeRoute,
    framesRoute,
    differencesRoute,
    terminalStreamRoute,
    sessionHooksRoute,
    terminalRoute,
    ticketAssetsRoute,
  ],
  ticks: [ticketsTick],
  services: [botSetupService, telegramPollingService],
  ruleSets: ({ tickets }) => [createTicketRules(tickets)],
});
