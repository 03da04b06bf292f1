import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./main.ts"), {
  isCached: true,
  hint: "On Linux `npm ci` brings Node 24 with it: start with `npm start`.",
});
