import { DAY } from "../../shared/time.ts";
import { createCycle } from "./cycles.ts";
import { createItem } from "./items.ts";
import { createModule } from "./modules.ts";
import { addProjectMember, createProject } from "./projects.ts";
import type { UserRow, WorkspaceRow } from "./rows.ts";
import { formatDay } from "./time.ts";
import type { PlaneWorld } from "./world.ts";

const COVER = "https://images.unsplash.com/photo-1691230995681-480d86cbc135";

/**
 * Adds the sample project that Plane creates in every workspace made in the browser. Plane sends no webhook about it.
 */
export function addSampleProject(world: PlaneWorld, workspace: WorkspaceRow, owner: UserRow): void {
  const queued = world.queue.length;
  const bot = [...world.data.users.values()].find((user) => user.email.startsWith(`bot_user_${workspace.id}`));
  const by = bot?.id ?? owner.id;
  const identifier =
    workspace.name
      .toUpperCase()
      .replaceAll(/[^A-Z]/g, "")
      .slice(0, 5) || "DEMO";
  const project = createProject(
    world,
    workspace,
    { name: workspace.name.replaceAll(/[^\w ]/g, " "), identifier, description: "Welcome to the Plane Demo Project!" },
    by,
  );
  project.cover_image = COVER;
  project.module_view = true;
  project.cycle_view = true;
  project.issue_views_view = true;
  project.logo_props = { emoji: { url: "", value: "128071" }, in_use: "emoji" };
  addProjectMember(world, project.id, owner.id, 20);
  for (const [index, name] of ["Cycle 1: Getting Started", "Cycle 2: Collaboration"].entries()) {
    const start_date = formatDay(world.clock() + index * 14 * DAY);
    createCycle(world, project, { name, start_date, end_date: formatDay(world.clock() + (index + 1) * 13 * DAY) }, by);
  }
  for (const name of ["Core Workflow", "Onboarding", "Workspace Setup"]) createModule(world, project, { name }, by);
  for (const name of ["Welcome to Plane", "Create and assign work items", "Customise your settings"])
    createItem(world, project, { name }, { actor: by, via: "browser" });
  world.queue.length = queued;
}
