/** The console's style, in the page's own colours. */
export const CONSOLE_STYLE = `
#console { padding: 10px 16px 0; }
#console details { background: color-mix(in srgb, var(--accent) 7%, var(--sheet)); border: 1px solid color-mix(in srgb, var(--accent) 35%, var(--line)); border-radius: 10px; padding: 7px 12px; }
#console summary { cursor: pointer; font-weight: 600; min-height: 24px; }
#console .hint { font-weight: 400; color: var(--muted); margin-left: 10px; }
#console summary .tally { font-weight: 400; margin-left: 10px; }
#console .acts { display: flex; flex-wrap: wrap; gap: 8px 22px; padding: 9px 0 3px; align-items: center; }
#console form { display: flex; gap: 6px; align-items: center; flex-wrap: wrap; margin: 0; }
#console input[type="text"] { width: 170px; }
#console select { max-width: 170px; }
#console button { border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); padding: 3px 10px; min-height: 28px; }
#console button:hover { border-color: var(--muted); }
#console button[aria-disabled="true"] { opacity: .5; cursor: default; }
#console .kill { border-color: var(--bad); color: var(--bad); }
#console .bad { color: var(--bad); }
#console .good { color: var(--done); }
.card[draggable="true"] { cursor: grab; }
@media (max-width: 640px) { #console { padding: 8px 12px 0; } #console .hint { font-weight: 400; color: var(--muted); margin-left: 10px; }
#console .hint { display: none; } #console summary .tally { display: block; margin: 2px 0 0; } #console input[type="text"] { width: 100%; } }
`;
