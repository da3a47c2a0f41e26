# pure
"""The style of reports: light and dark by the reader's setting, one column on a phone, fit for paper."""

STYLE = """
:root{color-scheme:light dark;--back:#fff;--card:#f5f7f9;--line:#d5dae0;--text:#1c2126;--soft:#505860;
--good:#0b7a3e;--warn:#8a5a00;--bad:#b3261e;--link:#0b57b0;--shade:#eef2f6;--hurt:#fbe9e7;--p99:#7a3f9d}
@media(prefers-color-scheme:dark){:root{--back:#13161a;--card:#1c2126;--line:#39414a;--text:#e8ebee;
--soft:#b3bcc6;--good:#4ccb86;--warn:#f0b44c;--bad:#ff8f86;--link:#8bbcff;--shade:#1f262d;--hurt:#3a2423;
--p99:#d7a6f5}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--back);color:var(--text)}
main{max-width:64rem;margin:auto;padding:1rem 1rem 3rem}
h1{font-size:1.15rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
p{margin:.35rem 0;overflow-wrap:anywhere}a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.first{background:var(--card);border:1px solid var(--line);border-left:.5rem solid var(--warn);
border-radius:.6rem;padding:.9rem 1.1rem}
.first.passed{border-left-color:var(--good)}.first.failed,.first.infrastructure{border-left-color:var(--bad)}
.verdict{font-size:2rem;line-height:1.2;font-weight:650;margin:.2rem 0;color:var(--warn)}
.verdict.passed,td.passed,td.good{color:var(--good)}
.verdict.failed,.verdict.infrastructure,td.failed,td.error,td.bad{color:var(--bad)}
td.skipped,td.void{color:var(--warn)}.soft{color:var(--soft)}
td.bad,td.failed,td.error{font-weight:600}td.n,td.passed,td.failed,td.error,td.skipped,td.void{white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:.9rem 0;
padding:0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.5rem .8rem}
.tiles dt{color:var(--soft);font-size:.85rem}.tiles dd{margin:0}
.tiles dd:first-of-type{font-size:1.4rem;font-weight:600;line-height:1.3}
.tiles .bad dd:first-of-type{color:var(--bad)}
ul{margin:.4rem 0;padding-left:1.2rem;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;font-size:13px;font-weight:400}
code{font:.88em ui-monospace,monospace;overflow-wrap:anywhere}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}
th[scope=row]{font-weight:500;overflow-wrap:anywhere;min-width:8rem}
td{overflow-wrap:anywhere}.scroll td,th[scope=col]{white-space:nowrap}
.scroll th[scope=row]{position:sticky;left:0;background:var(--back)}
figure{margin:.4rem 0 1.6rem;break-inside:avoid}
figcaption{font-weight:600;font-size:.95rem;margin-bottom:.9rem}
.plot{position:relative;height:7.5rem;margin:0 .3rem 1.7rem 3.6rem}.plot.tall{height:13rem}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot span{position:absolute;font-size:.75rem;line-height:1;white-space:nowrap;color:var(--soft)}
.plot .y{right:100%;padding-right:.4rem;transform:translateY(50%)}
.plot .x{top:100%;padding-top:.35rem;transform:translateX(-50%)}
.plot .x.start{transform:none}.plot .x.end{transform:translateX(-100%)}
.plot .limit{right:0;margin-bottom:.2rem;padding:.1rem .25rem;background:var(--back);border-radius:.2rem;
opacity:.85;color:var(--text)}.plot .stage,.plot .mark{bottom:100%;padding-bottom:.15rem}
.plot .stage{overflow:hidden;text-overflow:ellipsis;padding-left:.15rem}
.plot .mark{color:var(--text);font-weight:600}
svg path,svg line{fill:none;vector-effect:non-scaling-stroke;stroke-width:1.5}
svg .rule{stroke:var(--line);stroke-width:1}svg .shade{fill:var(--shade)}svg .hurt{fill:var(--hurt)}
svg .line{stroke:var(--link)}svg .p50{stroke:var(--link)}svg .p95{stroke:var(--warn);stroke-width:2.5}
svg .p99{stroke:var(--p99);stroke-dasharray:2 3}svg .bar{fill:var(--bad)}
svg .edge{stroke:var(--soft);stroke-dasharray:6 4}svg .mark{stroke:var(--text);stroke-width:2}
.key{display:inline-block;margin-left:.8rem;font-weight:400;white-space:nowrap;color:var(--soft)}
.key::before{content:"";display:inline-block;width:1.3rem;margin-right:.3rem;vertical-align:middle;
border-top:2px solid var(--link)}
.key.p95::before{border-top:3px solid var(--warn)}.key.p99::before{border-top:2px dotted var(--p99)}
.key.edge::before{border-top:2px dashed var(--soft)}
.key.bar::before{border-top:.6rem solid var(--bad);width:.6rem}
@media(max-width:30rem){main{padding:.6rem .7rem 2rem}.plot{margin-left:3rem}.plot.tall{height:11rem}
.verdict{font-size:1.7rem}}
@media print{:root{color-scheme:light;--back:#fff;--card:#fff;--line:#bbb;--text:#000;--soft:#333;
--good:#0b7a3e;--warn:#8a5a00;--bad:#b3261e;--link:#0b57b0;--shade:#eee;--hurt:#f6d9d6;--p99:#7a3f9d}
body{font-size:12px;print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}
.scroll{overflow:visible}section>h2{break-after:avoid}tr,.first,.tiles div{break-inside:avoid}}
"""
