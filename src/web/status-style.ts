import type { Html } from './html.ts';

/** Plain enough for a phone; wide tables scroll by themselves, and words stand beside colours for those who don't see them. */
export const STATUS_STYLE: Html = {
  html: `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentcolor 18%, transparent); --good: #1a7f4b; --middling: #b07400; --bad: #c62f2f; --off: #777; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 16px/1.45 system-ui, sans-serif; }
header, nav { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; }
header { justify-content: space-between; }
h1 { margin: 0; font-size: 1.25rem; }
h2 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
.verdict { margin-top: 1rem; padding: .75rem 1rem; border: 1px solid var(--line); border-left: .5rem solid var(--middling); border-radius: .4rem; }
.verdict.healthy { border-left-color: var(--good); }
.verdict.unhealthy { border-left-color: var(--bad); }
.verdict h2 { margin: 0; font-size: 1.2rem; }
.verdict ul { margin: .4rem 0 0; padding-left: 1.1rem; }
.verdict ul:empty { display: none; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin: 0; }
dl div { padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .4rem; }
dt { font-size: .85rem; opacity: .75; }
dd { margin: .15rem 0 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { font-size: .85rem; font-weight: normal; opacity: .75; }
tbody th { font-weight: 600; }
.time { white-space: nowrap; }
.number { font-variant-numeric: tabular-nums; }
.badge { display: inline-block; padding: 0 .5rem; border-radius: 1rem; color: #fff; font-size: .85rem; white-space: nowrap; background: var(--middling); }
.badge.good { background: var(--good); }
.badge.bad { background: var(--bad); }
.badge.off { background: var(--off); }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: flex; flex-wrap: wrap; gap: .15rem .75rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  th, td { padding: 0; border: 0; }
  tbody th { flex-basis: 100%; overflow-wrap: anywhere; }
  td:empty { display: none; }
  td[data-head]::before { content: attr(data-head) " "; font-size: .85rem; opacity: .75; }
}
footer { margin-top: 2rem; font-size: .8rem; opacity: .75; }
`,
};
