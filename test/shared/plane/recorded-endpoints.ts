import { z } from "zod";
import {
  accountsApi,
  apiTokensApi,
  authApi,
  instanceAdminApi,
  webhooksApi,
  workspaceInvitationsApi,
  workspaceMembersApi,
  workspacesApi,
} from "../../../shared/plane/app/session.ts";
import { attachmentsApi } from "../../../shared/plane/attachments.ts";
import { createPageSchema, type Endpoint } from "../../../shared/plane/endpoint.ts";
import {
  instanceApi,
  labelsApi,
  membersApi,
  projectMembersApi,
  projectsApi,
  statesApi,
  usersApi,
} from "../../../shared/plane/projects.ts";
import {
  activitiesApi,
  commentsApi,
  cyclesApi,
  modulesApi,
  relationsApi,
  workItemSchema,
  workItemsApi,
} from "../../../shared/plane/work-items.ts";
import { unusedApi } from "../../support/unused-plane-endpoints.ts";

/** The endpoints of recorded exchanges: the first row whose pattern matches the exchange's name. */
const ENDPOINTS_BY_NAME: [RegExp, Endpoint<unknown>][] = [
  [/^users_me$|^rate_limit_|^(invalid|no)_api_key$|^deleted_token_refused$/, usersApi.me],
  [/^workspace_members(_as_member)?$/, membersApi.list],
  [/^invitations_list_public$/, unusedApi.invitations],
  [/^projects_(empty|list.*)$|^workspace_unknown$/, projectsApi.list],
  [/^project_create/, projectsApi.create],
  [/^project_get$/, projectsApi.get],
  [/^project_patch/, projectsApi.update],
  [/^project_members_list/, projectMembersApi.list],
  [/^project_member_add_public$/, projectMembersApi.add],
  [
    /^project_member_add_public2$/,
    { ...projectMembersApi.add, path: "/api/v1/workspaces/:workspace/projects/:project/project-members/" },
  ],
  [/^project_summary$/, unusedApi.summary],
  [/^project_archived_items$|^work_items_list_pql_ignored$/, workItemsApi.ids],
  [/^project_archived_create$/, workItemsApi.create],
  [/^states_list$/, statesApi.list],
  [/^state_create/, statesApi.create],
  [/^labels_list$/, labelsApi.list],
  [/^label_create/, labelsApi.create],
  [/^work_item_create/, workItemsApi.create],
  [/^work_items_list_by_/, workItemsApi.byExternalId],
  [
    /^work_items_list_expand_fields$/,
    {
      ...workItemsApi.list,
      answer: createPageSchema(
        workItemSchema.pick({
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
    { ...workItemsApi.list, answer: createPageSchema(workItemSchema.pick({ id: true, name: true })) },
  ],
  [/^work_items_list/, workItemsApi.list],
  [/^work_item_(get|unknown)/, workItemsApi.get],
  [/^work_item_by_/, workItemsApi.byKey],
  [/^work_item_search$/, unusedApi.search],
  [/^work_item_delete/, unusedApi.removeItem],
  [/^work_item_(start|patch|reassign|done|cancel)/, workItemsApi.update],
  [/^relation_/, relationsApi.create],
  [/^relations_list/, relationsApi.list],
  [/^comment_create/, commentsApi.create],
  [/^comments_list$/, commentsApi.list],
  [/^comment_patch$/, commentsApi.update],
  [/^comment_delete$/, unusedApi.removeComment],
  [/^link_create/, unusedApi.createLink],
  [/^links_list$/, unusedApi.links],
  [/^activities_list$/, activitiesApi.list],
  [/^cycle_create$/, cyclesApi.create],
  [/^cycles_list$/, cyclesApi.list],
  [/^cycles_list_current$/, unusedApi.currentCycles],
  [/^cycle_add_items$/, cyclesApi.addItems],
  [/^cycle_items$/, cyclesApi.items],
  [/^cycle_patch$/, unusedApi.updateCycle],
  [/^module_create$/, modulesApi.create],
  [/^module_add_items$/, modulesApi.addItems],
  [/^modules_list$/, modulesApi.list],
  [/^attachment_create/, attachmentsApi.create],
  [/^attachment_confirm$/, attachmentsApi.confirm],
  [/^attachments_list$/, attachmentsApi.list],
  [/^attachment_get$/, attachmentsApi.get],
  [/^instance_info$/, instanceApi.info],
  [/^root_health$/, unusedApi.health],

  [/^csrf/, authApi.csrf],
  [/^sign_in/, authApi.signIn],
  [/^sign_up_switch/, unusedApi.configure],
  [/^sign_up/, authApi.signUp],
  [/^email_check/, authApi.emailCheck],
  [/^instance_admin_sign_up/, instanceAdminApi.signUp],
  [/^instance_admin_sign_in/, unusedApi.signInAsAdmin],
  [/^instance_configurations$/, unusedApi.configurations],
  [/^(users_me_app$|me_)/, accountsApi.me],
  [/^(patch_me_|user_timezone$)/, accountsApi.update],
  [/^profile_get$/, accountsApi.profile],
  [/^profile_/, accountsApi.updateProfile],
  [/^(api_token_create|token_)/, apiTokensApi.create],
  [/^api_token_list$/, apiTokensApi.list],
  [/^api_token_get$/, unusedApi.token],
  [/^api_token_delete$/, apiTokensApi.remove],
  [/^(workspaces_list_app|my_workspaces)_/, workspacesApi.mine],
  [/^workspace_slug_check$/, workspacesApi.slugIsFree],
  [/^workspace_create/, workspacesApi.create],
  [/^workspace_get$/, unusedApi.workspace],
  [/^workspace_timezone$/, workspacesApi.update],
  [/^workspace_members_app$/, workspaceMembersApi.list],
  [/^workspace_member_role_/, workspaceMembersApi.update],
  [/^invitations_list_/, workspaceInvitationsApi.list],
  [/^invite_/, workspaceInvitationsApi.create],
  [/^my_invitations_/, workspaceInvitationsApi.mine],
  [/^accept_/, workspaceInvitationsApi.accept],
  [/^webhook_create/, webhooksApi.create],
  [/^webhook_list$/, webhooksApi.list],
  [/^webhook_get/, unusedApi.webhook],
  [/^webhook_switch_/, webhooksApi.update],
  [/^webhook_secret_regenerate$/, webhooksApi.regenerate],
  [/^webhook_delete$/, unusedApi.removeWebhook],
  [/^webhook_logs$/, webhooksApi.log],
  [/^app_issue_/, unusedApi.updateIssue],
];

/** Routes that other documents mention but Plane does not have: requested as written, with nothing to parse. */
const ABSENT_ROUTE = /_absent$/;

export function getRecordedEndpoint(exchange: {
  name: string;
  request: { method: string; path: string };
}): Endpoint<unknown> {
  const { name, request } = exchange;
  const found = ENDPOINTS_BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
  if (found) return found;
  if (!ABSENT_ROUTE.test(name)) throw new Error(`no endpoint is known for the recorded ${name}`);
  const method = z.enum(["GET", "POST"]).parse(request.method);
  return { operation: name, method, path: request.path, answer: z.never() };
}

/** The values of a route pattern's parameters in a recorded path; undefined when the path does not match. */
export function parseRouteParams(pattern: string, path: string): Record<string, string> | undefined {
  const source = pattern.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)");
  const match = new RegExp(`^${source}$`).exec(path);
  return match ? { ...match.groups } : undefined;
}
