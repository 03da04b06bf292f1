import { z } from "zod";
import { activities, links } from "../../../shared/plane/activities-links.ts";
import { accounts, apiTokens } from "../../../shared/plane/app/account.ts";
import { instanceAdmin } from "../../../shared/plane/app/instance-admin.ts";
import { issues } from "../../../shared/plane/app/issues.ts";
import { auth } from "../../../shared/plane/app/sign-in.ts";
import { webhooks } from "../../../shared/plane/app/webhooks.ts";
import { workspaceInvitations, workspaceMembers, workspaces } from "../../../shared/plane/app/workspaces.ts";
import { attachments } from "../../../shared/plane/attachments.ts";
import type { Endpoint } from "../../../shared/plane/client.ts";
import { comments } from "../../../shared/plane/comments.ts";
import { cycles, modules } from "../../../shared/plane/cycles-modules.ts";
import { instance } from "../../../shared/plane/instance.ts";
import { projects } from "../../../shared/plane/projects.ts";
import { relations } from "../../../shared/plane/relations.ts";
import { listed } from "../../../shared/plane/schema.ts";
import { labels, states } from "../../../shared/plane/states-labels.ts";
import { invitations, members, projectMembers, users } from "../../../shared/plane/users-members.ts";
import { workItem, workItems } from "../../../shared/plane/work-items.ts";

/** The endpoint for a recorded exchange: the first row whose pattern its name matches. */
const CALLS: [RegExp, Endpoint<unknown>][] = [
  [/^users_me$|^rate_limit_|^(invalid|no)_api_key$|^deleted_token_refused$/, users.me],
  [/^workspace_members(_as_member)?$/, members.list],
  [/^invitations_list_public$/, invitations.list],
  [/^projects_(empty|list.*)$|^workspace_unknown$/, projects.list],
  [/^project_create/, projects.create],
  [/^project_get$/, projects.get],
  [/^project_patch/, projects.update],
  [/^project_members_list/, projectMembers.list],
  [/^project_member_add_public$/, projectMembers.add],
  [
    /^project_member_add_public2$/,
    { ...projectMembers.add, path: "/api/v1/workspaces/:workspace/projects/:project/project-members/" },
  ],
  [/^project_summary$/, projects.summary],
  [/^project_archived_items$|^work_items_list_pql_ignored$/, workItems.ids],
  [/^project_archived_create$/, workItems.create],
  [/^states_list$/, states.list],
  [/^state_create/, states.create],
  [/^labels_list$/, labels.list],
  [/^label_create/, labels.create],
  [/^work_item_create/, workItems.create],
  [/^work_items_list_by_/, workItems.byExternalId],
  [
    /^work_items_list_expand_fields$/,
    {
      ...workItems.list,
      answer: listed(
        workItem.pick({
          id: true,
          name: true,
          sequence_id: true,
          state: true,
          assignees: true,
          labels: true,
          priority: true,
          target_date: true,
          updated_at: true,
          project: true,
        }),
      ),
    },
  ],
  [
    /^work_items_list_filter_assignee_ignored$/,
    { ...workItems.list, answer: listed(workItem.pick({ id: true, name: true })) },
  ],
  [/^work_items_list/, workItems.list],
  [/^work_item_(get|unknown)/, workItems.get],
  [/^work_item_by_/, workItems.byKey],
  [/^work_item_search$/, workItems.search],
  [/^work_item_delete/, workItems.remove],
  [/^work_item_(start|patch|reassign|done|cancel)/, workItems.update],
  [/^relation_/, relations.create],
  [/^relations_list/, relations.list],
  [/^comment_create/, comments.create],
  [/^comments_list$/, comments.list],
  [/^comment_patch$/, comments.update],
  [/^comment_delete$/, comments.remove],
  [/^link_create/, links.create],
  [/^links_list$/, links.list],
  [/^activities_list$/, activities.list],
  [/^cycle_create$/, cycles.create],
  [/^cycles_list$/, cycles.list],
  [/^cycles_list_current$/, cycles.current],
  [/^cycle_add_items$/, cycles.addItems],
  [/^cycle_items$/, cycles.items],
  [/^cycle_patch$/, cycles.update],
  [/^module_create$/, modules.create],
  [/^module_add_items$/, modules.addItems],
  [/^modules_list$/, modules.list],
  [/^attachment_create/, attachments.create],
  [/^attachment_confirm$/, attachments.confirm],
  [/^attachments_list$/, attachments.list],
  [/^attachment_get$/, attachments.get],
  [/^instance_info$/, instance.info],
  [/^root_health$/, instance.health],

  [/^csrf/, auth.csrf],
  [/^sign_in/, auth.signIn],
  [/^sign_up_switch/, instanceAdmin.configure],
  [/^sign_up/, auth.signUp],
  [/^email_check/, auth.emailCheck],
  [/^instance_admin_sign_up/, instanceAdmin.signUp],
  [/^instance_admin_sign_in/, instanceAdmin.signIn],
  [/^instance_configurations$/, instanceAdmin.configurations],
  [/^(users_me_app$|me_)/, accounts.me],
  [/^(patch_me_|user_timezone$)/, accounts.update],
  [/^profile_get$/, accounts.profile],
  [/^profile_/, accounts.updateProfile],
  [/^(api_token_create|token_)/, apiTokens.create],
  [/^api_token_list$/, apiTokens.list],
  [/^api_token_get$/, apiTokens.get],
  [/^api_token_delete$/, apiTokens.remove],
  [/^(workspaces_list_app|my_workspaces)_/, workspaces.mine],
  [/^workspace_slug_check$/, workspaces.slugIsFree],
  [/^workspace_create/, workspaces.create],
  [/^workspace_get$/, workspaces.get],
  [/^workspace_timezone$/, workspaces.update],
  [/^workspace_members_app$/, workspaceMembers.list],
  [/^workspace_member_role_/, workspaceMembers.update],
  [/^invitations_list_/, workspaceInvitations.list],
  [/^invite_/, workspaceInvitations.create],
  [/^my_invitations_/, workspaceInvitations.mine],
  [/^accept_/, workspaceInvitations.accept],
  [/^webhook_create/, webhooks.create],
  [/^webhook_list$/, webhooks.list],
  [/^webhook_get/, webhooks.get],
  [/^webhook_switch_/, webhooks.update],
  [/^webhook_secret_regenerate$/, webhooks.regenerate],
  [/^webhook_delete$/, webhooks.remove],
  [/^webhook_logs$/, webhooks.log],
  [/^app_issue_/, issues.update],
];

/** Routes that other documents promise: asked as written, nothing to parse. */
const ABSENT = /_absent$/;

export function endpointFor(exchange: { name: string; request: { method: string; path: string } }): Endpoint<unknown> {
  const { name, request } = exchange;
  const found = CALLS.find(([pattern]) => pattern.test(name))?.[1];
  if (found) return found;
  if (!ABSENT.test(name)) throw new Error(`no endpoint is known for the recorded ${name}`);
  const method = z.enum(["GET", "POST"]).parse(request.method);
  return { operation: name, method, path: request.path, answer: z.never() };
}

/** What the `:names` of a route pattern stand for in a recorded path; undefined when the path is of another route. */
export function paramsIn(pattern: string, path: string): Record<string, string> | undefined {
  const source = pattern.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)");
  const match = new RegExp(`^${source}$`).exec(path);
  return match ? { ...match.groups } : undefined;
}
