#!/usr/bin/env node
import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./cli/main.ts"));
