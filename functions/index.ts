import type { Manifest } from "../shared/app/deps.ts";
import { createManifest } from "./create-manifest.ts";
import { terminalRoute } from "./dashboard/page/terminal-route.ts";
import { ticketAssetsRoute } from "./dashboard/page/ticket-assets-route.ts";
import { botSetupService } from "./telegram/updates/bot-setup-service.ts";
import { telegramPollingService } from "./telegram/updates/polling-service.ts";
import { exchangeRoute } from "./tickets/exchange-route.ts";
import { framesRoute } from "./tickets/frames-route.ts";
import { sessionHooksRoute } from "./tickets/session-hooks-route.ts";
import { sessionsRoute } from "./tickets/session-routes.ts";
import { terminalStreamRoute } from "./tickets/terminal-stream-route.ts";
import { ticketRoutes } from "./tickets/ticket-routes.ts";
import { createTicketRules } from "./tickets/ticket-rules.ts";
import { ticketsTick } from "./tickets/tickets-tick.ts";

/** All routes, scheduled ticks, job handlers, services and rule sets of the product on a machine. */
export const manifest: Manifest = createManifest({
  routes: [
    ...ticketRoutes,
    sessionsRoute,
    exchangeRoute,
    framesRoute,
    terminalStreamRoute,
    sessionHooksRoute,
    terminalRoute,
    ticketAssetsRoute,
  ],
  ticks: [ticketsTick],
  services: [botSetupService, telegramPollingService],
  ruleSets: ({ tickets }) => [createTicketRules(tickets)],
});
