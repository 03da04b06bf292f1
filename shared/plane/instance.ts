import { z } from "zod";
import type { Endpoint } from "./client.ts";

const instanceInfoSchema = z.object({
  instance: z.object({
    /** For example `1.3.1`; v1.2.2 says `1.2.0`. */
    current_version: z.string(),
    edition: z.string(),
    is_setup_done: z.boolean(),
    workspaces_exist: z.boolean(),
  }),
  config: z.object({
    enable_signup: z.boolean(),
    is_email_password_enabled: z.boolean().optional(),
    /** Bytes. */
    file_size_limit: z.number(),
  }),
});

/** Plane's public information about itself, which requires no key. */
export const instanceApi = {
  info: { operation: "instance_info", method: "GET", path: "/api/instances/", answer: instanceInfoSchema },
  health: { operation: "instance_health", method: "GET", path: "/", answer: z.object({ status: z.literal("OK") }) },
} satisfies Record<string, Endpoint<unknown>>;
