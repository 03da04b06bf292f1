/** Who is signed in, and what the role may use: the header's name, and what the page hides. */

import { hasRole, ROUTE_ROLES } from "../../../../shared/http/route-roles.ts";
import type { SessionAnswer } from "../../answers.ts";
import { fetchAnswer } from "./api.ts";
import { findElements, getElement } from "./find-elements.ts";
import { translate } from "./language.ts";

/** A route of the table of roles: `POST /api/requests/:id`. */
export type RouteName = keyof typeof ROUTE_ROLES;

let viewer: SessionAnswer | undefined;

/** Whether who is signed in may use a route. Until that is known, nobody may. */
export function mayUse(route: RouteName): boolean {
  return viewer !== undefined && hasRole(viewer.role, ROUTE_ROLES[route].role);
}

/** Loads who is signed in, shows it, and hides what the role may not use. */
export async function loadViewer(): Promise<void> {
  viewer = await fetchAnswer("/api/session");
  const role = translate(`role.${viewer.role}`);
  // The holder of ADMIN_TOKEN has the role as a name.
  getElement("account").textContent =
    viewer.name === viewer.role ? role : translate("account", { name: viewer.name, role });
  // `hidden` belongs to the views, which show and hide the same sections.
  for (const el of findElements(document, "[data-route]"))
    el.toggleAttribute("data-denied", !mayUse(el.dataset["route"] as RouteName));
}
