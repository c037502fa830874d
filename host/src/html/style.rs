//! The page's look; its colours are those of its charts: see [`crate::chart::of_page`].

/// All of it but the charts.
pub const CSS: &str = "\
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: .95rem; margin: 0; }
h3.above { margin: 1.25rem 0 .5rem; }
p { margin: .4rem 0; max-width: 48rem; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: .875em; }
code { overflow-wrap: anywhere; }
.eyebrow { color: var(--faint); font-size: .875rem; margin: 0 0 .25rem; }
.facts { display: grid; gap: .35rem 1.5rem; margin: 0; font-size: .9375rem; }
.facts div { display: grid; grid-template-columns: 6rem 1fr; gap: .5rem; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; white-space: pre-line; min-width: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0;
  padding: 0; list-style: none; }
.cards li { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.cards b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.cards span { display: block; color: var(--faint); font-size: .8125rem; }
.verdict { background: var(--panel); border-left: 4px solid var(--exact-edge); padding: .6rem .8rem; margin: 1rem 0 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: .5rem .75rem; }
th, td { padding: .4rem .75rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--faint); font-weight: 600; vertical-align: bottom; }
thead th.middle { text-align: center; }
thead th:first-child, tbody th { text-align: left; position: sticky; left: 0; background: var(--paper); }
tbody th { font-weight: 500; }
td small { color: var(--faint); font-size: 1em; }
.notes { color: var(--faint); font-size: .875rem; padding-left: 1.1rem; margin: .75rem 0 0; }
.notes li { margin: .2rem 0; overflow-wrap: anywhere; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .875rem; margin: .5rem 0; }
.key span::before { content: ''; display: inline-block; width: 1rem; height: .7rem; margin-right: .4rem;
  vertical-align: baseline; }
.key .model::before { height: 0; border-top: 3px solid var(--model); vertical-align: middle; }
.key .exact::before { background: var(--exact); border: 1px solid var(--exact-edge); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: 1rem;
  align-items: start; }
.charts.wide { grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
.charts.whole { grid-template-columns: minmax(0, 50rem); }
.charts.whole figure { overflow-x: auto; }
.charts.whole svg { min-width: 34rem; }
.charts + .charts { margin-top: 1rem; }
.charts.small { grid-template-columns: repeat(auto-fill, minmax(min(10rem, 46%), 1fr)); gap: .6rem; }
figure { margin: 0; padding: .6rem .7rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; min-width: 0; }
figcaption { color: var(--faint); font-size: .8125rem; }
figure h3 { display: flex; justify-content: space-between; gap: .5rem; }
figure h3 small { color: var(--faint); font-weight: 400; }
figure svg { display: block; width: 100%; height: auto; margin-top: .3rem; overflow: visible; }
details summary { cursor: pointer; color: var(--link); padding: .4rem 0; }
pre { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
footer { margin-top: 3rem; color: var(--faint); font-size: .875rem; }
@media (max-width: 40rem) {
  h1 { font-size: 1.6rem; }
  .facts div { grid-template-columns: 1fr; gap: 0; }
  th, td { padding: .4rem .55rem; }
  tbody th { white-space: normal; min-width: 7rem; max-width: 8.5rem; overflow-wrap: anywhere; }
}
@media print { .scroll { overflow: visible; } details pre { display: block; } }
";
