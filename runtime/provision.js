#!/usr/bin/env node
import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./provision/main.ts"), {
  hint: "On Linux `npm ci` brings Node 24 with it: use `npm run provision`.",
});
