import type { PlaneApp } from "../endpoint.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { PlaneWorld } from "../world.ts";
import { mountAttachmentRoutes, mountStorageRoutes } from "./attachments.ts";
import { mountCommentRoutes } from "./comments.ts";
import { mountCycleRoutes } from "./cycles.ts";
import { mountItemRoutes } from "./items.ts";
import { mountPeopleRoutes } from "./people.ts";
import { mountProjectRoutes } from "./projects.ts";
import { mountRelationRoutes } from "./relations.ts";
import { mountStateRoutes } from "./states.ts";

/** Mounts the public API and the storage of its attachments. */
export function mountApiRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  mountPeopleRoutes(app, world, limiter);
  mountProjectRoutes(app, world, limiter);
  mountStateRoutes(app, world, limiter);
  mountItemRoutes(app, world, limiter);
  mountCommentRoutes(app, world, limiter);
  mountRelationRoutes(app, world, limiter);
  mountCycleRoutes(app, world, limiter);
  mountAttachmentRoutes(app, world, limiter);
  mountStorageRoutes(app, world);
}
