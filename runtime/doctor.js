#!/usr/bin/env node
import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./doctor/main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: use `npm run doctor`.",
});
