#!/usr/bin/env node
import { launch } from "./launch.js";

await launch(() => import("./provision/main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: use `npm run provision`.",
});
