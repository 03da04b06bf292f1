/** The roles of people. This module imports nothing, because the page's script has it, too. */

/** What a person may do, as in Plane's workspace: a guest reads, a member also acts, an admin also changes settings. */
export const PERSON_ROLES = ["guest", "member", "admin"] as const;

export type PersonRole = (typeof PERSON_ROLES)[number];
