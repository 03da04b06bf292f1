import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { noContentSchema, planeIdSchema, planeSecretSchema } from "../schema.ts";
import { planeTimeSchema } from "../time.ts";

const accountSchema = z.object({
  id: planeIdSchema,
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  display_name: z.string(),
  user_timezone: z.string(),
  is_bot: z.boolean(),
});

const profileSchema = z.object({ user: planeIdSchema, language: z.string(), is_onboarded: z.boolean() });

const apiTokenSchema = z.object({
  id: planeIdSchema,
  label: z.string(),
  is_active: z.boolean(),
  /** For example `60/min`. */
  allowed_rate_limit: z.string(),
  expired_at: planeTimeSchema.nullable(),
  created_at: planeTimeSchema,
});

/** The account that is signed in. */
export const accountsApi = {
  me: { operation: "account_me", method: "GET", path: "/api/users/me/", answer: accountSchema },
  update: { operation: "account_update", method: "PATCH", path: "/api/users/me/", answer: accountSchema },
  profile: { operation: "account_profile", method: "GET", path: "/api/users/me/profile/", answer: profileSchema },
  updateProfile: {
    operation: "account_profile_update",
    method: "PATCH",
    path: "/api/users/me/profile/",
    answer: profileSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;

const tokensPath = "/api/users/api-tokens/";

export const apiTokensApi = {
  list: { operation: "api_tokens_list", method: "GET", path: tokensPath, answer: z.array(apiTokenSchema) },
  get: { operation: "api_tokens_get", method: "GET", path: `${tokensPath}:token/`, answer: apiTokenSchema },
  /** The only answer that contains the token itself. */
  create: {
    operation: "api_tokens_create",
    method: "POST",
    path: tokensPath,
    answer: apiTokenSchema.extend({ token: planeSecretSchema.min(1) }),
  },
  remove: { operation: "api_tokens_remove", method: "DELETE", path: `${tokensPath}:token/`, answer: noContentSchema },
} satisfies Record<string, Endpoint<unknown>>;
