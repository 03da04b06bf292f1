#!/usr/bin/env node
import { launch } from "./launch.js";

await launch(() => import("./doctor/main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: use `npm run doctor`.",
});
