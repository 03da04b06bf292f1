#!/usr/bin/env node
import { launch } from "./launch.js";

/**
 * Commands that are programs of their own; npm runs them as scripts, too.
 * @type {Record<string, () => Promise<unknown>>}
 */
const PROGRAMS = {
  agents: async () => (await import("./provision/main.ts")).runProvisionProcess("agents"),
  provision: async () => (await import("./provision/main.ts")).runProvisionProcess("provision"),
  doctor: async () => (await import("./doctor/run-doctor.ts")).runDoctorProcess(),
};

const name = process.argv[2] ?? "";
const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
if (program) process.argv.splice(2, 1);
await launch(program ?? (async () => (await import("./cli/run-cli.ts")).runCliProcess()));
