import type { Site } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import type { World } from "../world.ts";
import { attachmentRoutes, storageRoutes } from "./attachments.ts";
import { commentRoutes } from "./comments.ts";
import { cycleRoutes } from "./cycles.ts";
import { itemRoutes } from "./items.ts";
import { peopleRoutes } from "./people.ts";
import { projectRoutes } from "./projects.ts";
import { relationRoutes } from "./relations.ts";
import { stateRoutes } from "./states.ts";

/** The public API, and the storage its attachments go to. */
export function apiRoutes(app: Site, world: World, limiter: Limiter): void {
  peopleRoutes(app, world, limiter);
  projectRoutes(app, world, limiter);
  stateRoutes(app, world, limiter);
  itemRoutes(app, world, limiter);
  commentRoutes(app, world, limiter);
  relationRoutes(app, world, limiter);
  cycleRoutes(app, world, limiter);
  attachmentRoutes(app, world, limiter);
  storageRoutes(app, world);
}
