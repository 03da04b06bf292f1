/** The section `provision` of the settings file: what provision sets up in Plane besides the agents. */

import { z } from "zod";
import { isTimeZone } from "../time.ts";

/** People read these texts in Plane, so control characters and characters that change the reading direction are refused. */
const visibleTextSchema = z.string().regex(/^(?!\s)[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+(?<!\s)$/u);

const text = (form: RegExp) => z.string().regex(form);

/** Matches what Plane recognises as a URL and therefore refuses in a workspace's name. */
const URL_LIKE = /https?:\/\/\S|www\.[a-z0-9]|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,6}|(?:\d{1,3}\.){3}\d/i;

const humanSchema = z.strictObject({
  email: z
    .email()
    .transform((email) => email.toLowerCase())
    .exactOptional()
    .describe("the e-mail address of the human's Plane account; absent: PLANE_ADMIN_EMAIL")
    .meta({ meaning: "Plane account of the human. Default: PLANE_ADMIN_EMAIL." }),
  name: visibleTextSchema
    .max(60)
    .exactOptional()
    .describe("the human's name, 1 to 60 visible characters")
    .meta({ meaning: "Display name. Default: made from the e-mail address." }),
  role: z
    .enum(["admin", "member"])
    .default("admin")
    .describe("admin or member")
    .meta({ meaning: "Role in the workspace." }),
});

const projectSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_ ]{0,79}$/u)
    .default("Onboarding")
    .describe("1 to 80 letters, digits, spaces or '_' (Plane refuses others)")
    .meta({ meaning: "Name of the first project." }),
  identifier: text(/^[A-Z][A-Z0-9]{0,11}$/)
    .default("ONB")
    .describe("1 to 12 capital letters or digits, for example ONB")
    .meta({ meaning: "Identifier of the first project." }),
});

/** What provision sets up in Plane: `provision` in the settings file. */
export const provisionSchema = z.strictObject({
  domain: text(/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$/)
    .default("javisi.local")
    .describe("a domain name in lower case, for example javisi.local")
    .meta({ meaning: "Domain of the agents' e-mail addresses, when the file names no agents." }),
  workspace: visibleTextSchema
    .max(80)
    .refine((name) => !URL_LIKE.test(name))
    .exactOptional()
    .describe("the workspace's name, 1 to 80 characters that contain no URL; absent: PLANE_WORKSPACE")
    .meta({ meaning: "Name of the workspace. Default: PLANE_WORKSPACE." }),
  human: humanSchema.prefault({}).meta({ meaning: "The person who works with the agents." }),
  timezone: z
    .string()
    .refine(isTimeZone)
    .default("UTC")
    .describe("an IANA time zone, for example Europe/Paris")
    .meta({ meaning: "Time zone of the workspace and of the administrator's account." }),
  language: text(/^[a-z]{2}(?:-[A-Z]{2})?$/)
    .exactOptional()
    .describe("a language as Plane writes it, for example fr, en or pt-BR")
    .meta({
      meaning: "Language of people's accounts, sample tasks and default personas. Default: LOCALE, or English.",
    }),
  project: z
    .union([z.literal(false), projectSchema])
    .prefault({})
    .describe("an object with name and identifier, or false")
    .meta({ meaning: "The first project; false for none." }),
});

export type ProvisionFileSettings = z.output<typeof provisionSchema>;
