"""The files of a small report, one of each kind."""

import json

import pyarrow as pa

from recexplainer.explanation.cases import CASES
from recexplainer.explanation.texts import write_explanations
from recexplainer.files import write_json, write_parquet
from recexplainer.report.page import Files

HOSTILE = "</style><script>alert(1)</script> \"A\" & 'b' <img src=x onerror=alert(1)>"
"""What a title or a text may hold."""

NOTHING = Files([], [], None, None, None, None, None, None, None, [], [])

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>'


def make_files(folder, hostile: str = HOSTILE) -> Files:
    """Write one small file of each kind, with hostile text wherever text may come from outside."""
    cases = [
        {
            "case": f"{place:04d}",
            "user": place,
            "prefix": place,
            "item": place,
            "label": place % 2 == 1,
            "score": 0.5,
            "percentile": 0.5,
            "history": [f"History {place} {hostile}", "Second"],
            "title": f"Title {place} {hostile}",
            "description": hostile,
            "tags": "",
            "brand": "",
            "feature": "",
        }
        for place in range(6)
    ]
    write_parquet(folder / "cases.parquet", pa.Table.from_pylist(cases, schema=CASES))
    for system in ("base", "hybrid-full"):
        rows = [
            {
                "case": case["case"],
                "prompt": "",
                "text": f"{system} on {case['case']}: {hostile}",
                "decision": None if system == "base" else True,
                "label": case["label"],
                "score": 0.5,
                "finish": "stop",
            }
            for case in cases
        ]
        write_explanations(folder / f"{system}.parquet", rows)
    (folder / "table1.csv").write_text('dataset,users\ngames,700\n"' + hostile.replace('"', '""') + '",3\n')
    (folder / "table2.html").write_text(
        '<html><h1>no</h1><table class="sheet"><tr><td>typeset</td></tr></table></html>'
    )
    (folder / "table2.csv").write_text(
        "dataset,method,classification_acc,classification_acc_low,classification_acc_high,classification_cases\n"
        "games,random,0.5,0.4,0.6,72\ngames,behavior,0.9,0.8,0.95,72\ngames,hybrid,0.75,0.625,0.85,72\n"
    )
    (folder / "spending.csv").write_text("stage,service,model,requests,prompt_tokens,completion_tokens,usd\n")
    (folder / "figure6.svg").write_text(SVG)
    numbers = "table,section,dataset,method,metric,paper,ours,low,high,difference,verdict\n"
    numbers += "2,7,games,hybrid,ranking_ndcg5,0.7,0.71,0.69,0.73,0.01,within\n"
    numbers += "2,7,movies,hybrid,ranking_ndcg5,0.7,,,,,not run\n1,6,games,,users,3901,3000,,,-901,outside\n"
    (folder / "paper.csv").write_text(numbers)
    (folder / "claims.csv").write_text(
        "claim,words,where,paper,paper_detail,verdict,held,compared,datasets,data,test,detail\n"
        'c1,"a, <b>",section 3.3,in part,"1 of 2 comparisons; games, a: 1 and 2",supported,2,2,games,,bootstrap,'
        '"first <i>; second"\n'
        "c2,other,table 3,not printed,,not run,0,0,,,,\n"
    )
    write_json(
        folder / "provenance.json",
        {
            "version": "1.2.3",
            "commit": "c0ffee" * 6,
            "dirty": False,
            "config": {"seed": 2024, "name": hostile},
            "packages": {f"package{number}": "1.0" for number in range(20)},
            "raw": [{"path": f"raw/{hostile}", "bytes": 5, "sha256": "ab", "generated": True}],
            "llm": None,
            "new": {"a": [1, {"b": None}]},
        },
    )
    (folder / "benchmarks" / "align").mkdir(parents=True)
    (folder / "benchmarks" / "align" / "games.tsv").write_text("s\tmax_rss\tcpu_time\n3600\t800\t3000\n")
    write_json(folder / "graph.json", [["align", "report"], ["align", hostile], [hostile, "table2"]])
    (folder / "deviations.yaml").write_text(json.dumps([{"topic": "T", "paper": "P", "here": hostile, "why": "W"}]))
    at = {name: str(folder / name) for name in ("paper.csv", "claims.csv", "provenance.json", "graph.json")}
    return Files(
        tables=[str(folder / name) for name in ("table1.csv", "table2.html", "spending.csv")],
        figures=[str(folder / "figure6.svg")],
        paper_vs_ours=at["paper.csv"],
        claims=at["claims.csv"],
        provenance=at["provenance.json"],
        benchmarks=str(folder / "benchmarks"),
        graph=at["graph.json"],
        deviations=str(folder / "deviations.yaml"),
        cases=str(folder / "cases.parquet"),
        explanations=[str(folder / f"{system}.parquet") for system in ("base", "hybrid-full")],
        systems=["base", "hybrid-full"],
        alignment=str(folder / "table2.csv"),
    )
