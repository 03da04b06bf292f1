import type { Site } from "../endpoint.ts";
import type { World } from "../world.ts";
import { authRoutes } from "./auth.ts";
import { instanceRoutes } from "./instance.ts";
import { issueRoutes } from "./issues.ts";
import { meRoutes } from "./me.ts";
import { memberRoutes } from "./members.ts";
import { webhookRoutes } from "./webhooks.ts";
import { workspaceRoutes } from "./workspaces.ts";

/** The API the browser uses: a session instead of a key, and no limit. */
export function appRoutes(app: Site, world: World): void {
  instanceRoutes(app, world);
  authRoutes(app, world);
  meRoutes(app, world);
  workspaceRoutes(app, world);
  memberRoutes(app, world);
  webhookRoutes(app, world);
  issueRoutes(app, world);
}
