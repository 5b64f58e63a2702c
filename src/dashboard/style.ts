/** The style of the pages. Colours are GitHub's, light and dark, with a contrast of 4.5 to 1 at least. */
export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f6f8fa; --card: #ffffff; --line: #d1d9e0; --text: #1f2328; --dim: #57606a; --link: #0860ca;
  --green: #1a7f37; --red: #cf222e; --amber: #8a5a00; --grey: #636c76; --blue: #0860ca;
  --green-soft: #dafbe1; --red-soft: #ffebe9; --amber-soft: #fff3cd; --grey-soft: #eaeef2; --blue-soft: #ddf4ff;
  --bar-green: #2da44e; --bar-red: #cf222e; --bar-grey: #8c959f;
  --button: #1f883d; --button-text: #ffffff;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #151b23; --line: #3d444d; --text: #f0f6fc; --dim: #9ea7b3; --link: #58a6ff;
    --green: #3fb950; --red: #ff7b72; --amber: #e3b341; --grey: #9198a1; --blue: #58a6ff;
    --green-soft: #12261e; --red-soft: #2b1719; --amber-soft: #2b2313; --grey-soft: #21262d; --blue-soft: #121d2f;
    --bar-green: #2ea043; --bar-red: #f85149; --bar-grey: #6e7681;
    --button: #238636; --button-text: #ffffff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.5 var(--sans); display: flex; flex-direction: column; min-height: 100vh; }
main { flex: 1; width: 100%; max-width: 1240px; margin: 0 auto; padding: 20px 24px 32px; outline: none; }
h1 { font-size: 22px; line-height: 1.3; margin: 0; }
h2 { font-size: 15px; margin: 0 0 8px; }
p { margin: 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
p a:not(.button), .crumbs a { text-decoration: underline; text-underline-offset: 2px; }
code, pre { font-family: var(--mono); font-size: 12px; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; border-radius: 4px; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0; }
.skip { position: absolute; left: 12px; top: -60px; background: var(--card); padding: 8px 12px; border-radius: 6px; z-index: 2; }
.skip:focus { top: 8px; }
.note, .sub, .lead { color: var(--dim); }
.note { font-size: 13px; }
.whole { white-space: nowrap; }
.lead { margin: 6px 0 16px; max-width: 75ch; }

.top { display: flex; align-items: center; gap: 20px; min-height: 56px; padding: 8px 24px; background: var(--card); border-bottom: 1px solid var(--line); }
.brand { display: flex; align-items: center; gap: 8px; font-weight: 600; font-size: 15px; color: var(--text); white-space: nowrap; }
.mark { fill: #0969da; }
.top nav { display: flex; gap: 4px; }
.top nav a { padding: 4px 10px; border-radius: 6px; color: var(--text); }
.top nav a:hover { background: var(--grey-soft); text-decoration: none; }
.top nav a[aria-current] { background: var(--grey-soft); font-weight: 600; }
.live { margin-left: auto; color: var(--dim); font-size: 13px; display: flex; align-items: center; gap: 6px; }
.live[hidden] { display: none; }
.live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--bar-green); }
.live[data-kind="trouble"] { color: var(--red); }
.live[data-kind="trouble"]::before { background: var(--bar-red); }
.live + form { margin: 0; }
.live[hidden] + form { margin-left: auto; }
footer { color: var(--dim); font-size: 12px; text-align: center; padding: 12px 24px 20px; }

button, .button { font: inherit; font-weight: 500; padding: 5px 14px; border: 1px solid var(--line); border-radius: 6px; background: var(--grey-soft); color: var(--text); cursor: pointer; display: inline-block; }
button:hover, .button:hover { border-color: var(--dim); text-decoration: none; }
.primary { background: var(--button); border-color: transparent; color: var(--button-text); }
.quiet { background: none; white-space: nowrap; }
input[type="search"], input[type="password"], select { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; min-height: 34px; }
input::placeholder { color: var(--dim); opacity: 1; }

.banner { border: 1px solid var(--line); border-left-width: 4px; border-radius: 6px; background: var(--card); padding: 10px 16px; margin-bottom: 16px; }
.banner.limit { border-color: var(--amber); background: var(--amber-soft); }
.banner.failure { border-color: var(--red); background: var(--red-soft); }

