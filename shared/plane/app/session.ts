/**
 * A session of Plane's web interface, which can do what the API for keys cannot: sign in with its cookies and call its
 * endpoints for accounts and API tokens, workspaces with their members and invitations, and webhooks. Only provision
 * and doctor use it.
 */

import { z } from "zod";
import {
  type Endpoint,
  fillRoute,
  get,
  noContentSchema,
  normalizeBaseUrl,
  type PlaneAnswer,
  type PlaneCallOptions,
  patch,
  planeIdSchema,
  planeSecretSchema,
  planeTimeSchema,
  post,
  redirectSchema,
  remove,
} from "../endpoint.ts";
import { planeRoleSchema } from "../projects.ts";
import { createRequestSender, type PlaneRequestOptions, parseReply } from "../request.ts";

interface SessionCallOptions extends Omit<PlaneCallOptions, "priority"> {
  /** Sent as an HTML form would be, instead of `json`. */
  form?: Record<string, string>;
}

/** A browser session with Plane: the API of Plane's own pages, with the cookies of the signed-in account. */
export interface PlaneSession {
  call<A>(endpoint: Endpoint<A>, options?: SessionCallOptions): Promise<PlaneAnswer<A>>;
}

/**
 * Plane always answers a form with a redirect. Its query contains the reason of a refusal, for example
 * `USER_ALREADY_EXIST`.
 */
export const formOutcomeSchema = redirectSchema.transform(({ location }) => {
  const query = URL.canParse(location, "http://plane.invalid")
    ? new URL(location, "http://plane.invalid").searchParams
    : undefined;
  const code = query?.get("error_code");
  return { refused: code ? { code: Number(code), reason: query?.get("error_message") ?? "" } : undefined };
});

/** The forms take `{ email, password, csrfmiddlewaretoken }`; the token comes from `csrf` in the same session. */
export const authApi = {
  csrf: get("auth_csrf", "/auth/get-csrf-token/", z.object({ csrf_token: z.string().min(1) })),
  signIn: post("auth_sign_in", "/auth/sign-in/", formOutcomeSchema),
  /** Refused with `SIGNUP_DISABLED` when sign-up is disabled and the address is not invited. */
  signUp: post("auth_sign_up", "/auth/sign-up/", formOutcomeSchema),
  emailCheck: post("auth_email_check", "/auth/email-check/", z.object({ existing: z.boolean(), status: z.string() })),
};

/** The instance's administrator signs in separately from the users, with another cookie. */
export const instanceAdminApi = {
  /** Refused with `ADMIN_ALREADY_EXIST` if there is an administrator. */
  signUp: post("instance_admin_sign_up", "/api/instances/admins/sign-up/", formOutcomeSchema),
};

const accountSchema = z.object({ id: planeIdSchema, email: z.string(), user_timezone: z.string() });

const profileSchema = z.object({ user: planeIdSchema, language: z.string(), is_onboarded: z.boolean() });

const apiTokenSchema = z.object({ id: planeIdSchema, label: z.string(), is_active: z.boolean() });

/** The account that is signed in. */
export const accountsApi = {
  me: get("account_me", "/api/users/me/", accountSchema),
  update: patch("account_update", "/api/users/me/", accountSchema),
  profile: get("account_profile", "/api/users/me/profile/", profileSchema),
  updateProfile: patch("account_profile_update", "/api/users/me/profile/", profileSchema),
};

const tokensPath = "/api/users/api-tokens/";

export const apiTokensApi = {
  list: get("api_tokens_list", tokensPath, z.array(apiTokenSchema)),
  /** The only answer that contains the token itself. */
  create: post("api_tokens_create", tokensPath, apiTokenSchema.extend({ token: planeSecretSchema.min(1) })),
  remove: remove("api_tokens_remove", `${tokensPath}:token/`, noContentSchema),
};

const workspaceSchema = z.object({ id: planeIdSchema, name: z.string(), slug: z.string(), timezone: z.string() });

const workspaceMemberSchema = z.object({
  id: planeIdSchema,
  role: planeRoleSchema,
  is_active: z.boolean(),
  /** Only the list contains the e-mail address. */
  member: z.object({ id: planeIdSchema, display_name: z.string(), is_bot: z.boolean(), email: z.string().optional() }),
});

const projectMembershipSchema = z.object({ id: planeIdSchema, member: planeIdSchema, role: planeRoleSchema });

const workspaceInvitationSchema = z.object({
  id: planeIdSchema,
  email: z.string(),
  accepted: z.boolean(),
  role: planeRoleSchema,
  workspace: z.object({ id: planeIdSchema, slug: z.string() }),
});

const workspacePath = "/api/workspaces/:workspace/";

export const workspacesApi = {
  /** The workspaces of which the account is a member, with its role. */
  mine: get("workspaces_mine", "/api/users/me/workspaces/", z.array(workspaceSchema.extend({ role: planeRoleSchema }))),
  /** Takes `query: { slug }`; `status` is true when the slug is free. */
  slugIsFree: get("workspaces_slug_check", "/api/workspace-slug-check/", z.object({ status: z.boolean() })),
  create: post("workspaces_create", "/api/workspaces/", workspaceSchema),
  update: patch("workspaces_update", workspacePath, workspaceSchema),
};

