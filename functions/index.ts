import type { Manifest } from "../shared/app/deps.ts";
import { createManifest } from "./create-manifest.ts";
import { terminalRoute, ticketAssetsRoute } from "./dashboard/page/ticket-pages.ts";
import { botSetupService, telegramPollingService } from "./telegram/updates/receive-updates.ts";
import { runnerRoutes } from "./tickets/runner-routes.ts";
import { terminalStreamRoute } from "./tickets/terminal-stream.ts";
import { ticketRoutes } from "./tickets/ticket-routes.ts";
import { createTicketRules, ticketsTick } from "./tickets/ticket-rules.ts";

/** All routes, scheduled ticks, job handlers, services and rule sets of the product on a machine. */
export const manifest: Manifest = createManifest({
  routes: [...ticketRoutes, ...runnerRoutes, terminalStreamRoute, terminalRoute, ticketAssetsRoute],
  ticks: [ticketsTick],
  services: [botSetupService, telegramPollingService],
  ruleSets: ({ tickets }) => [createTicketRules(tickets)],
});
