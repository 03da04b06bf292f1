/** The version of package.json, for hosts that cannot read it. */
export const VERSION = "0.2.0";
