# pure
"""The page's style: light and dark by the reader's setting, one column on a phone."""

STYLE = """
:root{color-scheme:light dark;--back:#fff;--card:#f5f7f9;--line:#d5dae0;--text:#1c2126;
--soft:#555d66;
--good:#0b7a3e;--warn:#8a5a00;--bad:#b3261e;--none:#c9cfd6;--link:#0b57b0}
@media(prefers-color-scheme:dark){:root{--back:#13161a;--card:#1c2126;--line:#39414a;--text:#e8ebee;
--soft:#a9b2bc;--good:#4ccb86;--warn:#f0b44c;--bad:#ff8f86;--none:#424b55;--link:#8bbcff}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--back);color:var(--text)}
header,main,footer{max-width:72rem;margin:auto;padding:0 1rem}
h1{font-size:1.2rem;margin:1rem 0 .2rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
h3{font-size:1rem;
margin:.2rem 0}
a{color:var(--link)}nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:0;margin:.3rem 0;
list-style:none}
nav a{display:inline-block;padding:.25rem 0}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--back);
padding:.5rem;
z-index:1}
.card,.first{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.9rem 1.1rem}
.first{border-left:.5rem solid var(--good);margin:.8rem 0}.first.bad{border-left-color:var(--bad)}
.first.none{border-left-color:var(--none)}
.first h2{margin:0}.big{font-size:2rem;line-height:1.2;font-weight:650;margin:.2rem 0;
overflow-wrap:anywhere}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:1rem}
.card p{margin:.35rem 0;overflow-wrap:anywhere}.soft{color:var(--soft)}
p.good,span.good,td.good{color:var(--good)}p.bad,span.bad,td.bad,li.bad{color:var(--bad)}
ul.plain{margin:.3rem 0;padding-left:1.1rem;overflow-wrap:anywhere}
code{font:.88em ui-monospace,monospace;background:var(--back);border:1px solid var(--line);
border-radius:.25rem;padding:.05rem .3rem;overflow-wrap:anywhere}
.type span{white-space:nowrap}
.hidden caption{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.scroll{overflow-x:auto}.plot{direction:rtl}.plot svg{direction:ltr}table{border-collapse:collapse;
width:100%;font-size:.93rem}
caption{text-align:left;font-weight:600;padding:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;
border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere;min-width:4.5rem}
svg{width:100%;height:auto;display:block;margin:.2rem 0}svg text{font:11px system-ui,sans-serif;
fill:var(--soft)}
svg .good{fill:var(--good)}svg .warn{fill:var(--warn)}svg .bad{fill:var(--bad)}
svg .none{fill:var(--none)}
svg path{fill:none;stroke-width:1.6}.p50{stroke:var(--link)}.p95{stroke:var(--warn)}
svg .rule{stroke:var(--line);stroke-width:1}.mark{stroke:var(--soft);stroke-dasharray:3 3}
.back,.cross{stroke:var(--bad)}
.key::before{content:"";display:inline-block;width:1.2rem;height:3px;vertical-align:middle;
margin-right:.3rem;
background:var(--link)}.key.slow::before{background:var(--warn)}
@media(max-width:30rem){.big{font-size:1.6rem}.plot svg{min-width:34rem}svg text{font-size:19px}
.plot svg text{font-size:13px}table{min-width:40rem}}
footer{padding-bottom:2rem}
"""
