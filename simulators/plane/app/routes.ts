import type { PlaneApp } from "../endpoint.ts";
import type { PlaneWorld } from "../world.ts";
import { mountAuthRoutes } from "./auth.ts";
import { mountCurrentUserRoutes } from "./current-user.ts";
import { mountInstanceRoutes } from "./instance.ts";
import { mountIssueRoutes } from "./issues.ts";
import { mountMemberRoutes } from "./members.ts";
import { mountProjectMemberRoutes } from "./project-members.ts";
import { mountWebhookRoutes } from "./webhooks.ts";
import { mountWorkspaceRoutes } from "./workspaces.ts";

/** Mounts the API of the browser: a session instead of an API key, and no rate limit. */
export function mountAppRoutes(app: PlaneApp, world: PlaneWorld): void {
  mountInstanceRoutes(app, world);
  mountAuthRoutes(app, world);
  mountCurrentUserRoutes(app, world);
  mountWorkspaceRoutes(app, world);
  mountMemberRoutes(app, world);
  mountProjectMemberRoutes(app, world);
  mountWebhookRoutes(app, world);
  mountIssueRoutes(app, world);
}
