"""How a report looks, on a screen by day and by night, and on paper."""

CSS = """
:root{--ink:#16202c;--soft:#5b6877;--faint:#6f7b88;--line:#e2e7ec;--paper:#fff;--ground:#f3f5f8;--tint:#f7f9fb;
--accent:#2456c6;--good:#1c7c4a;--over:#c2352b;--tone:#2456c6;color-scheme:light}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#a3afbc;--faint:#788695;--line:#2a3440;
--paper:#161d26;--ground:#0e141b;--tint:#1b2430;--accent:#7fa6ff;--good:#55c78b;--over:#ff7b70;--tone:#7fa6ff;
color-scheme:dark}}
*{box-sizing:border-box}
p,li,dd,h1{overflow-wrap:anywhere}
html{font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink)}
.critical{--tone:#c2352b}.high{--tone:#c96a12}.medium{--tone:#96790a}.info{--tone:#4a6580}.week{--tone:#2456c6}
main{max-width:60rem;margin:2rem auto;padding:0 3rem 2.5rem;background:var(--paper);border-radius:14px;
border-top:6px solid var(--tone);box-shadow:0 1px 2px #0001,0 12px 32px #00000014}
header{padding:2rem 0 1.1rem;border-bottom:1px solid var(--line)}
.eyebrow{margin:0;font-size:.75rem;letter-spacing:.13em;text-transform:uppercase;color:var(--tone);font-weight:700}
h1{margin:.3rem 0 .9rem;font-size:2rem;line-height:1.15;letter-spacing:-.02em;font-weight:720;text-wrap:balance}
.head{display:flex;flex-wrap:wrap;gap:.4rem;margin:0;padding:0;list-style:none}
.head li{padding:.16rem .65rem;border:1px solid var(--line);border-radius:999px;font-size:.83rem;color:var(--soft);
background:var(--tint)}
.head li:first-child{color:#fff;background:var(--tone);border-color:var(--tone);font-weight:650}
.head li:first-child .cite,.head li:first-child .cite a{color:#fffc}
nav{display:flex;flex-wrap:wrap;gap:.15rem 1.05rem;padding:.9rem 0 0;font-size:.83rem}
nav a{color:var(--soft);text-decoration:none;white-space:nowrap}nav a:hover{color:var(--accent)}
section{padding-top:1.7rem}
h2{margin:0 0 .7rem;font-size:1.16rem;letter-spacing:-.01em;font-weight:690}
p{margin:.35rem 0;max-width:52rem;text-wrap:pretty}
ul.facts{margin:.3rem 0;padding-left:1.15rem}ul.facts li{margin:.32rem 0;padding-left:.15rem}
ul.facts li::marker{color:var(--tone)}
.cite{font:.7rem/1 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--faint);
margin-left:.25em}.cite a,.cite span{white-space:nowrap}
.cite a{color:var(--faint);text-decoration:none}.cite a:hover{color:var(--accent);text-decoration:underline}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:.2rem 0 1rem}
.tile{padding:.85rem 1rem .8rem;border:1px solid var(--line);border-radius:11px;background:var(--tint)}
.tile b{display:block;font-size:1.32rem;white-space:nowrap;line-height:1.2;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.tile span.term{display:block;font-size:.73rem;letter-spacing:.08em;color:var(--soft);font-weight:650}
.tile .cite{margin:0}
.scroll{overflow-x:auto;margin:.65rem 0}
table{width:100%;border-collapse:collapse;font-size:.85rem;line-height:1.42}
th{padding:.4rem .7rem .4rem 0;text-align:left;font-size:.71rem;letter-spacing:.06em;text-transform:uppercase;
color:var(--soft);border-bottom:1.5px solid var(--line);vertical-align:bottom;font-weight:650}
td{padding:.46rem .7rem .46rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:break-word;
font-variant-numeric:tabular-nums}
td.time{white-space:nowrap;color:var(--soft)}td.hash{font:.68rem/1.45 ui-monospace,Menlo,Consolas,monospace;
word-break:break-all;min-width:9.6rem;max-width:9.6rem;color:var(--soft)}
td:last-child,th:last-child{padding-right:0;text-align:right}td .cite{margin:0;display:inline-block;white-space:normal;
text-align:right;line-height:1.5;min-width:6.2rem}td .cite a,td .cite span{white-space:nowrap}
tr:last-child td{border-bottom:0}
dl{margin:.8rem 0 0;font-size:.79rem;color:var(--soft)}
dl div{display:flex;gap:.6rem;margin:.14rem 0}dt{font-weight:650;min-width:4.8rem}dd{margin:0}
figure{margin:1rem 0;padding:.9rem 1rem .75rem;border:1px solid var(--line);border-radius:11px;break-inside:avoid}
figcaption{font-size:.84rem;color:var(--soft);margin-top:.4rem}
.plot{display:block;width:100%;height:auto;font:10px ui-sans-serif,system-ui,sans-serif}
.plot .grid{stroke:var(--line);fill:none}.plot .axis{fill:var(--faint)}.plot .bar{fill:var(--accent)}
.plot .bar.over{fill:var(--over)}.plot .limit{stroke:var(--over);stroke-dasharray:5 4;stroke-width:1.4;fill:none}
.plot .line{stroke:var(--good);stroke-width:2;fill:none;stroke-linejoin:round}.plot .dot{fill:var(--good)}
.broken{margin:1rem 0;padding:.8rem 1rem;border-radius:10px;background:var(--over);color:#fff;font-weight:650}
.appendix{font-size:.92em}.appendix tr:target{background:color-mix(in srgb,var(--tone) 14%,transparent)}
footer{margin-top:1.6rem;padding-top:.9rem;border-top:1px solid var(--line);font-size:.79rem;color:var(--soft)}
@media (max-width:44rem){main{margin:0;padding:0 1.1rem 2rem;border-radius:0}h1{font-size:1.55rem}}
@page{size:A4;margin:17mm 15mm 19mm;@bottom-right{content:counter(page) " / " counter(pages);
font:9px system-ui,sans-serif;color:#777}@bottom-left{content:"Post-incident record";
font:9px system-ui,sans-serif;color:#777}}
@media print{html{font-size:10.2pt}body{background:#fff}main{margin:0;padding:0;max-width:none;border-radius:0;
box-shadow:none;border-top:0}header{padding-top:0}nav{display:none}h2{break-after:avoid}tr,.tile,li{break-inside:avoid}
thead{display:table-header-group}.scroll{overflow:visible}.cite a{color:#667}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
"""Without a resource from anywhere else: the page can be kept, mailed and printed."""
