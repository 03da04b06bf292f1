import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./doctor/main.ts"), {
  hint: "On Linux `npm ci` brings Node 24 with it: look with `npm run doctor`.",
});
