#!/usr/bin/env node
import { launch } from "./launch.js";

await launch(async () => (await import("./provision/main.ts")).runProvisionProcess("provision"), {
  hint: "On Linux `npm ci` installs Node 24: use `npm run provision`.",
});