/** `:membership` is the id of the membership, not of the user. */
export const workspaceMembersApi = {
  list: get("workspace_members_list", `${workspacePath}members/`, z.array(workspaceMemberSchema)),
  update: patch("workspace_members_update", `${workspacePath}members/:membership/`, workspaceMemberSchema),
  /** Takes a member out of the workspace and of its projects; what they have written and are assigned to stays. */
  remove: remove("workspace_members_remove", `${workspacePath}members/:membership/`, noContentSchema),
};

const projectMembershipsPath = `${workspacePath}projects/:project/members/`;

/**
 * The members who have access to a project. The list over an API key also has those who were removed, and cannot add
 * them again.
 */
export const projectMembershipsApi = {
  list: get("project_memberships_list", projectMembershipsPath, z.array(projectMembershipSchema)),
  /** Takes `{ members: [{ member_id, role }] }`; the role is at least that in the workspace for its admins. */
  add: post("project_memberships_add", projectMembershipsPath, z.array(projectMembershipSchema)),
};

export const workspaceInvitationsApi = {
  list: get("workspace_invitations_list", `${workspacePath}invitations/`, z.array(workspaceInvitationSchema)),
  /** Takes `{ emails: [{ email, role }] }`. */
  create: post("workspace_invitations_create", `${workspacePath}invitations/`, z.object({ message: z.string() })),
  mine: get("my_invitations_list", "/api/users/me/workspaces/invitations/", z.array(workspaceInvitationSchema)),
  /** Takes `{ invitations: [id] }`. */
  accept: post("my_invitations_accept", "/api/users/me/workspaces/invitations/", noContentSchema),
};

const webhookSchema = z.object({
  id: planeIdSchema,
  url: z.string(),
  /** Plane disables a webhook when all attempts of a delivery failed. */
  is_active: z.boolean(),
  secret_key: planeSecretSchema,
  project: z.boolean(),
  issue: z.boolean(),
  module: z.boolean(),
  cycle: z.boolean(),
  issue_comment: z.boolean(),
});

const webhookDeliverySchema = z.object({
  id: planeIdSchema,
  /** The receiver's HTTP status, as text. */
  response_status: z.string().nullable(),
  created_at: planeTimeSchema,
});

const webhooksPath = `${workspacePath}webhooks/`;

const webhookPath = `${webhooksPath}:webhook/`;

export const webhooksApi = {
  list: get("webhooks_list", webhooksPath, z.array(webhookSchema)),
  /** Answers 409 without an id for an address that another webhook has, and 400 for a private address. */
  create: post("webhooks_create", webhooksPath, webhookSchema),
  update: patch("webhooks_update", webhookPath, webhookSchema),
  /** The old secret becomes invalid at once. */
  regenerate: post("webhooks_regenerate", `${webhookPath}regenerate/`, webhookSchema),
  log: get("webhooks_log", `${workspacePath}webhook-logs/:webhook/`, z.array(webhookDeliverySchema)),
};

/**
 * Creates a session for the parts of Plane that API keys cannot access: accounts, workspaces, tokens, webhooks. It is
 * not signed in at first. Each call is one request with the timeout and the errors of the client, but without its quota
 * and its retries, because provision reads the state again and repeats its steps.
 */
export function createPlaneSession(options: PlaneRequestOptions & { url: string }): PlaneSession {
  const base = normalizeBaseUrl(options.url);
  const request = createRequestSender(options);
  const cookies = createCookieJar(options.clock);

  return {
    async call(endpoint, { params, query, json, form } = {}) {
      const reply = await request({
        operation: endpoint.operation,
        method: endpoint.method,
        route: endpoint.path,
        url: base + fillRoute(endpoint.path, params ?? {}),
        // Over https Plane accepts a form only with its own address as the referer.
        headers: { ...cookies.header(), referer: `${base}/` },
        query,
        body: form ? new URLSearchParams(form) : json,
      });
      cookies.take(reply.headers);
      return parseReply(endpoint, reply);
    },
  };
}

/**
 * The cookies of one server, in memory for one session. Ignores paths and domains, because cookies are sent to this
 * server only.
 */
function createCookieJar(clock: () => number) {
  const cookies = new Map<string, string>();

  return {
    take(headers: Headers) {
      for (const line of headers.getSetCookie()) {
        const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
        const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
        if (name === undefined || value === undefined) continue;
        if (isExpired(attributes, clock())) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header(): Record<string, string> {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      return cookie === "" ? {} : { cookie };
    },
  };
}

function isExpired(attributes: string[], now: number): boolean {
  const value = (name: string) =>
    attributes.find((text) => text.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const maxAge = value("max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return Date.parse(value("expires") ?? "") <= now;
}
