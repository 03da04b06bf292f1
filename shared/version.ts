/** The version in package.json, repeated here for hosts that cannot read that file. */
export const VERSION = "0.2.0";
