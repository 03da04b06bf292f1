#!/usr/bin/env node
import { launch } from "./launch.js";

/**
 * Commands that are programs of their own; npm runs them as scripts, too.
 * @type {Record<string, () => Promise<unknown>>}
 */
const PROGRAMS = {
  agents: () => import("./provision/agents-main.ts"),
  provision: () => import("./provision/main.ts"),
  doctor: () => import("./doctor/main.ts"),
};

const name = process.argv[2] ?? "";
const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
if (program) process.argv.splice(2, 1);
await launch(program ?? (() => import("./cli/main.ts")));
