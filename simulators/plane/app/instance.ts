import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createUnauthenticatedError } from "../api-error.ts";
import { mountEndpoint, type PlaneApp, respondOk } from "../endpoint.ts";
import { formatUtc } from "../render-row.ts";
import type { JsonObject } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { ADMIN_SESSION_COOKIE, createPublicPolicy, findSessionUser } from "./access.ts";

function renderInstance(world: PlaneWorld): JsonObject {
  const { instance } = world;
  const isOldVersion = world.version === "1.2.2";
  // The recorded v1.2.2 reports the version 1.2.0.
  const version = isOldVersion ? "1.2.0" : "1.3.1";
  return {
    config: {
      enable_signup: instance.signUp.enabled,
      is_workspace_creation_disabled: false,
      is_google_enabled: false,
      is_github_enabled: false,
      is_gitlab_enabled: false,
      is_gitea_enabled: false,
      is_magic_login_enabled: false,
      is_email_password_enabled: true,
      github_app_name: "",
      slack_client_id: null,
      posthog_api_key: null,
      posthog_host: null,
      has_unsplash_configured: false,
      has_llm_configured: false,
      file_size_limit: world.fileSizeLimit,
      is_smtp_configured: false,
      ...omitUndefined({
        is_intercom_enabled: isOldVersion ? true : undefined,
        intercom_app_id: isOldVersion ? "" : undefined,
      }),
      admin_base_url: world.baseUrl(),
      space_base_url: null,
      app_base_url: world.baseUrl(),
      instance_changelog_url: "",
      is_self_managed: true,
    },
    instance: {
      id: instance.id,
      created_at: formatUtc(instance.created_at),
      updated_at: formatUtc(instance.updated_at),
      deleted_at: null,
      instance_name: instance.name,
      whitelist_emails: null,
      instance_id: instance.instance_id,
      current_version: version,
      latest_version: version,
      edition: "PLANE_COMMUNITY",
      domain: "",
      last_checked_at: formatUtc(instance.created_at),
      namespace: null,
      is_telemetry_enabled: instance.telemetry,
      is_support_required: true,
      is_setup_done: instance.setUp,
      is_signup_screen_visited: false,
      is_verified: false,
      is_test: false,
      is_current_version_deprecated: false,
      created_by: null,
      updated_by: null,
      workspaces_exist: world.data.workspaces.size > 0,
    },
  };
}

function renderSignUpSetting(world: PlaneWorld): JsonObject {
  const { id, created_at, updated_at, enabled } = world.instance.signUp;
  return {
    id,
    created_at: formatUtc(created_at),
    updated_at: formatUtc(updated_at),
    deleted_at: null,
    key: "ENABLE_SIGNUP",
    value: enabled ? "1" : "0",
    category: "AUTHENTICATION",
    is_encrypted: false,
    created_by: null,
    updated_by: null,
  };
}

export function mountInstanceRoutes(app: PlaneApp, world: PlaneWorld): void {
  mountEndpoint(app, world, createPublicPolicy(""), "/", { GET: () => respondOk({ status: "OK" }) });
  mountEndpoint(app, world, createPublicPolicy("GET, PATCH, HEAD, OPTIONS"), "/api/instances/", {
    GET: () => respondOk(renderInstance(world)),
  });
  const adminPolicy = {
    allow: "GET, PATCH, HEAD, OPTIONS",
    identify: (call: { headers: Headers }) => {
      const user = findSessionUser(world, call.headers, ADMIN_SESSION_COOKIE);
      if (!user) throw createUnauthenticatedError();
      return user;
    },
  };
  mountEndpoint(app, world, adminPolicy, "/api/instances/configurations/", {
    GET: () => respondOk([renderSignUpSetting(world)]),
    PATCH: async (call) => {
      const { ENABLE_SIGNUP: wanted } = await call.json();
      if (wanted === undefined) return respondOk([]);
      world.instance.signUp.enabled = wanted === "1";
      return respondOk([renderSignUpSetting(world)]);
    },
  });
}
