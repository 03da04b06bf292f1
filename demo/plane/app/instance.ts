import { endpoint, ok, type Site } from "../endpoint.ts";
import { unauthenticated } from "../refusal.ts";
import type { JsonObject } from "../rows.ts";
import { inUtc } from "../show.ts";
import type { World } from "../world.ts";
import { ADMIN_SESSION, openDoor, sessionUser } from "./door.ts";

function showInstance(world: World): JsonObject {
  const { instance } = world;
  const old = world.version === "1.2.2";
  // The recorded 1.2.2 says 1.2.0 of itself.
  const version = old ? "1.2.0" : "1.3.1";
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
      ...(old && { is_intercom_enabled: true, intercom_app_id: "" }),
      admin_base_url: world.site(),
      space_base_url: null,
      app_base_url: world.site(),
      instance_changelog_url: "",
      is_self_managed: true,
    },
    instance: {
      id: instance.id,
      created_at: inUtc(instance.created_at),
      updated_at: inUtc(instance.updated_at),
      deleted_at: null,
      instance_name: instance.name,
      whitelist_emails: null,
      instance_id: instance.instance_id,
      current_version: version,
      latest_version: version,
      edition: "PLANE_COMMUNITY",
      domain: "",
      last_checked_at: inUtc(instance.created_at),
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

function showSignUp(world: World): JsonObject {
  const { id, created_at, updated_at, enabled } = world.instance.signUp;
  return {
    id,
    created_at: inUtc(created_at),
    updated_at: inUtc(updated_at),
    deleted_at: null,
    key: "ENABLE_SIGNUP",
    value: enabled ? "1" : "0",
    category: "AUTHENTICATION",
    is_encrypted: false,
    created_by: null,
    updated_by: null,
  };
}

export function instanceRoutes(app: Site, world: World): void {
  endpoint(app, world, openDoor(""), "/", { GET: () => ok({ status: "OK" }) });
  endpoint(app, world, openDoor("GET, PATCH, HEAD, OPTIONS"), "/api/instances/", {
    GET: () => ok(showInstance(world)),
  });
  const admins = {
    allow: "GET, PATCH, HEAD, OPTIONS",
    identify: (call: { headers: Headers }) => {
      const user = sessionUser(world, call.headers, ADMIN_SESSION);
      if (!user) throw unauthenticated();
      return user;
    },
  };
  endpoint(app, world, admins, "/api/instances/configurations/", {
    GET: () => ok([showSignUp(world)]),
    PATCH: async (call) => {
      const { ENABLE_SIGNUP: wanted } = await call.json();
      if (wanted === undefined) return ok([]);
      world.instance.signUp.enabled = wanted === "1";
      return ok([showSignUp(world)]);
    },
  });
}
