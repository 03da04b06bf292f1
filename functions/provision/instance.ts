import { z } from "zod";
import type { Endpoint } from "../../shared/plane/client.ts";
import { instanceApi } from "../../shared/plane/instance.ts";

/** What provision needs to know of a Plane, and no more: other versions may tell less. */
const instanceInfoSchema = z.object({
  instance: z.object({
    /** For example `1.3.1`; v1.2.2 says `1.2.0`. */
    current_version: z.string().default("of an unknown version"),
    edition: z.string().default("PLANE_COMMUNITY"),
    is_setup_done: z.boolean(),
  }),
  config: z
    .object({
      is_email_password_enabled: z.boolean().default(true),
      is_workspace_creation_disabled: z.boolean().default(false),
    })
    .prefault({}),
});
export type InstanceInfo = z.output<typeof instanceInfoSchema>;

/** What Plane's api says until its start has entered it into its own database. */
const notReadySchema = z.object({ is_activated: z.literal(false) }).transform(() => undefined);

/** Undefined as long as this Plane is not ready. */
export const instanceStateEndpoint: Endpoint<InstanceInfo | undefined> = {
  ...instanceApi.info,
  answer: z.union([instanceInfoSchema, notReadySchema]),
};