.strip { display: grid; grid-template-columns: minmax(300px, 2fr) repeat(4, minmax(130px, 1fr)); gap: 12px; margin-bottom: 20px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; min-width: 0; }
.card h2 { font-size: 13px; font-weight: 500; color: var(--dim); margin: 0; }
.figure { font-size: 26px; font-weight: 600; line-height: 1.35; font-variant-numeric: tabular-nums; }
.figure.none { color: var(--dim); }
.card .note { font-size: 12px; }
.chart { margin: 0; }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 12px; margin-bottom: 6px; }
.chart svg { display: block; width: 100%; height: 64px; }
.chart .axis { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.chart rect.success { fill: var(--bar-green); }
.chart rect.failure { fill: var(--bar-red); }
.chart rect.skipped { fill: var(--bar-grey); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 0; padding: 0; font-size: 12px; color: var(--dim); }
.key { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px; }
.key.success { background: var(--bar-green); } .key.failure { background: var(--bar-red); } .key.skipped { background: var(--bar-grey); }
.ends { display: flex; justify-content: space-between; font-size: 11px; color: var(--dim); margin-top: 3px; }

/* A shadow at the edge beyond which there is more; where the row ends, its cover scrolls over it. */
.tabs {
  --cover: var(--page) 12px, transparent; --shade: color-mix(in srgb, var(--text) 22%, transparent), transparent;
  display: flex; gap: 2px; overflow-x: auto; scrollbar-width: thin; padding: 2px 2px 0;
  background: linear-gradient(to right, var(--cover)) left / 32px 100% no-repeat local, linear-gradient(to left, var(--cover)) right / 32px 100% no-repeat local,
    linear-gradient(to right, var(--shade)) left / 12px 100% no-repeat, linear-gradient(to left, var(--shade)) right / 12px 100% no-repeat;
}
.tabs a { display: flex; align-items: center; gap: 6px; padding: 7px 12px; white-space: nowrap; color: var(--dim); border-bottom: 2px solid transparent; }
.tabs a:hover { color: var(--text); text-decoration: none; border-color: var(--line); }
.tabs a[aria-current] { color: var(--text); font-weight: 600; border-color: #fd8c73; }
.tabs .icon { width: 14px; height: 14px; }
.search { display: flex; gap: 8px; padding: 10px 0 12px; border-top: 1px solid var(--line); }
.search .text { flex: 1; max-width: 420px; }
.search .text input { width: 100%; }

.runs { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.run { display: grid; grid-template-columns: 16px minmax(0, 1fr) 90px 118px 92px; gap: 2px 14px; padding: 10px 16px; align-items: start; }
.run + .run { border-top: 1px solid var(--line); }
.run > .icon { margin-top: 3px; }
.run .name { font-weight: 600; color: var(--text); overflow-wrap: anywhere; }
.run a.name:hover { color: var(--link); }
.run .sub { font-size: 13px; overflow-wrap: anywhere; }
.run .attempt { border: 1px solid var(--line); border-radius: 10px; padding: 0 7px; font-size: 12px; margin-left: 4px; white-space: nowrap; }
.run .why { margin-top: 3px; font-size: 13px; color: var(--dim); overflow-wrap: anywhere; max-width: 100ch; }
.run .what { display: flow-root; }
.run .commit { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.run .took, .run .age { color: var(--dim); font-size: 13px; text-align: right; font-variant-numeric: tabular-nums; padding-top: 1px; }
.refusals .run { grid-template-columns: 36px minmax(0, 1fr) 160px 92px; }
.code { font: 600 12px/1.6 var(--mono); color: var(--amber); padding-top: 2px; }
.empty { background: var(--card); border: 1px dashed var(--line); border-radius: 8px; padding: 36px 24px; text-align: center; color: var(--dim); }
.empty strong { color: var(--text); }
.empty pre { display: inline-block; max-width: 100%; text-align: left; margin: 14px 0 0; }
.paging { display: flex; justify-content: center; gap: 12px; padding: 16px 0 0; }
.paging a { border: 1px solid var(--line); border-radius: 6px; padding: 5px 14px; background: var(--card); }
.after { text-align: center; padding-top: 14px; }

.icon { flex: none; color: var(--grey); }
.icon .line { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.icon .faint { opacity: 0.35; }
.icon .fill { fill: currentColor; }
.icon .cut { fill: none; stroke: var(--card); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.icon.is-success { color: var(--green); }
.icon.is-failure { color: var(--red); }
.icon.is-running { color: var(--amber); }
.run .icon.is-running, .title .icon.is-running, .line-of-time .icon.is-running { animation: turn 1.4s linear infinite; }
.icon.is-queued, .icon.is-interrupted, .icon.is-stopped { color: var(--amber); }
@keyframes turn { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { .icon { animation: none !important; } }

.crumbs { color: var(--dim); margin-bottom: 12px; overflow-wrap: anywhere; }
.title { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 10px 16px; margin-bottom: 14px; }
.title form { margin: 0; }
.title h1 { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; overflow-wrap: anywhere; min-width: 0; }
.title h1 > span { min-width: 0; max-width: calc(100% - 34px); }
.title .icon { width: 22px; height: 22px; }
.title .icon .cut { stroke: var(--page); }
.pill { font-size: 12px; font-weight: 500; border-radius: 20px; padding: 2px 10px; background: var(--grey-soft); color: var(--text); }
.pill.is-success { background: var(--green-soft); } .pill.is-failure { background: var(--red-soft); }
.pill.is-running, .pill.is-queued { background: var(--amber-soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px 20px; margin: 0 0 16px; padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.facts dt { font-size: 12px; color: var(--dim); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts div:last-child { grid-column: span 2; }
.verdict { border: 1px solid var(--line); border-left-width: 4px; border-radius: 8px; background: var(--card); padding: 12px 16px; margin-bottom: 16px; }
.verdict.failure { border-color: var(--red); background: var(--red-soft); }
.verdict.waiting { border-color: var(--amber); background: var(--amber-soft); }
.verdict .next { margin-top: 8px; font-weight: 600; }
.reason { white-space: pre-wrap; overflow-wrap: anywhere; }
main section { margin-bottom: 20px; }
.line-of-time { list-style: none; margin: 0; padding: 14px 16px 2px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.line-of-time > li { position: relative; padding: 0 0 16px 30px; }
.line-of-time > li:not(:last-child)::before { content: ""; position: absolute; left: 7px; top: 22px; bottom: -3px; width: 2px; background: var(--line); }
.line-of-time > li > .icon, .dot { position: absolute; left: 0; top: 3px; }
.dot { width: 10px; height: 10px; margin: 3px; border-radius: 50%; background: var(--line); }
.line-of-time .reason { margin-top: 4px; color: var(--dim); }
.steps { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 6px; }
.steps li { display: grid; grid-template-columns: 16px minmax(80px, 240px) minmax(60px, 1fr) 64px; gap: 2px 10px; align-items: center; }
.steps .reason { grid-column: 2 / -1; }
.step-name { overflow-wrap: anywhere; }
.step-took { text-align: right; color: var(--dim); font-size: 12px; font-variant-numeric: tabular-nums; }
.bar .track { fill: var(--grey-soft); }
.bar.success rect:last-child { fill: var(--bar-green); }
.bar.failure rect:last-child { fill: var(--bar-red); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 16px; }
.pair section { min-width: 0; }
pre { margin: 0; padding: 12px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: auto; max-height: 420px; }
.stack { margin: 8px 0; max-height: 220px; }
.plain { list-style: none; margin: 0; padding: 0; }
.id { overflow-wrap: anywhere; }

.message { max-width: 460px; margin: 8vh auto 0; padding: 28px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.message p { margin-top: 10px; }
.sign-in form { display: grid; gap: 10px; margin-top: 14px; }
.sign-in input { width: 100%; }
.sign-in .error { color: var(--red); margin: 0; }

@media (max-width: 1100px) {
  .strip { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  .strip .wide { grid-column: 1 / -1; }
}
@media (max-width: 700px) {
  main { padding: 14px 14px 24px; }
  .top { padding: 8px 14px; gap: 10px; }
  .strip { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; margin-bottom: 14px; }
  .card { padding: 10px 12px; }
  .figure { font-size: 21px; }
  .run, .refusals .run { grid-template-columns: 16px minmax(0, auto) 1fr; padding: 10px 12px; gap: 2px 10px; }
  .refusals .run { grid-template-columns: 36px minmax(0, auto) 1fr; }
  .run .what { grid-column: 2 / -1; }
  .run .commit { grid-column: 2; font-size: 13px; }
  .run .took { grid-column: 2; text-align: left; }
  .run .age { grid-column: 3; text-align: left; }
  .run .commit:empty, .run .took:empty { display: none; }
  .run .took:empty + .age { grid-column: 2 / -1; }
  .run .took { padding: 0; } .run .age { padding: 0; }
  .search { flex-wrap: wrap; }
  .search .text { flex-basis: 220px; }
  .steps li { grid-template-columns: 16px minmax(0, 1fr) 64px; }
  .steps .bar { grid-column: 2 / -1; grid-row: 2; }
  .live { font-size: 12px; }
}
@media (max-width: 460px) {
  .top:has(form) .brand span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
}
`;
