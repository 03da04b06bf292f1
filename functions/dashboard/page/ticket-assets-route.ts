import type { Deps, Route } from "../../../shared/app/deps.ts";
import { compactStyle } from "./compact-style.ts";
import { TICKET_STYLES } from "./page-files.ts";
import { joinOnce, SCRIPT_TYPE, STYLE_TYPE, serveAssets } from "./serve-assets.ts";
import { createTicketScript } from "./ticket-script.ts";

/** The files of the view Tickets, which the page loads when the view is opened first. */
export const ticketAssetsRoute: Route = {
  path: "/assets",
  access: "public",
  app: ({ readAsset }: Pick<Deps, "readAsset">) => serveAssets(getTicketAssets(readAsset)),
};

const getTicketAssets = joinOnce((readAsset) => {
  const style = TICKET_STYLES.map((name) => readAsset(`functions/dashboard/page/style/${name}`)).join("");
  return [
    { name: "tickets.js", type: SCRIPT_TYPE, text: createTicketScript(readAsset) },
    { name: "tickets.css", type: STYLE_TYPE, text: compactStyle(style) },
  ];
});
