import { findProjectMember, listProjectMembers } from "./projects.ts";
import {
  formatOptionalTime,
  renderAuthorColumns,
  renderBaseColumns,
  renderExternalColumns,
  type TimeFormatter,
} from "./render-row.ts";
import type { JsonObject, ProjectRow, UserRow } from "./rows.ts";
import type { Id } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

/** Renders a project's own columns: a webhook contains these alone, an API answer has more before them. */
export function renderProject(row: ProjectRow, formatTime: TimeFormatter): JsonObject {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  return {
    id,
    cover_image_url: row.cover_image,
    ...times,
    name: row.name,
    description: row.description,
    description_text: null,
    description_html: null,
    network: row.network,
    identifier: row.identifier,
    emoji: null,
    icon_prop: null,
    module_view: row.module_view,
    cycle_view: row.cycle_view,
    issue_views_view: row.issue_views_view,
    page_view: row.page_view,
    intake_view: row.intake_view,
    is_time_tracking_enabled: false,
    is_issue_type_enabled: false,
    guest_view_all_features: false,
    cover_image: row.cover_image,
    archive_in: 0,
    close_in: 0,
    logo_props: row.logo_props,
    archived_at: formatOptionalTime(formatTime, row.archived_at),
    timezone: row.timezone,
    ...renderExternalColumns(row),
    ...renderAuthorColumns(row),
    workspace: row.workspace,
    default_assignee: row.default_assignee,
    project_lead: row.project_lead,
    cover_image_asset: null,
    estimate: null,
    default_state: null,
  };
}

/** Renders a project with its counts and the reader's membership. `isListed` adds the reader's sort order. */
export function renderProjectForUser(
  world: PlaneWorld,
  row: ProjectRow,
  reader: UserRow,
  formatTime: TimeFormatter,
  isListed: boolean,
): JsonObject {
  const { id, ...rest } = renderProject(row, formatTime);
  const membership = findProjectMember(world, row.id, reader.id);
  const people = listProjectMembers(world, row.id).filter(
    (each) => !each.removed && !world.data.users.get(each.member)?.is_bot,
  );
  const count = (rows: Iterable<{ project: Id }>) => [...rows].filter((each) => each.project === row.id).length;
  const listFields = isListed ? { sort_order: membership ? 65535 : null } : {};
  return {
    id,
    total_members: people.length,
    total_cycles: count(world.data.cycles.values()),
    total_modules: count(world.data.modules.values()),
    is_member: membership !== undefined,
    ...listFields,
    member_role: membership?.role ?? null,
    is_deployed: false,
    ...rest,
  };
}

/** Renders a project as Plane embeds one in a work item. */
export const renderProjectLite = (row: ProjectRow): JsonObject => ({
  id: row.id,
  identifier: row.identifier,
  name: row.name,
  cover_image: row.cover_image,
  icon_prop: null,
  emoji: null,
  description: row.description,
  cover_image_url: row.cover_image,
});
