import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { id, nothing } from "../schema.ts";
import { time } from "../time.ts";

const account = z.object({
  id,
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  display_name: z.string(),
  user_timezone: z.string(),
  is_bot: z.boolean(),
});

const profile = z.object({ user: id, language: z.string(), is_onboarded: z.boolean() });

const token = z.object({
  id,
  label: z.string(),
  is_active: z.boolean(),
  /** For example `60/min`. */
  allowed_rate_limit: z.string(),
  expired_at: time.nullable(),
  created_at: time,
});

/** Whoever is signed in. */
export const accounts = {
  me: { operation: "account_me", method: "GET", path: "/api/users/me/", answer: account },
  update: { operation: "account_update", method: "PATCH", path: "/api/users/me/", answer: account },
  profile: { operation: "account_profile", method: "GET", path: "/api/users/me/profile/", answer: profile },
  updateProfile: {
    operation: "account_profile_update",
    method: "PATCH",
    path: "/api/users/me/profile/",
    answer: profile,
  },
} satisfies Record<string, Endpoint<unknown>>;

const ofTokens = "/api/users/api-tokens/";

export const apiTokens = {
  list: { operation: "api_tokens_list", method: "GET", path: ofTokens, answer: z.array(token) },
  get: { operation: "api_tokens_get", method: "GET", path: `${ofTokens}:token/`, answer: token },
  /** The only answer that holds the token itself. */
  create: {
    operation: "api_tokens_create",
    method: "POST",
    path: ofTokens,
    answer: token.extend({ token: z.string().min(1) }),
  },
  remove: { operation: "api_tokens_remove", method: "DELETE", path: `${ofTokens}:token/`, answer: nothing },
} satisfies Record<string, Endpoint<unknown>>;
